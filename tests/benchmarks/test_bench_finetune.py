"""Another catalog out of one, and the table of what was learnt on it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import finetune
from benchmarks.jobs.finetune import change_photo, make
from benchmarks.measure import Contender, Measured, Sample, Say
from benchmarks.report import Report, cell_text
from tagger.catalog.read import read_catalog
from tagger.manifest import seal


def test_another_catalog(
    tiny_bundle: Path, sample_catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = read_catalog(sample_catalog).table
    learnt = set(table.index[:100])
    parts = "\n".join(f"{id_},{'train' if id_ in learnt else 'test'}" for id_ in table.index)
    (tiny_bundle / "split.csv").write_text(f"id,part\n{parts}\n")
    seal(tiny_bundle, {})
    make(tiny_bundle, sample_catalog, tmp_path, 40, 1000, True, ["gender", "masterCategory"])
    said = json.loads(capsys.readouterr().out)
    with (tmp_path / "products.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert said["test"] == sum(row["pool"] == "test" for row in rows) == len(rows) - said["train"]
    assert 40 <= said["train"] <= 80 and len(rows) <= len(table) - len(learnt)
    unseen = table.drop(list(learnt))
    known = set(unseen["gender"] + " " + unseen["masterCategory"])
    assert {row["shelf"] for row in rows} <= known and said["classes"] == len({row["shelf"] for row in rows})
    assert all(Image.open(tmp_path / row["image"]).size == (270, 320) for row in rows)


def test_a_changed_photo_shows_the_same_thing_elsewhere() -> None:
    photo = np.full((80, 60, 3), 255, dtype=np.uint8)
    photo[20:60, 15:45] = (10, 12, 14)
    changed = [change_photo(photo, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(changed[0], changed[1])
    dark = [np.argwhere(each.max(axis=2) < 20) for each in changed]
    assert all(500 < len(places) < 0.4 * 320 * 270 for places in dark)
    assert np.abs(dark[0].mean(axis=0) - dark[2].mean(axis=0)).max() > 5


def test_the_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run_all(contenders: list[Contender], rounds: int, say: Say) -> list[Measured]:
        values = [{"accuracy": 0.5 + 0.1 * ("from" in c.command), "macro_f1": 0.4, "seconds": 9} for c in contenders]
        return [Measured(c, [Sample(1, 1, None, v)]) for c, v in zip(contenders, values, strict=True)]

    drawn = Sample(1, 1, None, {"train": 50, "test": 20, "classes": 7})
    monkeypatch.setattr(finetune, "run_once", lambda contender: drawn)
    monkeypatch.setattr(finetune, "run_rounds", run_all)
    report, sizes = Report("finetune", "Fine-tuning", "command", {}), finetune.Sizes((30, 300), 20)
    finetune.measure_finetune(
        tmp_path, tmp_path, False, ("gender",), ("training.epochs=3",), sizes, 2, lambda _: None, report
    )
    (table,) = report.tables
    assert "the 7 classes" in table.text and "on 20 other photos; of the 2 runs" in table.text
    assert [(row[0], row[1], cell_text(row[2])) for row in table.rows] == [
        (30, "from scratch, settings of `tagger train`", "0.5"),
        (30, "from scratch, settings of --from", "0.5"),
        (30, "--from", "0.6"),
        (30, "--from, training.epochs=3", "0.6"),
    ]
    assert len(report.measured) == 8
