"""An evaluation in words and tables."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tagger._version import __version__
from tagger.report.compare_text import comparison_markdown
from tagger.report.evaluation import AttributeEvaluation, Evaluation
from tagger.report.inputs import input_section
from tagger.report.metrics import confused_pairs
from tagger.report.tables import markdown_table, number, plain_table

#: The summary shows so many labels and confusions of an attribute; the CSV files hold all of them.
_SHOWN_LABELS = 30
_SHOWN_PAIRS = 5

_READING = """\
- Tags are judged as `tagger tag` gives them: from the primary head, parents and children made consistent.
- macro-F1 and wtd-F1 (weighted by support) go over the classes in the truth or the tags of this part.
- majority: always the most frequent label of this part. top-3: the label is the tag or one of its two runners-up.
- ECE: expected calibration error, 15 bins ([Guo et al. 2017](https://arxiv.org/abs/1706.04599)).
- review: share of the tags marked `needs_review`; unmarked: accuracy of the others.
- missing: products without a known label, left out of the attribute's figures.
"""

_ACCEPTING = """\
- coverage: share of the tags without a mark; precision: accuracy of those. In brackets the bootstrap interval of 95 %
  over products.
- The confidence from which tags are accepted was chosen on the validation part, so that precision reaches the target
  nine times in ten.
- ECE: as the network gives the scores → calibrated. `reliability.png` shows the latter.
"""


def summary_text(evaluation: Evaluation) -> str:
    """The summary for a terminal, at most 100 columns wide with attribute names of usual length."""
    header, rows = _overview(evaluation)
    # The last two columns are for the report: on a terminal they would break the lines.
    table = plain_table(header[:-2], [row[:-2] for row in rows])
    return f"{table}\n{_all_at_once(evaluation)}\n"


def summary_markdown(evaluation: Evaluation) -> str:
    """The summary as Markdown: overview, sigmoid heads, most frequent confusions."""
    heads = [
        _sigmoid_section(name, judged)
        for name, judged in evaluation.attributes.items()
        if judged.metrics["sigmoid"] is not None
    ]
    confusions = [
        _confusion_section(name, judged.confusion)
        for name, judged in evaluation.attributes.items()
        if judged.confusion is not None
    ]
    parts = [
        f"# Evaluation on {_part(evaluation)}\n",
        _origin(evaluation),
        _notes(evaluation),
        "## Tags\n",
        markdown_table(*_overview(evaluation)),
        f"{_all_at_once(evaluation)}\n",
        _READING,
        input_section(evaluation.inputs, evaluation.compared) if evaluation.inputs else "",
        "## What can be accepted without review\n",
        markdown_table(*_acceptance(evaluation)),
        _ACCEPTING,
        _not_a_product(evaluation),
        "## Parents and children\n" if evaluation.families else "",
        *map(_family_section, evaluation.families),
        comparison_markdown(evaluation.comparison) if evaluation.comparison else "",
        "## Softmax heads alone\n" if _softmax_rows(evaluation) else "",
        _softmax_table(evaluation),
        "## Sigmoid heads\n" if heads else "",
        *heads,
        "## Most frequent confusions\n" if any(confusions) else "",
        *confusions,
    ]
    return "\n".join(part for part in parts if part)


def _part(evaluation: Evaluation) -> str:
    part = "all products" if evaluation.part == "all" else f"the {evaluation.part} part"
    return f"{part}: {evaluation.products:,} products"


def _origin(evaluation: Evaluation) -> str:
    command = f"`{evaluation.command}`\n\n" if evaluation.command else ""
    return f"{command}Bundle `{evaluation.bundle[:12]}`, tagger {__version__}.\n"


def _notes(evaluation: Evaluation) -> str:
    return "".join(f"- **Note:** {note}\n" for note in evaluation.notes)


def _overview(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    header = [
        "attribute", "products", "classes", "accuracy", "majority", "top-3", "macro-F1", "wtd-F1", "ECE",
        "review", "unmarked", "missing",
    ]  # fmt: skip
    rows = [
        [
            name,
            f"{m['support']:,}",
            f"{m['classes']:,}",
            number(m["accuracy"]),
            number(m["majority_accuracy"]),
            number(m["top_3_accuracy"]),
            number(m["macro_f1"]),
            number(m["weighted_f1"]),
            number(m["ece"]),
            number(m["needs_review"], 2),
            number(m["accepted_accuracy"]),
            f"{m['missing']:,}",
        ]
        for name, judged in evaluation.attributes.items()
        for m in [judged.metrics]
    ]
    return header, rows


def _acceptance(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    header = ["attribute", "target", "coverage", "95 %", "precision", "95 %", "ECE"]
    rows = [
        [
            name,
            f"{m['target_precision']:g}",
            number(m["coverage"]),
            _interval(m["coverage_interval"]),
            number(m["accepted_accuracy"]),
            _interval(m["accepted_accuracy_interval"]),
            f"{number(m['ece_uncalibrated'])} → {number(m['ece'])}",
        ]
        for name, judged in evaluation.attributes.items()
        for m in [judged.metrics]
    ]
    return header, rows


def _interval(ends: list[float] | None) -> str:
    return "–" if ends is None else f"[{number(ends[0])}, {number(ends[1])}]"


def _not_a_product(evaluation: Evaluation) -> str:
    if evaluation.not_a_product is None:
        return ""
    return (
        f"{100 * evaluation.not_a_product:.2f} % of these products look like none of the catalog to the network; all "
        "their tags need review.\n"
    )


def _family_section(family: dict[str, Any]) -> str:
    rows = [
        [name, number(accuracy), number(family["accuracy"][name])]
        for name, accuracy in family["accuracy_alone"].items()
    ]
    names = ", ".join(family["attributes"])
    return (
        f"{names}: the most probable classes of the heads contradict each other on "
        f"{100 * family['contradictions_alone']:.2f} % of the products, the tags, decoded together, on "
        f"{100 * family['contradictions']:.2f} %.\n\n"
        + markdown_table(["attribute", "accuracy of the head alone", "of the tags"], rows)
    )


def _all_at_once(evaluation: Evaluation) -> str:
    together = evaluation.all_at_once
    names = together["attributes"]
    if not together["support"]:
        return f"All {len(names)} at once ({', '.join(names)}): no product has all of these labels."
    return (
        f"All {len(names)} at once ({', '.join(names)}):\n"
        f"{number(together['accuracy'])} of {together['support']:,} products, "
        f"majority {number(together['majority_accuracy'])} (the most frequent combination)."
    )


def _softmax_rows(evaluation: Evaluation) -> list[list[str]]:
    return [
        [name, *(number(head[key]) for key in ("accuracy", "top_3_accuracy", "macro_f1", "ece"))]
        for name, judged in evaluation.attributes.items()
        if (head := judged.metrics["softmax"]) is not None
    ]


def _softmax_table(evaluation: Evaluation) -> str:
    rows = _softmax_rows(evaluation)
    return markdown_table(["attribute", "accuracy", "top-3", "macro-F1", "ECE"], rows) if rows else ""


def _sigmoid_section(name: str, judged: AttributeEvaluation) -> str:
    head: dict[str, Any] = judged.metrics["sigmoid"]
    labels = judged.per_class[judged.per_class["head"] == "sigmoid"]
    rows = [
        [
            str(row["label"]),
            number(row["threshold"], 2),
            number(row["precision"]),
            number(row["recall"]),
            number(row["f1"]),
            number(row["average_precision"]),
            f"{row['support']:,}",
        ]
        for row in labels.head(_SHOWN_LABELS).to_dict("records")
    ]
    more = f"The {_SHOWN_LABELS} most frequent of {len(labels):,} labels; `per_class_{name}.csv` holds all.\n"
    return (
        f"### {name}\n\n"
        f"All labels right (subset accuracy) {number(head['subset_accuracy'])}, "
        f"Hamming loss {number(head['hamming_loss'])}, micro-F1 {number(head['micro_f1'])}, "
        f"macro-F1 {number(head['macro_f1'])}, mean average precision {number(head['mean_average_precision'])}, "
        f"{head['support']:,} products.\n\n"
        + markdown_table(["label", "threshold", "precision", "recall", "F1", "AP", "support"], rows)
        + (f"\n{more}" if len(labels) > _SHOWN_LABELS else "")
    )


def _confusion_section(name: str, confusion: pd.DataFrame) -> str:
    pairs = confused_pairs(confusion, _SHOWN_PAIRS)
    if pairs.empty:
        return ""
    rows = [
        [row["truth"], row["predicted"], f"{row['count']:,}", f"{100 * row['share']:.0f} %"]
        for row in pairs.to_dict("records")
    ]
    return f"### {name}\n\n" + markdown_table(["truth", "tag", "products", "of the truth"], rows, text_columns=2)
