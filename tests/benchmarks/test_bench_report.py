from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.machine import describe_machine
from benchmarks.measure import Contender, Measured, Sample, Spread
from benchmarks.report import Cell, Report, Table, cell_text, common, rate


def _report() -> Report:
    samples = [Sample(2.0, 3.0, 50_000_000), Sample(4.0, 5.0, 70_000_000)]
    good = Measured(Contender("ours", ("a", "b"), items=100, stdin=Path("list")), samples)
    failed = Measured(Contender("theirs", ("c",)), error="no such file")
    report = Report("tag", "Tagging", "python -m benchmarks tag", {"processor": "Abacus"})
    (each,) = report.took([good, failed])
    report.tables.append(Table("Rates", "How fast.", ("contender", "photos/s"), [(each.contender.name, rate(each))]))
    return report


def test_markdown() -> None:
    text = _report().markdown()
    assert "## Tagging" in text
    assert "- processor: Abacus" in text
    assert "| contender | photos/s |\n| :-- | --: |\n| ours | 37.5 (25–50) |" in text
    assert "- Failed: theirs: no such file" in text


def test_files(tmp_path: Path) -> None:
    path = _report().write(tmp_path / "new")
    assert path.read_text(encoding="utf-8") == _report().markdown()
    value = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert value["machine"] == {"processor": "Abacus"}
    assert value["tables"][0]["rows"] == [["ours", {"median": 37.5, "least": 25.0, "greatest": 50.0}]]
    ours, theirs = value["measured"]
    assert [sample["wall"] for sample in ours["samples"]] == [2.0, 4.0]
    assert (theirs["error"], theirs["samples"]) == ("no such file", [])


def test_common_columns() -> None:
    (measured,) = [each for each in _report().measured if not each.error]
    assert common(measured) == (Spread(3, 2, 4), Spread(4, 3, 5), Spread(60, 50, 70))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "–"),
        ("a|b", "a\\|b"),
        (12345, "12,345"),
        (1234.5, "1,234"),
        (0.012345, "0.0123"),
        (Spread(2, 1, 3), "2 (1–3)"),
        (Spread(2, 2, 2), "2"),
    ],
)
def test_cells(cell: Cell, text: str) -> None:
    assert cell_text(cell) == text


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert int(machine["cores usable"]) >= 1
    assert f"{sys.version_info.major}.{sys.version_info.minor}." in machine["Python"]
    assert "numpy " in machine["libraries"]
    assert all(machine.values())
