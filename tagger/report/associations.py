"""How much one column of a catalog says about another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: A column that is explained to this share follows from the other one: nothing to see in a table of both.
_FOLLOWS = 0.98
_FEW = 12
_MOST_ROWS = 30


@dataclass(frozen=True)
class CrossTable:
    """Products by two attributes: the most frequent labels of one as rows, those of another, with few, as columns.

    Args:
        counts: products, a row a label.
        rows: the attribute of the rows.
        columns: the attribute of the columns.
        left_out: labels of the rows that are not in the table.
    """

    counts: pd.DataFrame = field(repr=False)
    rows: str
    columns: str
    left_out: int


def measure_associations(columns: Mapping[str, pd.Series[str]]) -> pd.DataFrame:
    """Measure how much each column says about each other one, between 0 (nothing) and 1 (all).

    It is the mutual information of both, as a share of the entropy of the explained one (Theil's uncertainty
    coefficient), over the products that have both. Unlike Cramér's V it has a direction: an article type tells the
    category, and not the other way round. The entropies are corrected for rare values by Miller and Madow's term,
    without which any two columns with many values would seem related.

    Args:
        columns: name → a cell a product; "" is missing.

    Returns:
        A square table: the explained column (rows) by the one that explains it (columns); NaN where no product has
        both, or where the explained one has a single value.
    """
    codes = {name: _codes(column) for name, column in columns.items()}
    names = list(codes)
    table = pd.DataFrame(np.nan, index=names, columns=names)
    for at, first in enumerate(names):
        for second in names[at:]:
            table.loc[first, second], table.loc[second, first] = _explained(codes[first], codes[second])
    return table


def choose_cross_tables(columns: Mapping[str, pd.Series[str]], associations: pd.DataFrame) -> list[CrossTable]:
    """For each attribute with 2 to 12 labels, cross it with the attribute that says most about it.

    One that it follows from is passed over, since each row of such a table would have one entry.

    Args:
        columns: name → a cell a product, of attributes with one label; "" is missing.
        associations: of these columns at least, see `measure_associations`.
    """
    tables = []
    for name, column in columns.items():
        if not 2 <= _distinct(column) <= _FEW:
            continue
        says: dict[str, Any] = {other: associations.loc[name, other] for other in columns if other != name}
        telling = {other: share for other, share in says.items() if 0 < share < _FOLLOWS}
        if telling:
            best = max(telling, key=telling.__getitem__)
            tables.append(cross(columns[best], column, best, name))
    return sorted(tables, key=lambda table: -len(table.counts))


def cross(
    rows: pd.Series[str], columns: pd.Series[str], row_name: str, column_name: str, *, numeric: bool = False
) -> CrossTable:
    """Count the products by two columns, the most frequent labels first, at most 30 rows.

    Args:
        rows: a cell a product; "" is missing.
        columns: the same.
        row_name: what the rows are called.
        column_name: what the columns are called.
        numeric: the columns are numbers, and stay in their order.
    """
    both = (rows != "") & (columns != "")
    table = pd.crosstab(rows[both].to_numpy(), columns[both].to_numpy())
    across = sorted(map(str, table.columns), key=float) if numeric else _by_size(table.sum(axis=0))
    counts = table.reindex(index=_by_size(table.sum(axis=1)), columns=across)
    return CrossTable(counts.iloc[:_MOST_ROWS], row_name, column_name, max(0, len(counts) - _MOST_ROWS))


def _codes(column: pd.Series[str]) -> NDArray[np.int64]:
    """Number the values, int64 (N,); -1 is missing."""
    codes, _ = pd.factorize(column)
    return np.where(column == "", -1, codes)


def _distinct(column: pd.Series[str]) -> int:
    return int(column[column != ""].nunique())


def _explained(first: NDArray[np.int64], second: NDArray[np.int64]) -> tuple[float, float]:
    """Share of the first that the second explains, and the other way round."""
    both = (first >= 0) & (second >= 0)
    first, second = first[both], second[both]
    if not len(first):
        return np.nan, np.nan
    alone = _entropy(first), _entropy(second)
    shared = sum(alone) - _entropy(first * (second.max() + 1) + second)
    return _share(shared, alone[0]), _share(shared, alone[1])


def _share(part: float, whole: float) -> float:
    # The correction may lead a little out of the range.
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else np.nan


def _entropy(codes: NDArray[np.int64]) -> float:
    _, counts = np.unique(codes, return_counts=True)
    if len(counts) == 1:
        return 0.0
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum() + (len(counts) - 1) / (2 * len(codes)))


def _by_size(totals: pd.Series[int]) -> list[str]:
    return sorted(map(str, totals.index), key=lambda label: (-totals[label], label))
