"""How good the network is on the validation part, as it stands."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from tagger.calibration import Calibration
from tagger.labels import Attribute, LabelSpace, output_name
from tagger.network.model import keras_name
from tagger.report.metrics import expected_calibration_error
from tagger.training.augmentation import resize
from tagger.training.batches import TrainingPart
from tagger.training.calibration import JudgedTags, true_classes
from tagger.training.losses import cross_entropies
from tagger.training.targets import Targets

_BATCH = 256


def predict_logits(
    model: keras.Model, part: TrainingPart, size: tuple[int, int] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Logits by output name for the photos of a part, float32 (N, C) each.

    Args:
        part: at least one product.
        size: (height, width) to resize the photos to; None: as they are in the cache.
    """
    outputs = predict_outputs(model, part, size)
    return {name: outputs[keras_name(name)] for name in part.targets.values}


def predict_outputs(
    model: keras.Model, part: TrainingPart, size: tuple[int, int] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Outputs of a network by the names that it gives them, float32 (N, C) each, for the photos of a part.

    Args:
        part: at least one product.
        size: (height, width) to resize the photos to; None: as they are in the cache.
    """
    batches = [
        model.predict_on_batch(resize(np.asarray(part.pixels[part.rows[start : start + _BATCH]]), size))
        for start in range(0, len(part.rows), _BATCH)
    ]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def validation_metrics(
    logits: dict[str, NDArray[np.float32]], part: TrainingPart, space: LabelSpace
) -> dict[str, float]:
    """Loss, macro-F1 and accuracy of each attribute's primary head, and the mean macro-F1.

    A sigmoid head counts as right where every label is; its macro-F1 is over its labels at threshold 0.5.
    Attributes without a label in this part are left out.
    """
    metrics: dict[str, float] = {}
    losses, macro_f1 = [], []
    for attribute in space.attributes.values():
        name = output_name(attribute, attribute.primary)
        known = part.targets.weights[name] > 0
        if not known.any():
            continue
        truth, scores = part.targets.values[name][known], logits[name][known]
        losses.append(float(cross_entropies(scores, truth).mean()))
        predicted = scores.argmax(axis=1) if truth.ndim == 1 else (scores > 0).astype(np.float32)
        metrics[f"{attribute.name}_accuracy"] = _accuracy(truth, predicted)
        macro_f1.append(_macro_f1(truth, predicted))
        metrics[f"{attribute.name}_macro_f1"] = macro_f1[-1]
    return {
        "validation_loss": float(np.sum(losses)),
        "mean_macro_f1": float(np.mean(macro_f1)) if macro_f1 else 0.0,
        **metrics,
    }


def tag_figures(
    judged: dict[str, JudgedTags], targets: Targets, space: LabelSpace, calibration: Calibration
) -> dict[str, dict[str, float | None]]:
    """How good the tags are as they are given, each figure by attribute; attributes without a label are left out.

    Returns:
        tag_accuracy; tag_majority_accuracy, of always giving the most frequent label; tag_coverage, the share that
        needs no review; tag_accepted_accuracy, the accuracy of these, None where there are none; tag_ece.
    """
    figures: dict[str, dict[str, float | None]] = {
        key: {} for key in ("tag_accuracy", "tag_majority_accuracy", "tag_coverage", "tag_accepted_accuracy", "tag_ece")
    }
    for name, tags in judged.items():
        if not len(tags.right):
            continue
        accepted = tags.confidence >= calibration.review.get(name, 0)
        values = (
            float(tags.right.mean()),
            _majority(space[name], targets),
            float(accepted.mean()),
            float(tags.right[accepted].mean()) if accepted.any() else None,
            expected_calibration_error(tags.confidence.astype(np.float64), tags.right),
        )
        for key, value in zip(figures, values, strict=True):
            figures[key][name] = value
    return figures


def _majority(attribute: Attribute, targets: Targets) -> float:
    """Share of the most frequent label, or set of labels, among the products that have one."""
    if attribute.multi_valued:
        output = output_name(attribute, "sigmoid")
        answers = targets.values[output][targets.weights[output] > 0]
    else:
        answers = true_classes(attribute, targets)
        answers = answers[answers >= 0]
    counts = np.unique(answers, axis=0, return_counts=True)[1]
    return float(counts.max() / counts.sum())


def _accuracy(truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    right = truth == predicted
    return float((right if right.ndim == 1 else right.all(axis=1)).mean())


def _macro_f1(truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    return float(f1_score(truth, predicted, average="macro", zero_division=0))
