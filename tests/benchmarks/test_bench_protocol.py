from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import protocol
from benchmarks.__main__ import main


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four shirts, two ties and a mug; classes of two photos are frequent."""
    monkeypatch.setattr(protocol, "LEAST", {"articleType": 2, "baseColour": 1, "season": 1})
    (tmp_path / "images").mkdir()
    rows = ["id,articleType,baseColour"]
    for row, (kind, colour) in enumerate([("Shirts", "Navy Blue")] * 4 + [("Ties", "Blue")] * 2 + [("Mugs", "")]):
        rows.append(f"{row},{kind},{colour}")
        (tmp_path / "images" / f"{row}.jpg").write_bytes(b"")
    (tmp_path / "styles.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def _measure(catalog: Path, predictions: list[str]) -> dict[str, list[object]]:
    report = catalog / "report"
    report.mkdir()
    header = "id,articleType_truth,articleType,baseColour_truth,baseColour,error"
    (report / "predictions.csv").write_text("\n".join([header, *predictions]) + "\n")
    out = catalog / "out"
    command = ["protocol", "--report", str(report), "--data", str(catalog), "--out", str(out)]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads((out / "protocol.json").read_text(encoding="utf-8"))
    assert any("season" in note for note in found["notes"])
    return {row[0]: row[1:] for row in found["tables"][0]["rows"]}


def test_rare_classes_are_left_out_and_colours_of_a_family_are_one(catalog: Path) -> None:
    rows = _measure(
        catalog,
        ["0,Shirts,Shirts,Navy Blue,Teal,", "1,Shirts,Mugs,Blue,Blue,", "4,Ties,Ties,Blue,Red,", "6,Mugs,Ties,,Red,"],
    )
    classes, products, accuracy, macro_f1, majority = rows["articleType"]
    assert (classes, products, accuracy, majority) == (2, 3, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert macro_f1 == pytest.approx((2 / 3 + 1) / 2)
    assert rows["baseColour"][:3] == [1, 3, pytest.approx(2 / 3)]
    assert rows["mean"][3] == pytest.approx((macro_f1 + rows["baseColour"][3]) / 2)


def test_products_that_were_not_judged_do_not_count(catalog: Path) -> None:
    rows = _measure(catalog, ["0,Shirts,Shirts,Blue,Blue,", "2,,,,,no photo"])
    assert rows["articleType"][1] == 1


def test_a_folder_that_is_no_report_is_said(catalog: Path) -> None:
    result = CliRunner().invoke(main, ["protocol", "--report", str(catalog), "--data", str(catalog)])
    assert result.exit_code == 1
    assert "Give the folder that tagger evaluate wrote" in result.output


def test_the_fifteen_families_share_no_colour() -> None:
    colours = [colour for members in protocol.FAMILIES.values() for colour in members]
    assert len(protocol.FAMILIES) == 15
    assert len(set(colours)) == len(colours)
