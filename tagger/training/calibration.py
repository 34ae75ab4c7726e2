"""What validation teaches about confidences: temperatures, thresholds, and when a tag needs review."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import precision_recall_curve

from tagger.bundle import Calibration
from tagger.decoding import (
    Scores,
    choose_classes,
    class_probabilities,
    multi_label_set,
    probabilities,
    sigmoid,
    softmax,
)
from tagger.labels import Attribute, LabelSpace, output_name
from tagger.training.targets import Targets

#: With fewer products a temperature, with fewer positives a threshold would be chance: they stay neutral.
_MIN_KNOWN = 20
_MIN_POSITIVES = 5


class JudgedTags(NamedTuple):
    """The tags of one attribute for the K products whose label is known: float32 (K,) and bool (K,)."""

    confidence: NDArray[np.float32]
    right: NDArray[np.bool_]


def calibrate(logits: Scores, targets: Targets, space: LabelSpace, review_accuracy: float) -> Calibration:
    """Fit temperatures, thresholds and review confidences on the validation part.

    Args:
        logits: of every output, float32 (N, C).
        targets: of the same N products.
        review_accuracy: share of right tags that those above the review confidence must reach.
    """
    temperatures = _temperatures(logits, targets, space)
    scores = probabilities(logits, space, temperatures)
    calibration = Calibration(
        temperatures,
        {a.name: _thresholds(a, scores, targets) for a in space.attributes.values() if "sigmoid" in a.heads},
    )
    judged = judge_tags(logits, targets, space, calibration)
    return replace(calibration, review={name: _review_confidence(*j, review_accuracy) for name, j in judged.items()})


def judge_tags(logits: Scores, targets: Targets, space: LabelSpace, calibration: Calibration) -> dict[str, JudgedTags]:
    """Confidence and truth of the tags as `Tagger` gives them, parents and children made consistent.

    A tag of a multi-valued attribute is right where all its labels are.
    """
    scores = probabilities(logits, space, calibration.temperatures)
    classes = class_probabilities(scores, space)
    judged = {}
    for name, chosen in choose_classes(classes, space).items():
        truth = _truth(space[name], targets)
        known = truth >= 0
        confidence = classes[name][known, chosen[known]]
        judged[name] = JudgedTags(confidence, (chosen == truth)[known])
    for name, thresholds in calibration.thresholds.items():
        if space[name].multi_valued:
            output = output_name(name, "sigmoid")
            known = targets.weights[output] > 0
            limits = np.array(list(thresholds.values()), dtype=np.float32)
            given, confidence = multi_label_set(scores[output][known], limits)
            judged[name] = JudgedTags(confidence, (given == (targets.values[output][known] > 0)).all(axis=1))
    return judged


def _temperatures(logits: Scores, targets: Targets, space: LabelSpace) -> dict[str, float]:
    temperatures = {}
    for attribute, head in space.outputs():
        name = output_name(attribute, head)
        known = targets.weights[name] > 0
        loss = _class_loss if head == "softmax" else _label_loss
        if known.sum() >= _MIN_KNOWN:
            temperatures[name] = _fit_temperature(partial(loss, logits[name][known], targets.values[name][known]))
    return temperatures


def _fit_temperature(loss: Callable[[float], float]) -> float:
    """The temperature of least loss between 0.2 and 10; 1 where none is better."""
    # Searched on a logarithmic scale: halving and doubling are alike.
    found = minimize_scalar(lambda log: loss(float(np.exp(log))), bounds=(np.log(0.2), np.log(10)), method="bounded")
    return round(float(np.exp(found.x)), 4) if found.fun < loss(1.0) else 1.0


def _class_loss(logits: NDArray[np.float32], truth: NDArray[np.int64], temperature: float) -> float:
    return _log_loss(softmax(logits, temperature), truth)


def _label_loss(logits: NDArray[np.float32], truth: NDArray[np.float32], temperature: float) -> float:
    p = np.clip(sigmoid(logits, temperature), 1e-7, 1 - 1e-7)
    return float(-np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p)))


def _log_loss(p: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    return float(-np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-9)).mean())


def _truth(attribute: Attribute, targets: Targets) -> NDArray[np.int64]:
    """Class of each product, int64 (N,), -1 where unknown, also for attributes that only have a sigmoid head."""
    if "softmax" in attribute.heads:
        return np.asarray(targets.values[output_name(attribute, "softmax")])
    hot = targets.values[output_name(attribute, "sigmoid")] > 0
    truth = np.full(len(hot), -1, dtype=np.int64)
    for index, pattern in attribute.patterns():
        truth[(hot == pattern).all(axis=1)] = index
    return truth


def _thresholds(attribute: Attribute, scores: Scores, targets: Targets) -> dict[str, float]:
    name = output_name(attribute, "sigmoid")
    known = targets.weights[name] > 0
    truth, p = targets.values[name][known], scores[name][known]
    return {label: best_f1_threshold(truth[:, i], p[:, i]) for i, label in enumerate(attribute.labels)}


def best_f1_threshold(truth: NDArray[Any], scores: NDArray[np.float32]) -> float:
    """The threshold with the highest F1; 0.5 where there are too few positives, or no negatives, to tell."""
    if truth.sum() < _MIN_POSITIVES or truth.all():
        return 0.5
    precision, recall, thresholds = precision_recall_curve(truth, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(f1[:-1].argmax())
    # Half-way to the next lower score: another engine, or weights in fewer bits, move the scores by a hair.
    middle = (thresholds[best] + (thresholds[best - 1] if best else 0)) / 2
    return math.floor(float(np.clip(middle, 0.01, 0.99)) * 10_000) / 10_000  # rounded up it could lose that score


def _review_confidence(confidence: NDArray[np.float32], right: NDArray[np.bool_], wanted: float) -> float:
    """The lowest confidence from which the tags reach the wanted accuracy; 1 where none does."""
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    reached = np.flatnonzero(accuracy >= wanted)
    return round(float(confidence[order][reached[-1]]), 4) if len(reached) else 1.0
