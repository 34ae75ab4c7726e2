"""The page of an evaluation, from which an analyst decides what can go live and what to mend first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tagger.report.album import Album
from tagger.report.compare import Change, Comparison
from tagger.report.compare_text import remarks, signed
from tagger.report.curves import coverage_curves
from tagger.report.evaluation import Evaluation
from tagger.report.html_attribute import attribute_section
from tagger.report.html_issues import issues_section
from tagger.report.metrics import Metrics
from tagger.report.mistakes import confident_mistakes, judged_tags, share_photos
from tagger.report.page import (
    Cell,
    Column,
    KeyFigure,
    KeyFigures,
    Note,
    Page,
    Part,
    Plot,
    Section,
    Table,
    Text,
    write_page,
)
from tagger.report.tables import number
from tagger.report.verdict import give_verdict

_SIGNS = {"live": "✔", "partly": "◐", "person": "✘"}
_LEAD = (
    'Tags are judged as the command "tagger tag" gives them. Below a figure is its 95 % interval: drawing the products '
    "again would give a figure in it nineteen times in twenty."
)
_READING = (
    "Coverage: share of the tags whose confidence is high enough that the target should be reached; the others are "
    "marked for review. Reached: how many of the unmarked ones are right here. Where that is below the target, these "
    "products are not like those that the bundle was calibrated on; --target-precision asks for more. Majority: "
    "accuracy of always saying the most frequent label. Macro-F1: mean over the classes in the truth or the tags of "
    "this part, rare ones counting as much as frequent ones. A class that is never found counts 0; a precision or "
    "recall that is a share of nothing is shown as –."
)


def report_page(evaluation: Evaluation) -> Page:
    """Put the page together; see `write_report_page`."""
    first = evaluation.predictions.drop_duplicates("id")
    album = Album(dict(zip(first["id"], first["image"], strict=True)), evaluation.photo)
    mistakes = {name: confident_mistakes(evaluation.predictions, name) for name in evaluation.attributes}
    shown = share_photos(mistakes, evaluation)
    part = "all products" if evaluation.part == "all" else f"the {evaluation.part} part"
    return Page(
        title="What the tags are worth",
        lead=f"Evaluation on {part}: {evaluation.products:,} products. Bundle {evaluation.bundle[:12]}.",
        sections=[
            Section("What can go live", _decisions(evaluation), _LEAD),
            *([_changes(evaluation.comparison)] if evaluation.comparison else []),
            *(
                attribute_section(name, judged, mistakes[name], shown[name], album)
                for name, judged in evaluation.attributes.items()
            ),
            issues_section(evaluation, album),
        ],
        command=evaluation.command,
    )


def write_report_page(evaluation: Evaluation, path: Path | str) -> None:
    """Write the page: one file with everything inside, of at most some megabytes however many classes there are.

    Raises:
        OutputError: the file can't be written.
    """
    write_page(report_page(evaluation), path)


def _decisions(evaluation: Evaluation) -> list[Part]:
    together = evaluation.all_at_once
    verdicts = {name: give_verdict(judged.metrics) for name, judged in evaluation.attributes.items()}
    live, partly = (sum(v.decision == wanted for v in verdicts.values()) for wanted in ("live", "partly"))
    figures = [
        KeyFigure(f"{live} of {len(verdicts)}", "attributes can go live without review"),
        KeyFigure(f"{partly} of {len(verdicts)}", "can go live in part", "above a confidence of their own"),
        KeyFigure(
            number(together["accuracy"]),
            f"all {len(together['attributes'])} tags of a product right",
            f"{', '.join(together['attributes'])}; majority {number(together['majority_accuracy'])}",
        ),
    ]
    warnings = [Note(evaluation.notes[0], evaluation.notes[1:], "warning")] if evaluation.notes else []
    targets = sorted({judged.metrics["target_precision"] for judged in evaluation.attributes.values()})
    return [
        KeyFigures(figures),
        *warnings,
        Table(
            f"Attributes; target {' / '.join(f'{target:.0%}' for target in targets)} of the tags right",
            _columns(evaluation),
            [_row(name, evaluation, verdicts[name].sentence, verdicts[name].decision) for name in verdicts],
        ),
        Text(_READING),
        Plot(
            coverage_curves(
                {name: _confidence(evaluation.predictions, name) for name in evaluation.attributes},
                {name: judged.metrics["coverage"] for name, judged in evaluation.attributes.items()},
                targets[0] if len(targets) == 1 else None,
            ),
            alt="Share of right tags against the share of tags that go live, a line an attribute",
            caption="The more tags go live, the fewer of them are right. Right of the dot the bundle marks the tags "
            "for review; --target-precision moves the dot along the line.",
        ),
    ]


def _columns(evaluation: Evaluation) -> list[Column]:
    changed = (
        [Column("change", "number", 3, help="of the accuracy since the other report")] if evaluation.comparison else []
    )
    return [
        Column("attribute"),
        Column("decision", wide=True),
        Column("accuracy", "number", 3, full=1.0),
        Column("majority", "number", 3, help="accuracy of always saying the most frequent label"),
        *changed,
        Column("macro-F1", "number", 3, full=1.0, help="mean over the classes in the truth or the tags"),
        Column("coverage", "number", 3, full=1.0, help="share of the tags that need no review"),
        Column("reached", "number", 3, help="accuracy of the tags that need no review"),
    ]


def _row(name: str, evaluation: Evaluation, sentence: str, decision: str) -> list[Any]:
    m = evaluation.attributes[name].metrics
    comparison = evaluation.comparison
    change = (
        [_change(comparison.changes[name]["accuracy"]) if name in comparison.changes else None] if comparison else []
    )
    return [
        name,
        f"{_SIGNS[decision]} {sentence}",
        with_interval(m, "accuracy"),
        m["majority_accuracy"],
        *change,
        with_interval(m, "macro_f1"),
        with_interval(m, "coverage"),
        with_interval(m, "accepted_accuracy"),
    ]


def with_interval(metrics: Metrics, figure: str) -> Cell:
    """A figure that is sorted by itself and shown with its interval."""
    value, interval = metrics[figure], metrics[f"{figure}_interval"]
    return Cell(value, number(value), f"{interval[0]:.3f} – {interval[1]:.3f}" if interval else "")


def _changes(comparison: Comparison) -> Section:
    columns = [Column("attribute"), Column("figure")]
    columns += [Column(title, "number", 3) for title in ("before", "now", "change")] + [Column("verdict")]
    rows = [
        [
            name,
            figure.replace("_", "-").replace("f1", "F1"),
            change.before,
            change.now,
            _change(change),
            change.verdict or "no interval",
        ]
        for name, figures in comparison.changes.items()
        for figure, change in figures.items()
    ]
    notes = remarks(comparison)
    lead = (
        f"Against {comparison.report}. Below each change is its 95 % interval, from a bootstrap that draws the same "
        "products for both; where it does not hold 0, the change is more than chance."
    )
    return Section(
        "What changed", [*([Note(notes[0], notes[1:])] if notes else []), Table("Changes", columns, rows)], lead
    )


def _change(change: Change) -> Cell:
    if change.difference is None:
        return Cell(None, "–")
    between = " … ".join(map(signed, change.interval)) if change.interval else ""
    return Cell(change.difference, signed(change.difference), between)


def _confidence(predictions: pd.DataFrame, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidence (N,) of the tags of products with a known label, and whether they are right (N,)."""
    judged = judged_tags(predictions, name)
    return judged["confidence"].to_numpy(dtype=np.float64), judged["right"].to_numpy(dtype=np.bool_)
