"""Tags as CSV, JSON lines and Parquet."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from tagger.errors import MissingDependencyError, OutputError
from tagger.inference import writers
from tagger.inference.tags import Tag, Tagged
from tagger.inference.writers import check_output, open_writer

ATTRIBUTES = ["usage", "usage_confidence"]  # the second name tries to be mistaken for a column of numbers
GOOD = Tagged(
    "größe\n№1",
    'a "b", c.jpg',
    {"usage": Tag("Casual|Sports", 0.9, (("Party", 0.0512),), True), "usage_confidence": Tag("", 0.4321)},
    {"usage_softmax": {"Casual": 0.5}},
    novelty=1.25,
)
BROKEN = Tagged("2", "gr\udcf6\udcdfe.jpg", error="gr\udcf6\udcdfe.jpg: not a photo.")
COLUMNS = [
    "id", "image", "usage", "usage_confidence", "usage_needs_review", "usage_confidence",
    "usage_confidence_confidence", "usage_confidence_needs_review", "not_a_product", "error",
]  # fmt: skip
ESCAPED = "gr\\udcf6\\udcdfe.jpg"


def write(path: Path, *results: Tagged, attributes: list[str] = ATTRIBUTES) -> Path:
    check_output(path)
    with contextlib.closing(open_writer(path, path.suffix.lower(), attributes)) as writer:
        for tagged in results:
            writer.write(tagged)
    return path


def test_csv(tmp_path: Path) -> None:
    with write(tmp_path / "tags.CSV", GOOD, BROKEN).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        COLUMNS,
        ["größe\n№1", 'a "b", c.jpg', "Casual|Sports", "0.9", "true", "", "0.4321", "false", "true", ""],
        ["2", ESCAPED, "", "", "", "", "", "", "", f"{ESCAPED}: not a photo."],
    ]


def test_jsonl(tmp_path: Path) -> None:
    text = write(tmp_path / "tags.jsonl", GOOD, BROKEN).read_text(encoding="utf-8")
    assert "größe" in text
    good, broken = map(json.loads, text.splitlines())
    assert good == {
        "id": "größe\n№1",
        "image": 'a "b", c.jpg',
        "inputs": "",
        "tags": {
            "usage": {
                "label": "Casual|Sports",
                "confidence": 0.9,
                "needs_review": True,
                "runners_up": [{"label": "Party", "confidence": 0.0512}],
            },
            "usage_confidence": {"label": "", "confidence": 0.4321, "needs_review": False, "runners_up": []},
        },
        "other_heads": {"usage_softmax": {"Casual": 0.5}},
        "not_a_product": True,
        "novelty": 1.25,
        "error": "",
    }
    assert broken == {
        "id": "2", "image": ESCAPED, "inputs": "", "tags": {}, "other_heads": {}, "not_a_product": None,
        "novelty": None, "error": f"{ESCAPED}: not a photo.",
    }  # fmt: skip


@pytest.mark.parametrize("rows_in_a_group", [1, 2, 4096])
def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_in_a_group: int) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(writers, "_PARQUET_ROWS", rows_in_a_group)
    table = pd.read_parquet(write(tmp_path / "tags.parquet", GOOD, BROKEN, GOOD, attributes=["usage"]))
    assert list(table) == ["id", "image", "usage", "usage_confidence", "usage_needs_review", "not_a_product", "error"]
    assert table["id"].tolist() == ["größe\n№1", "2", "größe\n№1"]
    assert table["usage"].fillna("missing").tolist() == ["Casual|Sports", "missing", "Casual|Sports"]
    assert table["usage_confidence"].dtype == "float32"
    assert table["usage_confidence"].isna().tolist() == [False, True, False]
    for name in ("usage_needs_review", "not_a_product"):
        assert table[name].tolist() == [True, None, True]
    assert table["error"].tolist() == ["", f"{ESCAPED}: not a photo.", ""]


def test_parquet_types_go_by_place_not_by_name(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    schema = parquet.read_schema(write(tmp_path / "tags.parquet", GOOD))
    tag = ["string", "float", "bool"]
    assert list(map(str, schema.types)) == ["string", "string", *tag, *tag, "bool", "string"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_no_photo_still_makes_a_readable_file(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"tags{suffix}", attributes=["usage"])
    if suffix == ".jsonl":
        assert path.read_text() == ""
        return
    table = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert list(table) == ["id", "image", "usage", "usage_confidence", "usage_needs_review", "not_a_product", "error"]
    assert table.empty


@pytest.mark.parametrize("name", ["tags.txt", "tags", "tags.csv.gz"])
def test_an_unknown_suffix(name: str) -> None:
    with pytest.raises(OutputError, match=r"written as \.csv, \.jsonl or \.parquet"):
        check_output(Path(name))


def test_parquet_needs_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"catalog-tagger\[parquet\]"):
        check_output(Path("tags.parquet"))
