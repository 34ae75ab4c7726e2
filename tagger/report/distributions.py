"""How the values of a catalog's columns are spread: classes, numbers, gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tagger.catalog.cells import JOINT
from tagger.catalog.cleaning import count_labels
from tagger.catalog.folders import SPLIT
from tagger.catalog.table import IMAGE, METADATA_COLUMNS, Catalog

#: Classes with fewer products count as rare.
RARE = 10
_EXAMPLES = 5
#: So many different values are drawn one by one.
_FEW_VALUES = 40


@dataclass(frozen=True)
class Balance:
    """How even the classes of an attribute are.

    Args:
        name: the attribute.
        counts: class → products, the most frequent first; a product with several labels counts for each.
        labelled: products with a label.
        missing: products without one.
        several: products with more than one label.
    """

    name: str
    counts: Mapping[str, int] = field(repr=False)
    labelled: int
    missing: int
    several: int

    @property
    def majority(self) -> float:
        """Share of the labelled products that have the most frequent label; 0 where none is labelled."""
        return max(self.counts.values()) / self.labelled if self.labelled else 0.0

    @property
    def effective(self) -> float:
        """Effective number of classes: so many equally frequent ones would be as hard to guess (exp of the entropy)."""
        shares = self.shares
        return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0

    @property
    def rare(self) -> int:
        """Classes with fewer than 10 products."""
        return sum(count < RARE for count in self.counts.values())

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of each class in all labels, float64 (K,), the largest first."""
        counts = np.array(list(self.counts.values()), dtype=np.float64)
        return counts / counts.sum() if len(counts) else counts


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Args:
        name: the column.
        values: product id → number, finite, those of other products left out.
        missing: products without a value.
        unreadable: how many values are no number.
        examples: a few of them.
    """

    name: str
    values: pd.Series[float] = field(repr=False)
    missing: int
    unreadable: int
    examples: tuple[str, ...]

    @property
    def is_skewed(self) -> bool:
        """Whether few values are so much larger than the others that a logarithmic scale shows more."""
        positive = self.positive
        if len(positive) < 0.98 * len(self.values) or not len(positive):
            return False
        middle, high = positive.quantile([0.5, 0.99])
        return bool(high > 4 * middle)

    @property
    def positive(self) -> pd.Series[float]:
        """The values above 0, which a logarithmic scale can show."""
        return self.values[self.values > 0]

    @property
    def is_discrete(self) -> bool:
        """Whether there are few different values, all whole, such as years."""
        return self.values.nunique() <= _FEW_VALUES and bool((self.values == self.values.round()).all())


@dataclass(frozen=True)
class Gaps:
    """A column of the catalog: what it is for, how many products lack it, and how many values it has."""

    name: str
    role: str
    missing: int
    distinct: int


def measure_balance(name: str, column: pd.Series[str]) -> Balance:
    """Count the classes of an attribute.

    Args:
        name: the attribute.
        column: a cell a product; "" is missing, several labels are joined by "|".
    """
    missing = int((column == "").sum())
    several = int(column.str.contains(JOINT, regex=False).sum())
    return Balance(name, dict(count_labels(column)), len(column) - missing, missing, several)


def read_numbers(name: str, column: pd.Series[str]) -> Numbers:
    """Read a column of numbers; what is no finite number is counted and left out."""
    filled = column[column != ""]
    values = pd.to_numeric(filled, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
    lost = filled[values.isna()]
    examples = tuple(map(str, lost.unique()[:_EXAMPLES]))
    return Numbers(name, values.dropna(), len(column) - len(filled), len(lost), examples)


def most_telling(numbers: Numbers, table: pd.DataFrame, names: Iterable[str]) -> str | None:
    """Name the column whose labels differ most in a number: by the share of the ranks' variance between them (eta²).

    Args:
        numbers: the number.
        table: the catalog's.
        names: the columns to choose from.
    """
    ranks = numbers.values.rank()
    shares = {}
    for name in names:
        labels = table[name].loc[ranks.index]
        kept = ranks[labels != ""]
        means = kept.groupby(labels[labels != ""]).transform("mean")
        shares[name] = means.var() / kept.var() if len(kept) > 1 and kept.var() > 0 else 0.0
    return max(shares, key=shares.__getitem__, default=None)


def find_gaps(catalog: Catalog) -> list[Gaps]:
    """Describe every column of the catalog, attributes first, then metadata, flags and the rest."""
    roles = {IMAGE: "photo", SPLIT: "split", **dict.fromkeys(METADATA_COLUMNS, "metadata")}
    roles |= dict.fromkeys(catalog.flags, "flag") | dict.fromkeys(catalog.attributes, "attribute")
    order = ["attribute", "photo", "metadata", "flag", "split", "other"]
    gaps = []
    for name in catalog.table.columns:
        column = catalog.table[name]
        missing = int((column == "").sum())
        gaps.append(Gaps(name, roles.get(name, "other"), missing, column.nunique() - bool(missing)))
    return sorted(gaps, key=lambda column: order.index(column.role))
