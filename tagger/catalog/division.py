"""Divide a catalog with its photos: a new split or a given one, near-duplicates together either way."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from tagger.catalog.cache import PhotoCache
from tagger.catalog.duplicates import group_near_duplicates
from tagger.catalog.splits import check_split, make_split, read_split
from tagger.catalog.table import Catalog
from tagger.config import SplitConfig
from tagger.errors import SplitError

_log = logging.getLogger(__name__)


def divide_catalog(
    catalog: Catalog,
    cache: PhotoCache | None,
    config: SplitConfig,
    split_file: Path | None = None,
    learned: Collection[str] = (),
) -> pd.Series[str]:
    """Give the products their parts.

    Args:
        catalog: the products.
        cache: their photos; None where there are none, then each product stands for itself.
        split_file: a split made before, instead of a new one. Products that it does not name are left out.
        learned: products that a network has learned from already; a new split has them in train.

    Returns:
        id → "train", "validation" or "test".

    Raises:
        SplitError: the given split is none, is of another catalog, or has near-duplicates in two parts; or the
            catalog is too small for a new one.
        MissingDependencyError: there are photos, and imagehash is not installed.
    """
    groups = pd.Series(dtype="int64")
    if cache is not None:
        numbers = group_near_duplicates(cache.hashes, config.near_duplicate_distance)
        groups = pd.Series({id_: int(numbers[row]) for id_, row in cache.rows.items()}, dtype="int64")
    if split_file is not None:
        split = _given(split_file, catalog)
    else:
        split = make_split(catalog, groups, config, learned)
        if "split" in catalog.table.columns:
            return split  # the layout's own split is kept as it is, with a warning where it leaks
    check_split(split, groups)
    return split


def _given(path: Path, catalog: Catalog) -> pd.Series[str]:
    """The part of a given split that speaks of this catalog: cleaning may have dropped products since it was made."""
    split = read_split(path)
    known = split.index.isin(catalog.table.index)
    if not known.any():
        raise SplitError(f"{path} names no product of {catalog.root}. Give the split that was made for this catalog.")
    if strange := int((~known).sum()):
        _log.warning("%s names %d id(s) that the catalog, as cleaned, does not have", path, strange)
    if without := len(catalog) - int(known.sum()):
        _log.warning("%s gives no part to %d product(s); they are left out", path, without)
    return split[known]
