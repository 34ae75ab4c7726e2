"""Write an evaluation as a folder of JSON, CSV, Markdown and PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tagger.files import atomic_folder, check_replaceable, write_json, write_text
from tagger.report.card import render_card
from tagger.report.evaluation import Evaluation
from tagger.report.html_report import write_report_page
from tagger.report.metrics import confused_pairs
from tagger.report.plots import plot_confusion, plot_reliability
from tagger.report.summary import summary_markdown

METRICS = "metrics.json"
SUMMARY = "summary.md"


def write_report(evaluation: Evaluation, folder: Path | str) -> None:
    """Write the report; an older report in the folder is replaced as a whole.

        report.html                   all of it on one page, with photos and plots
        metrics.json                  every figure, see `Evaluation.to_json`
        summary.md                    the figures to read first
        model_card.md                 what the model is and how good it is here, for those who are to use it
        per_class_<attribute>.csv     one row a class and one row a label of the sigmoid head
        confusion_<attribute>.png     where the products of each class went
        reliability.png               whether confidences mean what they say
        confused_pairs.csv            the 20 most frequent confusions of each attribute
        predictions.csv               truth, tag, confidence and mark of every product
        label_issues.csv              labels of the catalog that are likely wrong

    Args:
        evaluation: what to write.
        folder: to write to; made where it is missing.

    Raises:
        OutputError: the folder can't be written, or holds other things than a report.
    """
    check_report_folder(folder)
    with atomic_folder(folder) as temporary:
        write_json(temporary / METRICS, evaluation.to_json())
        write_text(temporary / SUMMARY, summary_markdown(evaluation))
        if evaluation.card:
            write_text(temporary / "model_card.md", render_card(evaluation.card))
        write_report_page(evaluation, temporary / "report.html")
        _write_csv(evaluation.predictions, temporary / "predictions.csv")
        _write_csv(evaluation.label_issues, temporary / "label_issues.csv")
        _write_csv(_all_pairs(evaluation), temporary / "confused_pairs.csv")
        plot_reliability(
            {name: judged.metrics for name, judged in evaluation.attributes.items()}, temporary / "reliability.png"
        )
        for name, judged in evaluation.attributes.items():
            stem = _file_name(name)
            _write_csv(judged.per_class, temporary / f"per_class_{stem}.csv")
            if judged.confusion is not None:
                path = temporary / f"confusion_{stem}.png"
                plot_confusion(judged.confusion, name, judged.metrics["accuracy"], path)


def check_report_folder(folder: Path | str) -> None:
    """Make sure that a report may take the place of what is there, before long work is done for it.

    Raises:
        OutputError: it is a file, or a folder with other things than a report.
    """
    check_replaceable(folder, _is_report, "a report")


def _is_report(folder: Path) -> bool:
    # A bundle, for one, has a metrics.json too.
    return all((folder / name).is_file() for name in (METRICS, SUMMARY))


def _all_pairs(evaluation: Evaluation) -> pd.DataFrame:
    pairs = [
        confused_pairs(judged.confusion).assign(attribute=name)
        for name, judged in evaluation.attributes.items()
        if judged.confusion is not None
    ]
    columns = ["attribute", "truth", "predicted", "count", "share"]
    return pd.concat(pairs, ignore_index=True)[columns] if pairs else pd.DataFrame(columns=columns)


def _file_name(attribute: str) -> str:
    """The attribute's name without what a file name can't have."""
    return "".join(
        "_" if character in '/\\:*?"<>|' or not character.isprintable() else character for character in attribute
    )


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    # As `tagger tag` writes them; pandas would write True and False.
    table = table.map(lambda cell: str(cell).lower() if isinstance(cell, (bool, np.bool_)) else cell)
    table.to_csv(path, index=False, float_format="%.4f", encoding="utf-8", lineterminator="\n")
