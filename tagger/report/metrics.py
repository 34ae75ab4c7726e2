"""Metrics of one attribute, from plain arrays. scikit-learn computes those of a class a product; the calibration error
and the figures of labels against the rest, of which there may be thousands, are our own.

Every average over classes is taken over the labels that are present in the truth or in the prediction of the part that
is judged: a class that has neither product nor prediction there says nothing. A share of nothing is None: the precision
of a class that is never predicted, the recall of a class that no product has. F1 is 0 for both, as scikit-learn has it:
a class that is never found, or never there where it is said to be, is no success. Only a class with neither has no F1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import metrics as sk
from sklearn.preprocessing import MultiLabelBinarizer

from tagger.labels import cell_values

Metrics = dict[str, Any]
Labels = NDArray[np.object_]

#: classes with at least this many products count for `macro_f1_support_10`: rarer ones are mostly chance.
COMMON_SUPPORT = 10
CALIBRATION_BINS = 15
ROW_COLUMNS = (
    "head",
    "label",
    "threshold",
    "precision",
    "recall",
    "f1",
    "average_precision",
    "support",
    "predicted",
)


@dataclass(frozen=True)
class Tags:
    """The tags of N products for one attribute, as users get them.

    Args:
        label: the label of each product (N,).
        confidence: calibrated confidence in it (N,).
        needs_review: whether it is marked for review (N,).
        best: the label and its runners-up, best first, at most three a product (N).
    """

    label: Labels
    confidence: NDArray[np.float64]
    needs_review: NDArray[np.bool_]
    best: Sequence[tuple[str, ...]]

    def where(self, chosen: NDArray[np.bool_]) -> Tags:
        """Return the tags of the products that the mask (N,) chooses."""
        best = [labels for labels, keep in zip(self.best, chosen, strict=True) if keep]
        return Tags(self.label[chosen], self.confidence[chosen], self.needs_review[chosen], best)


def expected_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> float:
    """Mean distance between confidence and accuracy, over bins of equal width weighted by their products.

    Equation 3 of Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017.

    Args:
        confidence: within 0 … 1 (N,), N ≥ 1.
        correct: whether the label was right (N,).
    """
    gaps = np.bincount(calibration_bins(confidence, bins), weights=correct - confidence)
    return float(np.abs(gaps).sum() / len(confidence))


def calibration_bins(confidence: NDArray[np.float64], bins: int = CALIBRATION_BINS) -> NDArray[np.int64]:
    """The bin of each confidence, int64 (N,): of equal width, each with its upper end."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def class_metrics(truth: Labels, predicted: Labels) -> Metrics:
    """Accuracy and F1 averages of one label a product, N ≥ 1 products."""
    classes, _ = _classes(truth, predicted)
    _, _, f1, support = sk.precision_recall_fscore_support(truth, predicted, labels=classes, zero_division=0)
    return _averages(truth, predicted, f1, support)


def set_metrics(truth: Labels, predicted: Labels) -> Metrics:
    """The same as `class_metrics` where a product has several labels at once, joined by "|"; it is right if all are.

    F1 is that of each label on its own.
    """
    binarizer = MultiLabelBinarizer(sparse_output=True)
    hot = binarizer.fit_transform([*map(cell_values, truth), *map(cell_values, predicted)]).tocsr()
    targets, found = hot[: len(truth)], hot[len(truth) :]
    hits, support, given = (np.asarray(m.sum(axis=0)).ravel() for m in (targets.multiply(found), targets, found))
    return _averages(truth, predicted, _share(2 * hits, support + given), support)


def class_rows(truth: Labels, predicted: Labels, head: str) -> pd.DataFrame:
    """One row a class, the most frequent first; the columns are ROW_COLUMNS, NaN where a share is one of nothing."""
    classes, _ = _classes(truth, predicted)
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        truth, predicted, labels=classes, zero_division=np.nan
    )
    counts = pd.Series(predicted).value_counts()
    rows = pd.DataFrame(
        {
            "head": head,
            "label": classes,
            "threshold": np.nan,
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "average_precision": np.nan,
            "support": support,
            "predicted": [int(counts.get(label, 0)) for label in classes],
        },
        columns=list(ROW_COLUMNS),
    )
    return rows.sort_values(["support", "label"], ascending=[False, True], ignore_index=True)


def tag_metrics(truth: Labels, tags: Tags, *, multi_valued: bool) -> Metrics:
    """Metrics of the tags as users get them, N ≥ 1 products."""
    averages = set_metrics if multi_valued else class_metrics
    correct = truth == tags.label
    majority = np.full(len(truth), most_frequent(truth), dtype=object)
    baseline = averages(truth, majority)
    return {
        **averages(truth, tags.label),
        "top_3_accuracy": None if multi_valued else top_3_accuracy(truth, tags.best),
        "majority_accuracy": baseline["accuracy"],
        "majority_macro_f1": baseline["macro_f1"],
        "ece": expected_calibration_error(tags.confidence, correct),
        "needs_review": float(np.mean(tags.needs_review)),
        "accepted_accuracy": mean_or_none(correct[~tags.needs_review]),
    }


def top_3_accuracy(truth: Labels, best: Sequence[tuple[str, ...]]) -> float:
    """Share of the products whose label is among the first three."""
    return float(np.mean([label in labels[:3] for label, labels in zip(truth, best, strict=True)]))


def softmax_metrics(truth: Labels, scores: NDArray[np.floating[Any]], classes: Sequence[str]) -> Metrics:
    """Metrics of a softmax head alone, before parents and children are made consistent.

    Args:
        truth: labels (N,); one that is not among the classes is always judged wrong.
        scores: probabilities (N, C).
        classes: names of the columns (C).
    """
    names = np.array(classes, dtype=object)
    ranked = names[np.argsort(-scores, axis=1, kind="stable")[:, :3]]  # (N, 3)
    measured = class_metrics(truth, ranked[:, 0])
    return {
        "accuracy": measured["accuracy"],
        "top_3_accuracy": top_3_accuracy(truth, [tuple(row) for row in ranked]),
        "macro_f1": measured["macro_f1"],
        "ece": expected_calibration_error(scores.max(axis=1).astype(np.float64), truth == ranked[:, 0]),
    }


def sigmoid_metrics(targets: NDArray[np.bool_], predicted: NDArray[np.bool_], rows: pd.DataFrame) -> Metrics:
    """Metrics of a sigmoid head at its thresholds.

    Args:
        targets: which labels each product has (N, L), N ≥ 1.
        predicted: which labels reach their threshold (N, L).
        rows: what `label_rows` made of the same head.
    """
    present = rows[(rows["support"] > 0) | (rows["predicted"] > 0)]
    return {
        "support": len(targets),
        "labels": targets.shape[1],
        "subset_accuracy": float(np.mean((targets == predicted).all(axis=1))),
        "hamming_loss": float(np.mean(targets != predicted)),
        "micro_f1": float(sk.f1_score(targets.ravel(), predicted.ravel(), zero_division=0)),
        "macro_f1": mean_or_none(present["f1"]),
        "mean_average_precision": mean_or_none(rows["average_precision"].dropna()),
    }


def label_rows(
    targets: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    scores: NDArray[np.floating[Any]],
    labels: Sequence[str],
    thresholds: NDArray[np.floating[Any]],
) -> pd.DataFrame:
    """One row a label of a sigmoid head, the most frequent first; the columns are ROW_COLUMNS, NaN as in `class_rows`.

    The average precision is missing for a label that no product has.

    Args:
        targets: (N, L).
        predicted: (N, L).
        scores: probabilities (N, L).
        labels: names of the columns (L).
        thresholds: at or above which a label is predicted (L).
    """
    hits, support, given = (m.sum(axis=0) for m in (targets & predicted, targets, predicted))
    table = pd.DataFrame(
        {
            "head": "sigmoid",
            "label": labels,
            "threshold": thresholds,
            "precision": _share(hits, given),
            "recall": _share(hits, support),
            "f1": _share(2 * hits, support + given),
            "average_precision": [average_precision(targets[:, i], scores[:, i]) for i in range(len(labels))],
            "support": support,
            "predicted": given,
        },
        columns=list(ROW_COLUMNS),
    )
    return table.sort_values(["support", "label"], ascending=[False, True], ignore_index=True)


def with_average_precision(
    rows: pd.DataFrame, labels: Sequence[str], targets: NDArray[np.bool_], scores: NDArray[np.floating[Any]]
) -> pd.DataFrame:
    """Fill in the average precision of each class against all the others.

    Args:
        rows: as `class_rows` gives them.
        labels: names of the columns (C).
        targets: which class each product has (N, C).
        scores: probabilities (N, C).
    """
    found = {label: average_precision(targets[:, i], scores[:, i]) for i, label in enumerate(labels)}
    return rows.assign(average_precision=rows["label"].map(found).astype(np.float64))


def average_precision(targets: NDArray[np.bool_], scores: NDArray[np.floating[Any]]) -> float:
    """Mean, over the products of a label, of the precision among those that score as high or higher.

    It is the average precision of scikit-learn (the sum of precision times the step in recall, without interpolation),
    a hundred times as fast. NaN where no product has the label.

    Args:
        targets: which products have the label (N,).
        scores: of the label (N,).
    """
    own, every = np.sort(scores[targets]), np.sort(scores)
    if not len(own):
        return float("nan")
    above = len(own) - np.searchsorted(own, own), len(every) - np.searchsorted(every, own)
    return float(np.mean(above[0] / above[1]))


def confusion_counts(truth: Labels, predicted: Labels) -> pd.DataFrame:
    """Count truth (rows) against prediction (columns); the axes hold the same labels, most frequent truth first."""
    classes, support = _classes(truth, predicted)
    ordered = classes[np.argsort(-support, kind="stable")]
    return pd.crosstab(truth, predicted).reindex(index=ordered, columns=ordered, fill_value=0)


def confused_pairs(confusion: pd.DataFrame, limit: int = 20) -> pd.DataFrame:
    """The most frequent confusions: columns truth, predicted, count, share (of the products with that truth)."""
    counts = confusion.to_numpy(copy=True)
    support = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    rows, columns = np.nonzero(counts)
    found = pd.DataFrame(
        {
            "truth": confusion.index.to_numpy()[rows],
            "predicted": confusion.columns.to_numpy()[columns],
            "count": counts[rows, columns],
            "share": counts[rows, columns] / support[rows],
        }
    )
    ordered = found.sort_values(["count", "truth", "predicted"], ascending=[False, True, True], ignore_index=True)
    return ordered.head(limit)


def all_at_once(truth: Mapping[str, Labels], tags: Mapping[str, Labels]) -> Metrics:
    """How often every tag of a product is right, over the products whose truth is known for all the attributes.

    The majority rate is that of the most frequent combination, the best that one answer for all products can reach.

    Args:
        truth: labels by attribute (N,), "" where unknown.
        tags: predicted labels by attribute (N,), the same attributes.
    """
    expected = np.stack([truth[name] for name in truth], axis=1)  # (N, A)
    found = np.stack([tags[name] for name in truth], axis=1)
    known = (expected != "").all(axis=1)
    expected, found = expected[known], found[known]
    largest = max(Counter(map(tuple, expected)).values(), default=0)
    return {
        "attributes": list(truth),
        "support": len(expected),
        "accuracy": mean_or_none((expected == found).all(axis=1)),
        "majority_accuracy": largest / len(expected) if len(expected) else None,
    }


def most_frequent(labels: Labels) -> str:
    """The label of most products; the first in the alphabet of equals."""
    names, counts = np.unique(labels, return_counts=True)
    return str(names[np.argmax(counts)])


def mean_or_none(values: Any) -> float | None:
    """The mean, or None of nothing."""
    return float(np.mean(values)) if len(values) else None


def _averages(truth: Labels, predicted: Labels, f1: NDArray[np.float64], support: NDArray[np.int64]) -> Metrics:
    return {
        "classes": len(f1),
        "accuracy": float(sk.accuracy_score(truth, predicted)),
        "macro_f1": float(np.mean(f1)),
        "macro_f1_support_10": mean_or_none(f1[support >= COMMON_SUPPORT]),
        "weighted_f1": float(np.average(f1, weights=support)) if support.any() else None,
    }


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Part / whole, NaN where there is no whole."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _classes(truth: Labels, predicted: Labels) -> tuple[Labels, NDArray[np.int64]]:
    """Labels present in either, in alphabetical order, and their counts in the truth."""
    classes = np.unique(np.concatenate([truth, predicted]))
    counts = pd.Series(truth).value_counts()
    return classes, np.array([counts.get(label, 0) for label in classes], dtype=np.int64)
