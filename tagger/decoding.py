"""From the outputs of the heads to labels: calibrated probabilities, parents and children made consistent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.calibration import Calibration, Scale
from tagger.labels import Attribute, Family, LabelSpace, output_name

Scores = Mapping[str, NDArray[np.float32]]
#: What a network gives: logits by output name, float32 (N, C) each, and the embedding, float32 (N, E), by its own.
Outputs = dict[str, NDArray[np.float32]]
EMBEDDING = "embedding"

#: What float32 tells apart from 0 and 1.
_SMALLEST = 1e-30
_RESOLUTION = 6e-8


def softmax(logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float32]:
    """Softmax over the last axis of logits divided by a temperature (Guo et al. 2017, arXiv:1706.04599)."""
    scaled = logits.astype(np.float32) / temperature
    exponential = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(exponential / exponential.sum(axis=-1, keepdims=True), dtype=np.float32)


def sigmoid(logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float32]:
    """Logistic function of logits divided by a temperature."""
    # tanh does not overflow where exp would.
    return np.asarray(0.5 * (1 + np.tanh(logits.astype(np.float32) / (2 * temperature))), dtype=np.float32)


def logit(p: NDArray[Any]) -> NDArray[np.float32]:
    """The inverse of `sigmoid`; finite at 0 and 1, too."""
    p = np.clip(p.astype(np.float32), _RESOLUTION, 1 - _RESOLUTION)
    return np.asarray(np.log(p) - np.log1p(-p), dtype=np.float32)


def probabilities(logits: Scores, space: LabelSpace, calibration: Calibration) -> dict[str, NDArray[np.float32]]:
    """Calibrated probabilities by output name, each float32 (N, C)."""
    calibrated = {}
    for name, attribute, head in space.outputs():
        if head == "softmax":
            calibrated[name] = softmax(logits[name], calibration.temperatures.get(name, 1.0))
        else:
            slopes, offsets = calibration.line(name, attribute.labels)
            calibrated[name] = sigmoid(logits[name] * slopes + offsets)
    return calibrated


def uncalibrated(scores: Scores, space: LabelSpace, calibration: Calibration) -> dict[str, NDArray[np.float32]]:
    """What the heads said before they were calibrated: `probabilities` undone, each float32 (N, C).

    Args:
        scores: as `probabilities` gives them with the same calibration.
    """
    raw = {}
    for name, attribute, head in space.outputs():
        if head == "softmax":
            logits = np.log(np.maximum(scores[name], _SMALLEST))
            raw[name] = softmax(calibration.temperatures.get(name, 1.0) * logits)
        else:
            slopes, offsets = calibration.line(name, attribute.labels)
            raw[name] = sigmoid((logit(scores[name]) - offsets) / slopes)
    return raw


def class_probabilities(scores: Scores, space: LabelSpace) -> dict[str, NDArray[np.float32]]:
    """Probability of each class of each single-valued attribute, float32 (N, C), by attribute name.

    Args:
        scores: calibrated probabilities by output name; the primary head's count.
    """
    return {a.name: _primary_probabilities(a, scores) for a in space.attributes.values() if not a.multi_valued}


def choose_classes(classes: Scores, space: LabelSpace) -> dict[str, NDArray[np.int64]]:
    """The class that answers for each single-valued attribute, int64 (N,), by attribute name.

    It is the most probable one, but for linked attributes whose most probable classes contradict each other: of the
    combinations that training products showed, these are answered by the one with the highest expected number of right
    labels. (Multiplying the heads' probabilities instead, as if they were independent, makes them far too sure.)

    Args:
        classes: as `class_probabilities` gives them.
    """
    chosen = {name: p.argmax(axis=1) for name, p in classes.items()}
    for family in space.families:
        expected: NDArray[np.float32] = np.sum(
            [classes[name][:, column] for name, column in _columns(family)], axis=0
        )  # (N, P)
        best = expected.argmax(axis=1)
        chosen.update({name: column[best] for name, column in _columns(family)})
    return chosen


def pattern_probabilities(attribute: Attribute, sigmoid_scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Class probabilities (N, C) from independent label probabilities (N, L) of a single-valued attribute.

    Each class stands for one or several patterns of labels; its probability is that of its patterns among all.
    """
    p = np.clip(sigmoid_scores, 1e-6, 1 - 1e-6)
    indices, patterns = zip(*attribute.patterns(), strict=True)
    given = np.stack(patterns).astype(np.float32)  # (P, L)
    log_pattern = np.log(p) @ given.T + np.log1p(-p) @ (1 - given).T  # (N, P)
    # Add up the patterns of each class.
    class_of_pattern = np.eye(len(attribute.classes), dtype=np.float32)[np.array(indices)]  # (P, C)
    return np.asarray(softmax(log_pattern) @ class_of_pattern, dtype=np.float32)


def set_confidence(
    scores: NDArray[np.float32], given: NDArray[np.bool_], scale: Scale | None = None
) -> NDArray[np.float32]:
    """How sure it is that the labels given by a multi-valued attribute are all right, float32 (N,).

    It is the probability of the least certain label given, or, where none is given, that of none being right; with a
    scale, what that says of the whole set.

    Args:
        scores: probabilities of the labels, float32 (N, L).
        given: which labels are given, bool (N, L).
        scale: see `Calibration.sets`.
    """
    least = np.where(given, scores, np.inf).min(axis=1)
    least = np.where(given.any(axis=1), least, 1 - scores.max(axis=1)).astype(np.float32)
    return least if scale is None else sigmoid(scale.slope * logit(least) + scale.offset)


def _primary_probabilities(attribute: Attribute, scores: Scores) -> NDArray[np.float32]:
    primary = scores[output_name(attribute, attribute.primary)]
    return primary if attribute.primary == "softmax" else pattern_probabilities(attribute, primary)


def _columns(family: Family) -> list[tuple[str, NDArray[np.int64]]]:
    """Each attribute of the family with its class in every combination, int64 (P,)."""
    return list(zip(family.attributes, family.combinations.T, strict=True))
