"""Compare predictions with labels, attribute by attribute: computation only, no files and no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tagger.calibration import Calibration
from tagger.catalog.cleaning import OTHER
from tagger.catalog.table import IMAGE
from tagger.config import Config, HeadKind
from tagger.errors import CatalogError
from tagger.labels import SEPARATOR, Attribute, LabelSpace, cell_values, class_index, multi_hot, output_name
from tagger.report import metrics
from tagger.report.confidence import Answers, confidence_metrics, uncalibrated_answers
from tagger.report.evaluation import AttributeEvaluation, Evaluation
from tagger.report.families import family_metrics
from tagger.report.heads import HeadScores, compare_heads
from tagger.report.inputs import input_metrics
from tagger.report.metrics import Labels, Metrics, Tags
from tagger.report.predict import Predictions
from tagger.report.select import ALL

#: The attributes that "all five at once" is about, where the catalog has all of them.
FIVE = ("masterCategory", "subCategory", "gender", "season", "usage")


def judge(
    predictions: Predictions,
    table: pd.DataFrame,
    space: LabelSpace,
    calibration: Calibration,
    config: Config,
    *,
    target_precision: float | None = None,
    part: str = ALL,
    notes: Sequence[str] = (),
    bundle: str = "",
    command: str = "",
) -> Evaluation:
    """Compare predictions with a table of labels.

    Args:
        predictions: of some rows of the table, at least one.
        table: products by id; "" means missing.
        space: what the model knows.
        calibration: what the scores were calibrated with.
        config: the run's settings; says which attributes merged their rare labels.
        target_precision: what tags without a mark were to reach; None: what the config says.
        part: recorded in the result, as are `notes`, `bundle` and `command`.
    """
    known = table.loc[predictions.ids]
    truth = {
        name: _truth(attribute, known[name], config)
        for name, attribute in space.attributes.items()
        if name in table.columns
    }
    before = uncalibrated_answers(predictions, space, calibration)
    target = target_precision or config.review.target_precision
    attributes = {
        name: _judge_attribute(space[name], labels, known, predictions, calibration, before[name], target)
        for name, labels in truth.items()
        if (labels != "").any()
    }
    found_notes = [*notes]
    found_notes += [f"The catalog has no {name}: not judged." for name in space.attributes if name not in truth]
    found_notes += [
        f"No product of this part has a known {name}: not judged." for name in truth if name not in attributes
    ]
    found_notes += [note for name, judged in attributes.items() for note in _unknown_note(name, judged)]
    if predictions.problems:
        found_notes.append(
            f"{len(predictions.problems):,} product(s) have no readable photo"
            f"{' and no title that can be read' if predictions.by_inputs else ''} and were not judged; "
            "`error` in predictions.csv says why."
        )
    if not attributes:
        raise CatalogError("Nothing to compare with: none of these products has a label that the model could tag.")
    together = FIVE if all(name in attributes for name in FIVE) else tuple(attributes)
    return Evaluation(
        part=part,
        attributes=attributes,
        all_at_once=metrics.all_at_once(
            {name: truth[name] for name in together},
            {name: _comparable(space.attributes[name], predictions.tags[name]).label for name in together},
        ),
        predictions=_prediction_table(predictions, table, truth),
        problems=predictions.problems,
        notes=tuple(found_notes),
        bundle=bundle,
        command=command,
        photo=config.photo,
        families=family_metrics(predictions, space, truth),
        not_a_product=metrics.mean_or_none(_not_a_product(predictions)),
        inputs=_judge_inputs(predictions, {name: truth[name] for name in attributes}, space, together),
        compared=len(predictions.compared),
    )


def _judge_inputs(
    predictions: Predictions, truth: Mapping[str, Labels], space: LabelSpace, together: tuple[str, ...]
) -> Metrics | None:
    """The tags from image, title and both, on the products that have both; None where there are none."""
    row = {id_: number for number, id_ in enumerate(predictions.ids)}
    rows = np.array([row[id_] for id_ in predictions.compared if id_ in row], dtype=np.int64)
    compared = {name: labels[rows] for name, labels in truth.items() if (labels[rows] != "").any()}
    if not all(name in compared for name in together):
        return None
    tags = {
        inputs: {name: _comparable_labels(space[name], columns[name]) for name in compared}
        for inputs, columns in predictions.by_inputs.items()
    }
    return input_metrics(compared, tags, {name: space[name].multi_valued for name in compared}, together)


def _truth(attribute: Attribute, column: pd.Series, config: Config) -> Labels:
    """Labels to compare tags with, "" where missing; several at once in alphabetical order.

    Where training merged rare labels, those that the model doesn't know are merged too.
    """
    settings = config.attributes.get(attribute.name)
    merged = settings is not None and settings.rare == "merge" and OTHER in attribute.classes

    def read(cell: str) -> str:
        values = cell_values(cell) if attribute.multi_valued else [cell] if cell else []
        if merged:
            values = [value if value in attribute.classes else OTHER for value in values]
        return _joined(values)

    return np.array([read(str(cell)) for cell in column], dtype=object)


def _joined(values: Sequence[str]) -> str:
    return SEPARATOR.join(sorted(set(values)))


def _comparable(attribute: Attribute, tags: Tags) -> Tags:
    """The same tags, several labels at once in alphabetical order."""
    return Tags(_comparable_labels(attribute, tags.label), tags.confidence, tags.needs_review, tags.best)


def _comparable_labels(attribute: Attribute, labels: Labels) -> Labels:
    if not attribute.multi_valued:
        return labels
    return np.array([_joined(cell_values(label)) for label in labels], dtype=object)


def _judge_attribute(
    attribute: Attribute,
    truth: Labels,
    table: pd.DataFrame,
    predictions: Predictions,
    calibration: Calibration,
    before: Answers,
    target_precision: float,
) -> AttributeEvaluation:
    table = table.assign(**{attribute.name: truth})
    chosen = truth != ""
    answers = truth[chosen]
    tags = _comparable(attribute, predictions.tags[attribute.name]).where(chosen)
    confusion, softmax, sigmoid, heads = None, None, None, None
    rows: list[pd.DataFrame] = []
    curves: dict[HeadKind, HeadScores] = {}
    if not attribute.multi_valued:
        confusion = metrics.confusion_counts(answers, tags.label)
        rows.append(metrics.class_rows(answers, tags.label, "softmax" if attribute.primary == "softmax" else "tag"))
    if "softmax" in attribute.heads:
        scores = predictions.scores[output_name(attribute, "softmax")][chosen]
        softmax = metrics.softmax_metrics(answers, scores, attribute.classes)
        curves["softmax"] = _softmax_scores(attribute, answers, scores)
        rows = [metrics.with_average_precision(row, **vars(curves["softmax"])) for row in rows]
    if "sigmoid" in attribute.heads:
        limits = calibration.limits(attribute.name, attribute.labels)
        curves["sigmoid"] = _sigmoid_scores(attribute, table, predictions)
        sigmoid, label_rows = _judge_sigmoid(curves["sigmoid"], limits)
        rows += label_rows
        if "softmax" in attribute.heads:
            heads = compare_heads(
                attribute, answers, scores, predictions.scores[output_name(attribute, "sigmoid")][chosen], limits
            )
    judged = {
        "support": len(answers),
        "missing": int((~chosen).sum()),
        **metrics.tag_metrics(answers, tags, multi_valued=attribute.multi_valued),
        **confidence_metrics(
            answers,
            tags,
            Answers(before.label[chosen], before.confidence[chosen]),
            target_precision,
            multi_valued=attribute.multi_valued,
        ),
        "primary_head": attribute.primary,
        "unknown_labels": _unknown(attribute, answers),
        "softmax": softmax,
        "sigmoid": sigmoid,
        "heads": heads,
    }
    per_class = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=list(metrics.ROW_COLUMNS))
    return AttributeEvaluation(judged, per_class, confusion, curves)


def _softmax_scores(attribute: Attribute, answers: Labels, scores: NDArray[np.float32]) -> HeadScores:
    index = class_index(attribute, pd.DataFrame({attribute.name: answers}))
    known = index >= 0
    targets = index[known, None] == np.arange(len(attribute.classes))
    return HeadScores(attribute.classes, targets, scores[known])


def _sigmoid_scores(attribute: Attribute, table: pd.DataFrame, predictions: Predictions) -> HeadScores:
    hot, known = multi_hot(attribute, table)
    return HeadScores(attribute.labels, hot[known] > 0, predictions.scores[output_name(attribute, "sigmoid")][known])


def _judge_sigmoid(head: HeadScores, limits: NDArray[np.float32]) -> tuple[Metrics | None, list[pd.DataFrame]]:
    """Figures and rows of a sigmoid head; none where no product has a label that the head knows."""
    if not len(head.targets):
        return None, []
    predicted = head.scores >= limits
    rows = metrics.label_rows(head.targets, predicted, head.scores, head.labels, limits)
    return metrics.sigmoid_metrics(head.targets, predicted, rows), [rows]


def _unknown(attribute: Attribute, truth: Labels) -> dict[str, int]:
    counts = Counter(value for cell in truth for value in (cell_values(cell) if attribute.multi_valued else [cell]))
    return {label: n for label, n in counts.most_common() if label not in attribute.classes}


def _unknown_note(name: str, judged: AttributeEvaluation) -> list[str]:
    unknown: dict[str, int] = judged.metrics["unknown_labels"]
    if not unknown:
        return []
    named = ", ".join(f'"{label}"' for label in list(unknown)[:5]) + (", …" if len(unknown) > 5 else "")
    return [
        f"{name}: {len(unknown)} label(s) that the model doesn't know, {named}, "
        f"on {sum(unknown.values()):,} product(s); their tags count as wrong."
    ]


def _not_a_product(predictions: Predictions) -> NDArray[np.bool_]:
    """Which products look like none, bool (N,); empty where the bundle can't tell."""
    novelty = predictions.scores.get("novelty", np.zeros((0, 1), dtype=np.float32))
    return np.asarray(novelty[:, 0] > 1)


def _prediction_table(predictions: Predictions, table: pd.DataFrame, truth: Mapping[str, Labels]) -> pd.DataFrame:
    columns: dict[str, Any] = {"id": predictions.ids, "image": list(table.loc[predictions.ids, IMAGE])}
    for name, tags in predictions.tags.items():
        if name in truth:
            columns[f"{name}_truth"] = truth[name]
        columns[name] = tags.label
        columns[f"{name}_confidence"] = tags.confidence
        columns[f"{name}_needs_review"] = tags.needs_review
    if len(unlike := _not_a_product(predictions)):
        columns["not_a_product"] = unlike
    judged = pd.DataFrame(columns).assign(error="")
    broken = list(predictions.problems)
    lost = pd.DataFrame(
        {"id": broken, "image": list(table.loc[broken, IMAGE]), "error": list(predictions.problems.values())}
    )
    return pd.concat([judged, lost], ignore_index=True) if broken else judged
