from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tagger.catalog.cache import open_cache
from tagger.catalog.division import divide_catalog
from tagger.catalog.table import Catalog, CleaningReport
from tagger.config import PhotoConfig, SplitConfig
from tagger.errors import SplitError


@pytest.fixture
def catalog() -> Catalog:
    ids = pd.Index([f"{number:04d}" for number in range(240)], name="id")
    table = pd.DataFrame({"image": "", "articleType": ["Shirts", "Shoes"] * 120}, index=ids, dtype=str)
    return Catalog(Path("catalog"), table, ("articleType",), (), CleaningReport())


@pytest.fixture
def with_photos(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """The first 40 products; each two of them show the same photo."""
    monkeypatch.setenv("TAGGER_CACHE", str(tmp_path / "cache"))
    table = catalog.table.iloc[:40].copy()
    random = np.random.default_rng(0)
    for pair in range(20):
        Image.fromarray(random.integers(0, 256, (80, 60, 3), np.uint8)).save(tmp_path / f"{pair}.png")
    table["image"] = [str(tmp_path / f"{number // 2}.png") for number in range(40)]
    return dataclasses.replace(catalog, table=table)


def test_photos_that_look_alike_stay_together(with_photos: Catalog) -> None:
    split = divide_catalog(with_photos, open_cache(with_photos, PhotoConfig()), SplitConfig())
    assert set(split) == {"train", "validation", "test"}
    assert (split.to_numpy()[::2] == split.to_numpy()[1::2]).all()


def test_a_given_split_that_leaks_is_refused(with_photos: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_text("id,part\n0000,train\n0001,test\n")
    with pytest.raises(SplitError, match="near-duplicate"):
        divide_catalog(with_photos, open_cache(with_photos, PhotoConfig()), SplitConfig(), path)


def test_products_without_photos_are_divided_too(catalog: Catalog) -> None:
    split = divide_catalog(catalog, None, SplitConfig())
    assert split.value_counts().to_dict() == pytest.approx({"train": 192, "validation": 24, "test": 24}, abs=2)


def test_a_given_split_may_lack_products(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_text("id,part\n0000,train\n0001,test\n")
    assert divide_catalog(catalog, None, SplitConfig(), path).to_dict() == {"0000": "train", "0001": "test"}


def test_a_given_split_may_name_products_that_cleaning_dropped(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_text("id,part\n0000,train\ndropped,test\n")
    assert divide_catalog(catalog, None, SplitConfig(), path).to_dict() == {"0000": "train"}


def test_a_split_of_another_catalog_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_text("id,part\nother,train\n")
    with pytest.raises(SplitError, match="names no product"):
        divide_catalog(catalog, None, SplitConfig(), path)
