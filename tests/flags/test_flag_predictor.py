from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tagger.catalog.table import Catalog
from tagger.errors import BundleError
from tagger.flags import predictor
from tagger.flags.predictor import Flag, FlagPredictor
from tagger.flags.report import FlagReport

Trained = tuple[Path, FlagReport]


@pytest.fixture
def copy(trained: Trained, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained[0], tmp_path / "flags"))


def test_it_predicts_flags_and_probabilities(trained: Trained, catalog: Catalog) -> None:
    found = FlagPredictor.open(trained[0]).predict(catalog.table)
    assert list(found) == ["isFragile", "isFragile_probability", "isReturnable", "isReturnable_probability"]
    assert found.index.equals(catalog.table.index)
    assert found["isFragile"].dtype == bool
    assert found["isFragile_probability"].between(0, 1).all()
    assert (found["isFragile"] == (catalog.table["isFragile"] == "true")).mean() > 0.9
    assert found.loc[catalog.table["articleType"] == "Shoes", "isReturnable"].mean() < 0.2


def test_missing_columns_are_missing_values(trained: Trained, catalog: Catalog) -> None:
    opened = FlagPredictor.open(trained[0])
    empty = catalog.table.assign(**dict.fromkeys(["masterCategory", "articleType", "brand"], ""))
    without = catalog.table.drop(columns=["masterCategory", "articleType", "brand"])
    np.testing.assert_array_equal(opened.probabilities(without), opened.probabilities(empty))
    assert len(opened.predict(catalog.table[["image"]])) == len(catalog)


def test_no_products_give_no_rows(trained: Trained, catalog: Catalog) -> None:
    found = FlagPredictor.open(trained[0]).predict(catalog.table.iloc[:0])
    assert found.shape == (0, 4)


def test_chunks_make_no_difference(trained: Trained, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = FlagPredictor.open(trained[0])
    whole = opened.probabilities(catalog.table)
    monkeypatch.setattr(predictor, "CHUNK", 7)
    np.testing.assert_allclose(opened.probabilities(catalog.table), whole, atol=1e-6)


def test_it_runs_without_tensorflow(trained: Trained, catalog: Catalog, tmp_path: Path) -> None:
    catalog.table.to_csv(tmp_path / "table.csv")
    program = f"""
import sys
import pandas as pd
from tagger.flags.predictor import FlagPredictor
table = pd.read_csv({str(tmp_path / "table.csv")!r}, dtype=str, keep_default_na=False, index_col="id")
assert len(FlagPredictor.open({str(trained[0])!r}).predict(table)) == {len(catalog)}
heavy = {{"tensorflow", "keras", "sklearn", "matplotlib"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("inner", ["flags", "bundle/flags"])
def test_a_bundle_or_run_folder_will_do(trained: Trained, tmp_path: Path, inner: str) -> None:
    shutil.copytree(trained[0], tmp_path / inner)
    assert "isFragile" in repr(FlagPredictor.open(tmp_path))


@pytest.mark.parametrize("name", ["features.json", "flags.onnx"])
def test_a_flipped_byte_is_noticed(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"{name} is damaged"):
        FlagPredictor.open(copy)


@pytest.mark.parametrize("name", ["features.json", "flags.onnx", "flags.json"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=name):
        FlagPredictor.open(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 1, "sha256": {}, "flags": []}', "\x00"])
def test_other_contents_are_refused(copy: Path, text: str) -> None:
    (copy / "flags.json").write_text(text)
    with pytest.raises(BundleError, match=r"flags\.json"):
        FlagPredictor.open(copy)


def test_a_later_version_is_refused(copy: Path) -> None:
    contents = json.loads((copy / "flags.json").read_text())
    (copy / "flags.json").write_text(json.dumps(contents | {"version": 2}))
    with pytest.raises(BundleError, match="version 2, this program reads version 1"):
        FlagPredictor.open(copy)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere"):
        FlagPredictor.open(tmp_path / "nowhere")


def test_the_threshold_counts_for_the_positive_value() -> None:
    probability = np.array([0.95, 0.85, 0.2], np.float32)
    assert Flag("f", "true", 0.9).decide(probability).tolist() == [True, False, False]
    # "false" is found where its probability is at least 0.1
    assert Flag("f", "false", 0.1).decide(probability).tolist() == [True, False, False]
    assert Flag("f", "false", 0.1).score(probability).tolist() == pytest.approx([0.05, 0.15, 0.8])


def test_the_index_of_the_table_is_kept(trained: Trained) -> None:
    found = FlagPredictor.open(trained[0]).predict(pd.DataFrame({"title": ["Blue Vase"]}, index=["é-1"]))
    assert found.index.tolist() == ["é-1"]
