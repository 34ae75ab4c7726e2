"""Tables of text: Markdown for a report, plain columns for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]


def number(value: float | None, decimals: int = 3) -> str:
    """A share or a score as text; "–" where there is none."""
    return "–" if value is None or value != value else f"{value:.{decimals}f}"


def markdown_table(header: Sequence[str], rows: Rows, text_columns: int = 1) -> str:
    """Return a Markdown table whose source is aligned too.

    Args:
        header: names of the columns.
        rows: cells of each row.
        text_columns: so many columns from the left are aligned left, the others right.
    """
    escaped = [[_escape(cell) for cell in row] for row in rows]
    widths = [max(3, width) for width in _widths([header, *escaped])]
    rule = ["-" * w if i < text_columns else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    lines = [header, rule, *escaped]
    return "\n".join("| " + " | ".join(_aligned(line, widths, text_columns)) + " |" for line in lines) + "\n"


def plain_table(header: Sequence[str], rows: Rows, text_columns: int = 1) -> str:
    """Return columns with two blanks between them, under a line of names."""
    widths = _widths([header, *rows])
    return "\n".join("  ".join(_aligned(line, widths, text_columns)).rstrip() for line in [header, *rows]) + "\n"


def _widths(lines: Rows) -> list[int]:
    return [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]


def _aligned(line: Sequence[str], widths: Sequence[int], text_columns: int) -> list[str]:
    return [
        cell.ljust(width) if i < text_columns else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
