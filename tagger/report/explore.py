"""Explore a catalog: what it holds, how even it is, what goes together, which photos stand out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from tagger.catalog.check import Inspection, inspect_catalog
from tagger.catalog.table import Catalog
from tagger.config import Config
from tagger.progress import Progress, silent
from tagger.report.associations import CrossTable, choose_cross_tables, measure_associations
from tagger.report.distributions import Balance, Gaps, Numbers, find_gaps, measure_balance, read_numbers
from tagger.report.explore_photos import DuplicateGroup, group_duplicates, odd_photos

#: More columns than these are not compared with each other.
_MOST_COMPARED = 24
_NUMBERS = ("year", "price")
_REPEATING = ("brand", "ageGroup", "year")


@dataclass(frozen=True)
class Exploration:
    """All that `tagger explore` shows.

    Args:
        path: of the catalog, as it was named.
        found: the catalog and its photos.
        distance: bits that the hashes of near-duplicates may differ in.
        balances: of each attribute.
        gaps: of each column.
        numbers: of year and price, where the catalog has them.
        associations: how much the columns (across) say about the others (down).
        cross_tables: of pairs of attributes.
        odd: photos of unusual sizes, see `odd_photos`.
        duplicates: near-duplicate groups, the largest first.
    """

    path: str
    found: Inspection
    distance: int
    balances: list[Balance] = field(repr=False)
    gaps: list[Gaps] = field(repr=False)
    numbers: list[Numbers] = field(repr=False)
    associations: pd.DataFrame = field(repr=False)
    cross_tables: list[CrossTable] = field(repr=False)
    odd: pd.DataFrame = field(repr=False)
    duplicates: list[DuplicateGroup] = field(repr=False)


def explore_catalog(path: Path | str, config: Config, progress: Progress = silent) -> Exploration:
    """Read a catalog, rare labels and all, and measure what there is to show.

    Args:
        path: the catalog.
        config: its sections catalog, attributes, photo and split are used; without attributes, all of the catalog.
        progress: told about photos decoded and looked at.

    Raises:
        CatalogError: the catalog can't be read, or lacks an attribute of the config.
    """
    found = inspect_catalog(path, config, keep_rare=True, progress=progress)
    catalog = found.catalog
    balances = [measure_balance(name, catalog.table[name]) for name in catalog.attributes]
    columns = _compared(catalog)
    associations = measure_associations(columns)
    single = {b.name: columns[b.name] for b in balances if b.name in columns and not b.several}
    return Exploration(
        path=str(path),
        found=found,
        distance=config.split.near_duplicate_distance,
        balances=balances,
        gaps=find_gaps(catalog),
        numbers=[read_numbers(name, catalog.table[name]) for name in _NUMBERS if name in catalog.table],
        associations=associations,
        cross_tables=choose_cross_tables(single, associations),
        odd=odd_photos(found.headers),
        duplicates=group_duplicates(catalog, found.groups),
    )


def _compared(catalog: Catalog) -> dict[str, pd.Series[str]]:
    """Columns with values that repeat: attributes, then some metadata, then flags that are not the same for all."""
    names = dict.fromkeys([*catalog.attributes, *(n for n in _REPEATING if n in catalog.table), *catalog.flags])
    columns = {name: catalog.table[name] for name in names}
    telling = {name: column for name, column in columns.items() if column[column != ""].nunique() > 1}
    return dict(list(telling.items())[:_MOST_COMPARED])
