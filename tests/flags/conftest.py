"""A small catalog with flags, and a network trained on it once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tagger.catalog.table import Catalog, CleaningReport
from tagger.config import FlagsConfig
from tagger.flags.report import FlagReport

NOUNS = {"Vases": "Vase", "Lamps": "Lamp", "Shirts": "Shirt", "Shoes": "Shoe"}
SMALL = FlagsConfig(epochs=10, hidden=(16,), vocabulary=50, learning_rate=0.01)


def make_catalog(products: int = 240, seed: int = 0) -> Catalog:
    """Vases and Lamps are fragile, Shoes can't be returned, some flags are missing, `active` is always true."""
    random = np.random.default_rng(seed)
    rows = {}
    for number in range(products):
        article = str(random.choice(list(NOUNS)))
        rows[f"{number:04d}"] = {
            "image": "",
            "masterCategory": "Home" if article in ("Vases", "Lamps") else "Fashion",
            "articleType": article,
            "gender": str(random.choice(["Men", "Women", "Men|Women"])),
            "brand": str(random.choice(["Acme", "Bolt", ""])),
            "price": "" if number % 7 == 0 else str(random.integers(10, 900)),
            "title": f"{random.choice(['Acme', 'Bolt'])} {random.choice(['Red', 'Blue'])} {NOUNS[article]}",
            "description": "<b>Keep</b> dry" if number % 2 else "",
            "isFragile": "true" if article in ("Vases", "Lamps") else "false",
            "isReturnable": "" if number % 5 == 0 else "false" if article == "Shoes" else "true",
            "active": "true",
        }
    table = pd.DataFrame.from_dict(rows, orient="index", dtype=str).rename_axis("id")
    return Catalog(
        root=Path("catalog"),
        table=table,
        attributes=("masterCategory", "articleType", "gender"),
        flags=("isFragile", "isReturnable", "active"),
        report=CleaningReport(),
    )


def make_split(catalog: Catalog) -> pd.Series:
    """Every fifth product is in validation, the one after it in test."""
    parts = ["validation" if n % 5 == 3 else "test" if n % 5 == 4 else "train" for n in range(len(catalog))]
    return pd.Series(parts, index=catalog.table.index)


@pytest.fixture
def catalog() -> Catalog:
    return make_catalog()


@pytest.fixture
def split(catalog: Catalog) -> pd.Series:
    return make_split(catalog)


@pytest.fixture
def small() -> FlagsConfig:
    return SMALL


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FlagReport]:
    """The folder and the report of a network trained on the small catalog, with categories that are all wrong."""
    from tagger.flags.training import train_flags

    catalog = make_catalog()
    predicted = pd.DataFrame("Shirts", index=catalog.table.index, columns=["articleType"])
    folder = tmp_path_factory.mktemp("flags") / "flags"
    return folder, train_flags(catalog, make_split(catalog), SMALL, folder, seed=3, predicted=predicted)
