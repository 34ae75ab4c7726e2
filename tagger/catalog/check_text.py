"""Write a `CheckReport` for people (Markdown that also reads well on a terminal) and for programs (JSON)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tagger.catalog.check import CheckReport, FlagSummary, LabelSummary
from tagger.files import write_json, write_text

_WIDTH = 118
_MOST_SIZES = 10
_MOST_IDS = 8


def write_check(report: CheckReport, folder: Path | str) -> tuple[Path, Path]:
    """Write `report.md` and `check.json` into a folder; other files in it stay.

    Raises:
        OutputError: the folder can't be written.
    """
    text, data = Path(folder, "report.md"), Path(folder, "check.json")
    write_text(text, render_check(report))
    write_json(data, asdict(report))
    return text, data


def render_check(report: CheckReport, most_labels: int | None = None) -> str:
    """Return the report as Markdown, tables aligned.

    Args:
        report: what was found.
        most_labels: how many labels of an attribute, and unreadable photos, to list; None: all.
    """
    blocks = [
        f"# Check of {report.catalog}",
        f"{report.rows_read:,} rows read, {report.products:,} products after cleaning, "
        f"{report.photos.readable:,} of them with a photo that can be used.",
        "## Findings",
        *_findings(report),
        "## Labels",
        *_labels(report.labels, most_labels),
        *_flags(report.flags),
        "## Photos",
        *_photos(report, most_labels),
        "## Near-duplicates",
        *_duplicates(report),
        "## Split",
        *_split(report),
    ]
    return "\n\n".join(blocks) + "\n"


def _findings(report: CheckReport) -> Iterator[str]:
    if not report.findings:
        yield "Nothing was dropped, repaired or found missing."
        return
    rows = [[f"{f.count:,}", f.action, f.kind, f.why] for f in report.findings]
    yield _table(["count", "action", "finding", "what"], rows, right={0})
    yield "Examples:"
    yield "\n".join(
        _fill(f"- {f.kind}, {f.action}: {', '.join(f.examples)}{', …' if f.count > len(f.examples) else ''}")
        for f in report.findings
    )


def _labels(labels: Mapping[str, LabelSummary], most: int | None) -> Iterator[str]:
    if not labels:
        yield "The catalog has no attributes."
        return
    rows = []
    for name, summary in labels.items():
        numbers = [f"{number:,}" for number in (len(summary.counts), summary.labelled, summary.missing)]
        rows.append([name, *numbers, next(iter(summary.counts), ""), _share(summary.majority)])
    yield _table(["attribute", "labels", "labelled", "missing", "most frequent", "its share"], rows, right={1, 2, 3, 5})
    yield "\n".join(_fill(f"- {name}: {_counts(summary.counts, most)}") for name, summary in labels.items())


def _flags(flags: Mapping[str, FlagSummary]) -> Iterator[str]:
    if flags:
        yield "## Flags"
        rows = [
            [name, f"{s.true:,}", f"{s.false:,}", f"{s.missing:,}", _share(s.true / max(1, s.true + s.false))]
            for name, s in flags.items()
        ]
        yield _table(["flag", "true", "false", "missing", "true share"], rows, right={1, 2, 3, 4})


def _photos(report: CheckReport, most: int | None) -> Iterator[str]:
    photos = report.photos
    unreadable = len(photos.unreadable)
    yield f"{photos.readable:,} readable, {unreadable:,} unreadable, {photos.missing:,} products without one."
    if photos.unreadable:
        shown = list(photos.unreadable.items())[:most]
        more = [["…", f"and {unreadable - len(shown)} more"]] if len(shown) < unreadable else []
        yield _table(["id", "why it can't be read"], [*map(list, shown), *more])
    if photos.modes:
        sizes, modes = _counts(photos.sizes, _MOST_SIZES), _counts(photos.modes, _MOST_SIZES)
        yield _fill(f"- sizes (width x height): {sizes}") + "\n" + _fill(f"- colour modes: {modes}")


def _duplicates(report: CheckReport) -> Iterator[str]:
    found = report.duplicates
    if found is None:
        yield report.duplicates_problem
        return
    yield _fill(
        f"{found.groups:,} groups of photos that are nearly the same (perceptual hashes at most {found.distance} bit(s)"
        f" apart), with {found.products:,} products in all and {found.largest:,} in the largest. The largest ones:"
        if found.groups
        else "No two photos are nearly the same."
    )
    if found.examples:
        yield "\n".join(_fill(f"- {len(ids)} products: {_list(ids, _MOST_IDS)}") for ids in found.examples)


def _split(report: CheckReport) -> Iterator[str]:
    split = report.split
    total = max(1, sum(split.sizes.values()))
    if split.sizes:
        rows = [
            [part, f"{count:,}", _share(count / total), f"{split.with_photo[part]:,}"]
            for part, count in split.sizes.items()
        ]
        yield _table(["part", "products", "share", "with a photo"], rows, right={1, 2, 3})
    looked = "No near-duplicate group spans two parts." if report.duplicates else "Near-duplicates were not looked for."
    yield _fill(f"Split: {split.source}. {split.problem or looked}")


def _counts(counts: Mapping[str, int], most: int | None) -> str:
    shown = list(counts.items())[:most]
    more = f" · and {len(counts) - len(shown)} more" if len(counts) > len(shown) else ""
    return " · ".join(f"{name} {count:,}" for name, count in shown) + more


def _list(words: Sequence[str], most: int) -> str:
    return ", ".join([*words[:most], *(["…"] if len(words) > most else [])])


def _share(share: float) -> str:
    return f"{share:.1%}"


def _fill(text: str) -> str:
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] | set[int] = frozenset()) -> str:
    """Return a Markdown table with aligned columns; those in `right` are aligned to the right."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    pads = [str.rjust if at in right else str.ljust for at in range(len(widths))]
    lines = [
        "| " + " | ".join(pad(cell, width) for pad, cell, width in zip(pads, row, widths, strict=True)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 1) + (":" if at in right else "-") for at, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
