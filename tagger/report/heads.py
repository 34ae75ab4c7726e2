"""The two heads of an attribute side by side: what each says alone, and when which of them is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from tagger.labels import Attribute
from tagger.report.metrics import COMMON_SUPPORT, Labels, Metrics, mean_or_none


@dataclass(frozen=True)
class HeadScores:
    """Scores of one head for the K products whose label is known to it, for curves and for the search of label errors.

    Args:
        labels: names of the columns (C).
        targets: which labels each product has, bool (K, C).
        scores: calibrated probabilities, float32 (K, C).
    """

    labels: tuple[str, ...]
    targets: NDArray[np.bool_]
    scores: NDArray[np.float32]


def compare_heads(
    attribute: Attribute,
    truth: Labels,
    softmax: NDArray[np.float32],
    sigmoid: NDArray[np.float32],
    limits: NDArray[np.float32],
) -> Metrics:
    """Compare the heads on the same products, each alone, before parents and children are made consistent.

    The softmax head answers with its most probable class, the sigmoid head with the class that the labels over their
    thresholds stand for; where they stand for none, it is undecided, which is not right.

    Args:
        attribute: with both heads, one label a product.
        truth: labels of N ≥ 1 products (N,).
        softmax: probabilities (N, C).
        sigmoid: probabilities (N, L).
        limits: probability from which each sigmoid label is given (L,).

    Returns:
        support, agreement (share of products on which both say the same), agreed_accuracy (of these), undecided;
        softmax and sigmoid, each with accuracy, differing_accuracy (where the two differ), decided_accuracy (where the
        sigmoid head is not undecided), macro_f1_common and macro_f1_rare (classes with 10 products or more, or fewer);
        common_classes, rare_classes; accuracy_difference and its standard_error, softmax minus sigmoid, paired.
    """
    names = np.array([*attribute.classes, ""], dtype=object)
    answers = {
        "softmax": names[softmax.argmax(axis=1)],
        "sigmoid": names[_sigmoid_classes(attribute, sigmoid, limits)],
    }
    right = {head: labels == truth for head, labels in answers.items()}
    same = answers["softmax"] == answers["sigmoid"]
    decided = answers["sigmoid"] != ""
    classes, support = np.unique(truth, return_counts=True)
    common = support >= COMMON_SUPPORT
    difference = right["softmax"].astype(np.float64) - right["sigmoid"]
    return {
        "support": len(truth),
        "agreement": float(same.mean()),
        "agreed_accuracy": mean_or_none(right["softmax"][same]),
        "undecided": float((~decided).mean()),
        "common_classes": int(common.sum()),
        "rare_classes": int((~common).sum()),
        **{
            head: {
                "accuracy": float(right[head].mean()),
                "differing_accuracy": mean_or_none(right[head][~same]),
                "decided_accuracy": mean_or_none(right[head][decided]),
                "macro_f1_common": mean_or_none(f1[common]),
                "macro_f1_rare": mean_or_none(f1[~common]),
            }
            for head in answers
            for f1 in [_f1(truth, answers[head], classes)]
        },
        "accuracy_difference": float(difference.mean()),
        "standard_error": float(difference.std() / np.sqrt(len(difference))),
    }


def heads_sentence(compared: Mapping[str, Any]) -> str:
    """Say which head to trust when, from what `compare_heads` found."""
    softmax, sigmoid = compared["softmax"], compared["sigmoid"]
    gap, error = compared["accuracy_difference"], compared["standard_error"]
    if abs(gap) <= 2 * error:
        which = "The heads are equally good at naming one label"
    else:
        which = f"Trust the {'softmax' if gap > 0 else 'sigmoid'} head for one label a product"
    sentences = [
        f"{which}: softmax is right for {_percent(softmax['accuracy'])} of the products, "
        f"sigmoid for {_percent(sigmoid['accuracy'])}"
        + (f" (it names no class, or several, for {_percent(compared['undecided'])})" if compared["undecided"] else "")
        + "."
    ]
    if compared["agreed_accuracy"] is not None:
        sentences.append(
            f"Where both say the same ({_percent(compared['agreement'])}), "
            f"{_percent(compared['agreed_accuracy'])} are right."
        )
    if softmax["differing_accuracy"] is not None:
        sentences.append(
            f"Where they differ, softmax is right in {_percent(softmax['differing_accuracy'])} and sigmoid in "
            f"{_percent(sigmoid['differing_accuracy'])}: look at these first."
        )
    if softmax["macro_f1_rare"] is not None:
        better = "sigmoid" if sigmoid["macro_f1_rare"] > softmax["macro_f1_rare"] else "softmax"
        sentences.append(
            f"On the {_classes(compared['rare_classes'])} with fewer than {COMMON_SUPPORT} products here, mean F1 is "
            f"{softmax['macro_f1_rare']:.2f} with softmax and {sigmoid['macro_f1_rare']:.2f} with sigmoid"
            + (
                f": {better} finds more of them."
                if abs(softmax["macro_f1_rare"] - sigmoid["macro_f1_rare"]) >= 0.02
                else "."
            )
        )
    return " ".join(sentences)


def _sigmoid_classes(
    attribute: Attribute, scores: NDArray[np.float32], limits: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Index of the class whose pattern the labels over their thresholds make up, int64 (N,); -1 where it is none's."""
    class_of = {np.packbits(pattern).tobytes(): index for index, pattern in attribute.patterns()}
    return np.array([class_of.get(row.tobytes(), -1) for row in np.packbits(scores >= limits, axis=1)], dtype=np.int64)


def _f1(truth: Labels, answers: Labels, classes: Labels) -> NDArray[np.float64]:
    f1: NDArray[np.float64] = sk.f1_score(truth, answers, labels=classes, average=None, zero_division=0)
    return f1


def _classes(count: int) -> str:
    return "only class" if count == 1 else f"{count:,} classes"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"
