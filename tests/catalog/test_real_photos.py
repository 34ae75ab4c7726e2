from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tagger.catalog.cache import open_cache
from tagger.catalog.duplicates import group_near_duplicates
from tagger.catalog.read import read_catalog
from tagger.catalog.splits import check_split, make_split
from tagger.config import PhotoConfig, SplitConfig


@pytest.mark.slow
def test_the_real_catalog_is_split_without_leaks(real_catalog):
    catalog = read_catalog(real_catalog)
    with tempfile.TemporaryDirectory() as folder:  # the cache takes half a gigabyte: not kept as tmp_path would be
        cache = open_cache(catalog, PhotoConfig(), Path(folder))
        assert cache.problems == {}
        assert len(cache) == (catalog.table["image"] != "").sum()
        groups = pd.Series(group_near_duplicates(cache.hashes, 1), index=list(cache.rows))
    assert 1000 < (groups.value_counts() > 1).sum() < 2000
    assert groups.value_counts().max() < 50
    split = make_split(catalog, groups, SplitConfig())
    check_split(split, groups)
    assert np.allclose(split.value_counts(normalize=True)[["train", "validation", "test"]], [0.8, 0.1, 0.1], atol=0.002)
    types = catalog.table["articleType"]
    assert set(types[split == "train"]) == set(types)
    counts = types.value_counts()
    shares = pd.crosstab(types, split, normalize="index").loc[counts.index[counts >= 200]]
    assert shares["test"].between(0.09, 0.11).all()
