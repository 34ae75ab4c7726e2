"""What the confidence of tags is worth: how many can be accepted, and whether it means what it says."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tagger.calibration import Calibration
from tagger.decoding import choose_classes, class_probabilities, set_confidence, uncalibrated
from tagger.labels import LabelSpace, output_name
from tagger.report.bootstrap import intervals
from tagger.report.metrics import Labels, Metrics, Tags, calibration_bins, expected_calibration_error
from tagger.report.predict import Predictions


class Answers(NamedTuple):
    """Labels of N products and the confidence in them, (N,) each."""

    label: Labels
    confidence: NDArray[np.float64]


def uncalibrated_answers(predictions: Predictions, space: LabelSpace, calibration: Calibration) -> dict[str, Answers]:
    """What would be answered, and how sure it would seem, had the scores not been calibrated; by attribute.

    The answers are made in the same way. Several labels at once stay those of the tags, since their thresholds would
    have moved with the scores.
    """
    raw = uncalibrated(predictions.scores, space, calibration)
    classes = class_probabilities(raw, space)
    answers = {}
    for name, chosen in choose_classes(classes, space).items():
        confidence = np.take_along_axis(classes[name], chosen[:, None], axis=1)[:, 0]
        answers[name] = Answers(np.array(space[name].classes, dtype=object)[chosen], confidence.astype(np.float64))
    for name, attribute in space.attributes.items():
        if attribute.multi_valued:
            output = output_name(attribute, "sigmoid")
            given = predictions.scores[output] >= calibration.limits(name, attribute.labels)
            confidence = set_confidence(raw[output], given)
            answers[name] = Answers(predictions.tags[name].label, confidence.astype(np.float64))
    return answers


def confidence_metrics(
    truth: Labels, tags: Tags, before: Answers, target_precision: float, *, multi_valued: bool
) -> Metrics:
    """What `Evaluation.to_json` says of an attribute's confidence, N ≥ 1 products.

    Args:
        truth: labels (N,).
        tags: of the same products.
        before: uncalibrated answers for them.
        target_precision: what those without a mark were to reach.
    """
    return {
        "target_precision": target_precision,
        "coverage": float(np.mean(~tags.needs_review)),
        **intervals(truth, tags, multi_valued=multi_valued),
        "ece_uncalibrated": expected_calibration_error(before.confidence, truth == before.label),
        "reliability": reliability(tags.confidence, truth == tags.label),
    }


def reliability(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> list[Metrics]:
    """Mean confidence, accuracy and number of products of each bin of `expected_calibration_error` that holds any.

    Args:
        confidence: within 0 … 1 (N,).
        correct: whether the label was right (N,).
    """
    bins = calibration_bins(confidence)
    products = np.bincount(bins)
    sums = [np.bincount(bins, weights=values) for values in (confidence, correct)]
    return [
        {"confidence": float(sums[0][i] / n), "accuracy": float(sums[1][i] / n), "products": int(n)}
        for i, n in enumerate(products)
        if n
    ]
