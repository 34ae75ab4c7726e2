from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tagger.catalog.table import Catalog
from tagger.config import FlagsConfig
from tagger.errors import CatalogError, OutputError, SplitError
from tagger.flags.evaluation import ALL, NETWORK, PREDICTED, UNCATEGORISED
from tagger.flags.predictor import FlagPredictor
from tagger.flags.report import FlagReport
from tagger.flags.training import train_flags


def test_it_learns_flags_that_depend_on_the_metadata(trained: tuple[Path, FlagReport]) -> None:
    scores = trained[1].to_frame().set_index(["setting", "flag", "method"])
    for setting in (ALL, UNCATEGORISED):
        for flag in ("isFragile", "isReturnable"):
            row = scores.loc[(setting, flag, NETWORK)]
            assert row["average_precision"] > 0.9 > row["positive_rate"], (setting, flag)
    # All predicted categories are "Shirts", which are never fragile.
    assert scores.loc[(PREDICTED, "isFragile", "look-up by articleType")]["recall"] in (0, 1)
    assert scores.loc[(PREDICTED, "isFragile", "look-up by articleType")]["average_precision"] == pytest.approx(
        scores.loc[(PREDICTED, "isFragile", NETWORK)]["positive_rate"]
    )


def test_the_folder_is_complete(trained: tuple[Path, FlagReport]) -> None:
    folder, report = trained
    assert sorted(path.name for path in folder.iterdir()) == [
        "features.json",
        "flags.csv",
        "flags.json",
        "flags.md",
        "flags.onnx",
    ]
    stored = json.loads((folder / "flags.json").read_text())
    assert [flag["name"] for flag in stored["flags"]] == ["isFragile", "isReturnable"]
    assert {flag["name"]: flag["positive"] for flag in stored["flags"]}["isReturnable"] == "false"
    assert stored["left_out"] == report.left_out == {"active": "always true in the train part"}
    assert len(pd.read_csv(folder / "flags.csv")) == len(stored["scores"]) == len(report.scores) == 12


def test_missing_flags_are_left_out_of_the_metrics(trained: tuple[Path, FlagReport], catalog: Catalog) -> None:
    score = next(score for score in trained[1].scores if score.flag == "isReturnable")
    test = catalog.table.iloc[4::5]["isReturnable"]
    assert score.products == (test != "").sum()


def test_the_same_seed_gives_the_same_network(
    trained: tuple[Path, FlagReport], catalog: Catalog, split: pd.Series, small: FlagsConfig, tmp_path: Path
) -> None:
    train_flags(catalog, split, small, tmp_path / "again", seed=3)
    expected = FlagPredictor.open(trained[0]).probabilities(catalog.table)
    again = FlagPredictor.open(tmp_path / "again").probabilities(catalog.table)
    np.testing.assert_allclose(again, expected, atol=1e-5)


def test_validation_and_test_are_not_learnt_from(catalog: Catalog, split: pd.Series, tmp_path: Path) -> None:
    table = catalog.table.copy()
    table.loc[split == "test", "brand"] = "Testbrand"
    config = FlagsConfig(epochs=1, hidden=(4,))
    train_flags(dataclasses.replace(catalog, table=table), split, config, tmp_path / "flags")
    assert "Testbrand" not in (tmp_path / "flags" / "features.json").read_text()


def test_a_catalog_without_categories_titles_or_other_parts_will_do(catalog: Catalog, tmp_path: Path) -> None:
    bare = dataclasses.replace(
        catalog, table=catalog.table[["image", "price", "isFragile"]], attributes=(), flags=("isFragile",)
    )
    split = pd.Series("train", index=bare.table.index)
    report = train_flags(bare, split, FlagsConfig(epochs=1, hidden=()), tmp_path / "flags")
    assert report.scores == ()
    assert FlagPredictor.open(tmp_path / "flags").flags[0].threshold == 0.5


def test_products_outside_the_split_are_not_used(catalog: Catalog, split: pd.Series, tmp_path: Path) -> None:
    config = FlagsConfig(epochs=1, hidden=(4,))
    report = train_flags(catalog, split.iloc[:50], config, tmp_path / "flags")
    assert report.products == {"train": 30, "validation": 10, "test": 10}


def test_progress_is_told(catalog: Catalog, split: pd.Series, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    config = FlagsConfig(epochs=2, hidden=(4,))
    train_flags(
        catalog, split, config, tmp_path / "flags", progress=lambda done, total, what: told.append((done, total))
    )
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("flags", "columns", "message"),
    [
        ((), "all", "whose values are true and false"),
        (("active",), "all", r"active \(always true in the train part\)"),
        (("active",), (), "empty list"),
    ],
)
def test_nothing_to_learn_is_said(
    catalog: Catalog, split: pd.Series, tmp_path: Path, flags: tuple[str, ...], columns: object, message: str
) -> None:
    config = FlagsConfig.model_validate({"columns": columns})
    with pytest.raises(CatalogError, match=message):
        train_flags(dataclasses.replace(catalog, flags=flags), split, config, tmp_path / "flags")
    assert not list(tmp_path.iterdir())


def test_an_empty_train_part_is_said(catalog: Catalog, split: pd.Series, tmp_path: Path) -> None:
    with pytest.raises(SplitError, match="Expected products in the train part"):
        train_flags(catalog, split.rename(index=lambda id_: f"other-{id_}"), FlagsConfig(), tmp_path / "flags")


def test_a_folder_of_other_things_is_left_alone(catalog: Catalog, split: pd.Series, tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_text("mine")
    with pytest.raises(OutputError, match="holds something else"):
        train_flags(catalog, split, FlagsConfig(), tmp_path)
    assert (tmp_path / "photos.zip").exists()


def test_older_flags_are_replaced(trained: tuple[Path, FlagReport], catalog: Catalog, split: pd.Series) -> None:
    folder = trained[0].parent / "again"
    for epochs in (1, 2):
        train_flags(catalog, split, FlagsConfig(epochs=epochs, hidden=()), folder)
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_a_file_in_the_place_of_the_folder_is_left_alone(catalog: Catalog, split: pd.Series, tmp_path: Path) -> None:
    (tmp_path / "flags").write_text("mine")
    with pytest.raises(OutputError):
        train_flags(catalog, split, FlagsConfig(epochs=1, hidden=()), tmp_path / "flags")
    assert (tmp_path / "flags").read_text() == "mine"
