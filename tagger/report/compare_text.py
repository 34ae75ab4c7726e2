"""A comparison in words and tables."""

from __future__ import annotations

from tagger.report.compare import Change, Comparison
from tagger.report.tables import markdown_table, number, plain_table

_HEADER = ["attribute", "figure", "before", "now", "change", "95 % interval", "verdict"]


def comparison_text(comparison: Comparison) -> str:
    """The comparison for a terminal."""
    return "\n".join(
        [f"Against {comparison.report}:", plain_table(_HEADER, _rows(comparison), 2), *remarks(comparison)]
    )


def comparison_markdown(comparison: Comparison) -> str:
    """The comparison as a section of the summary."""
    listed = "".join(f"- {remark}\n" for remark in remarks(comparison))
    table = markdown_table(_HEADER, _rows(comparison), 2) if comparison.changes else ""
    return f"## Change since {comparison.report}\n\n{table}\n{listed}"


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def remarks(comparison: Comparison) -> list[str]:
    """What a reader of the differences must know, the attributes that only one report has included."""
    said = [*comparison.notes]
    if comparison.added:
        said.append(f"Not in the earlier report: {', '.join(comparison.added)}.")
    if comparison.removed:
        said.append(f"Only in the earlier report: {', '.join(comparison.removed)}.")
    return said


def _rows(comparison: Comparison) -> list[list[str]]:
    return [
        [name, figure.replace("_", "-").replace("f1", "F1"), number(c.before), number(c.now), *_change(c)]
        for name, figures in comparison.changes.items()
        for figure, c in figures.items()
    ]


def _change(change: Change) -> list[str]:
    interval = " … ".join(map(signed, change.interval)) if change.interval else "–"
    return ["–" if change.difference is None else signed(change.difference), interval, change.verdict or "–"]
