"""Markdown for people and JSON for programs, from the same tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Measured, Spread
from tagger.files import write_json, write_text

Cell = str | int | float | Spread | None

#: Heads of the columns that `common` fills.
COMMON = ("wall time, s", "CPU time, s", "peak memory, MB")


@dataclass
class Table:
    """Rows under a title, with a sentence or two on what was measured."""

    title: str
    text: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)


@dataclass
class Report:
    """The answer to one question.

    Args:
        question: name of the command.
        title: of the whole.
        command: how to run it again.
        machine: what it ran on.
        tables: results.
        notes: what was left out, and what failed.
        measured: every single sample, for the JSON.
    """

    question: str
    title: str
    command: str
    machine: dict[str, str]
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)

    def took(self, measured: Sequence[Measured]) -> list[Measured]:
        """Take in what was measured, note the failures, and give back what succeeded."""
        self.measured += measured
        self.notes += [f"Failed: {each.contender.name}: {each.error}" for each in measured if each.error]
        return [each for each in measured if not each.error]

    def markdown(self) -> str:
        """Render everything but the single samples."""
        lines = [f"## {self.title}", "", "```sh", self.command, "```", ""]
        lines += [f"- {name}: {value}" for name, value in self.machine.items()]
        lines += ["", "Median of the rounds, in brackets the least and the greatest.", ""]
        for table in self.tables:
            lines += [f"### {table.title}", "", table.text, "", *_grid(table), ""]
        if self.notes:
            lines += ["### Left out or failed", "", *(f"- {note}" for note in self.notes), ""]
        return "\n".join(lines)

    def write(self, folder: Path) -> Path:
        """Write `<question>.md` and `<question>.json`; returns the former."""
        path = folder / f"{self.question}.md"
        write_text(path, self.markdown())
        write_json(path.with_suffix(".json"), self._json())
        return path

    def _json(self) -> dict[str, Any]:
        tables = [asdict(table) for table in self.tables]
        samples = [
            {"contender": each.contender.name, "command": each.contender.command, "items": each.contender.items}
            | {"error": each.error, "samples": [asdict(sample) for sample in each.samples]}
            for each in self.measured
        ]
        about = {"question": self.question, "title": self.title, "command": self.command, "machine": self.machine}
        return {**about, "tables": tables, "notes": self.notes, "measured": samples}


def common(measured: Measured) -> tuple[Cell, ...]:
    """Wall time, CPU time and peak memory."""
    return measured.wall, measured.cpu, measured.memory


def rate(measured: Measured, seconds: Callable[[Any], float] = lambda sample: float(sample.wall)) -> Spread:
    """Items a second."""
    return measured.spread(lambda sample: measured.contender.items / seconds(sample))


def _grid(table: Table) -> list[str]:
    align = [":--" if all(isinstance(row[i], str) for row in table.rows) else "--:" for i in range(len(table.columns))]
    cells = [[cell_text(cell) for cell in row] for row in table.rows]
    return ["| " + " | ".join(row) + " |" for row in [table.columns, align, *cells]]


def cell_text(cell: Cell) -> str:
    """A cell as Markdown; numbers get three digits that count, or all before the point."""
    if cell is None:
        return "–"
    if isinstance(cell, Spread):
        ends = [_number(value) for value in (cell.least, cell.greatest)]
        return f"{_number(cell.median)} ({'–'.join(ends)})" if cell.least < cell.greatest else _number(cell.median)
    return cell.replace("|", "\\|") if isinstance(cell, str) else _number(cell)


def _number(value: float) -> str:
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
