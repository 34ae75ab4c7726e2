"""The report of a flags network: as JSON, CSV and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from tagger.files import atomic_file, write_text
from tagger.flags.evaluation import ALL, NETWORK, PREDICTED, UNCATEGORISED, FlagScore

_EXPLAINED = {
    ALL: "all that the catalog knows of a product, its categories among it",
    UNCATEGORISED: "a product that nobody has categorised yet: no master category, sub-category or article type",
    PREDICTED: "the categories come from the photo model; the network has learnt from the true ones",
}


@dataclass(frozen=True)
class FlagReport:
    """What was learnt and how good it is.

    Args:
        scores: per setting and flag one row for the network and one for the look-up.
        left_out: flag → why it was not learnt.
        products: part → how many products.
    """

    scores: tuple[FlagScore, ...]
    left_out: dict[str, str]
    products: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `flags.json`."""
        return {
            "products": self.products,
            "left_out": self.left_out,
            "scores": [asdict(score) for score in self.scores],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per setting, flag and method."""
        return pd.DataFrame(
            [asdict(score) for score in self.scores], columns=[field.name for field in fields(FlagScore)]
        )


def write_report(report: FlagReport, folder: Path) -> None:
    """Write `flags.csv` and `flags.md`.

    Raises:
        OutputError: the folder can't be written.
    """
    with atomic_file(folder / "flags.csv") as temporary:
        report.to_frame().to_csv(temporary, index=False, float_format="%.6f")
    write_text(folder / "flags.md", render_markdown(report))


def render_markdown(report: FlagReport) -> str:
    """Return the report as a section of Markdown."""
    lines = [
        "## Flags",
        "",
        f"One network for all flags, learnt from {report.products['train']:,} products and judged on the "
        f"{report.products['test']:,} of the test part. Positive is the rarer value of a flag; the thresholds were "
        f"chosen on {report.products['validation']:,} validation products for the highest F1. The look-up is the "
        "baseline: the share of positives among the train products with the same key. AP is the average precision; by "
        "chance it equals the rate.",
    ]
    if report.left_out:
        lines += ["", "Left out: " + "; ".join(f"{name} ({why})" for name, why in report.left_out.items()) + "."]
    if not report.scores:
        return "\n".join([*lines, "", "The test part has no product with a flag: nothing to judge.", ""])
    settings = list(dict.fromkeys(score.setting for score in report.scores))
    lines += ["", "AP and F1 in every setting, network / look-up:", "", *_overview(report.scores, settings)]
    for setting in settings:
        rows = [score for score in report.scores if score.setting == setting]
        lines += [
            "",
            f"### {setting[0].upper()}{setting[1:]}",
            "",
            f"{_EXPLAINED[setting][0].upper()}{_EXPLAINED[setting][1:]}.",
        ]
        lines += ["", *_details(rows)]
    return "\n".join([*lines, ""])


def _overview(scores: Sequence[FlagScore], settings: Sequence[str]) -> list[str]:
    header = ["flag", "positive", "support", "rate", "majority accuracy"]
    header += [f"{metric}, {setting}" for setting in settings for metric in ("AP", "F1")]
    found = {(score.setting, score.flag, score.method == NETWORK): score for score in scores}
    rows = []
    for flag in dict.fromkeys(score.flag for score in scores):
        first = found[settings[0], flag, True]
        row = [flag, first.positive, str(first.support), _number(first.positive_rate), _number(first.majority_accuracy)]
        for setting in settings:
            pair = [found[setting, flag, method] for method in (True, False)]
            row.append(" / ".join(_number(score.average_precision) for score in pair))
            row.append(" / ".join(_number(score.f1) for score in pair))
        rows.append(row)
    return _table(header, rows)


def _details(scores: Sequence[FlagScore]) -> list[str]:
    header = ["flag", "method", "accuracy", "majority accuracy", "AP", "precision", "recall", "F1"]
    return _table(
        header,
        [
            [
                score.flag,
                score.method,
                *map(
                    _number,
                    (
                        score.accuracy,
                        score.majority_accuracy,
                        score.average_precision,
                        score.precision,
                        score.recall,
                        score.f1,
                    ),
                ),
            ]
            for score in scores
        ],
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out a Markdown table whose columns also line up on a terminal."""
    lines = [header, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
