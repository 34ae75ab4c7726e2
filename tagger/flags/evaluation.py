"""How well flags are found: thresholds from the validation part, metrics on the test part, settings side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import metrics as sk

from tagger.flags.baseline import LookUp, best_key
from tagger.flags.features import CATEGORY_COLUMNS
from tagger.flags.predictor import Flag

ALL = "all metadata"
UNCATEGORISED = "without categories"
PREDICTED = "predicted categories"
NETWORK = "network"

Scores = Callable[[pd.DataFrame], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class FlagScore:
    """Metrics of one flag in one setting by one method, on the test part.

    Args:
        setting: ALL, UNCATEGORISED or PREDICTED.
        flag: name of the flag.
        positive: the value to be found, "true" or "false": the rarer one of the train part.
        method: NETWORK, or the look-up and its key.
        products: how many have the flag at all.
        support: how many of them are positive.
        positive_rate: support / products; the average precision of chance.
        majority_accuracy: accuracy of always answering the more frequent value of the train part.
        average_precision: None where no product is positive.
    """

    setting: str
    flag: str
    positive: str
    method: str
    products: int
    support: int
    positive_rate: float
    majority_accuracy: float
    accuracy: float
    average_precision: float | None
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Part:
    """Products and the truth about their flags.

    Args:
        table: N products, as `Catalog.table`.
        targets: float32 (N, K), 1 for "true", 0 for "false", NaN for missing.
    """

    table: pd.DataFrame
    targets: NDArray[np.float32]


def hide_categories(table: pd.DataFrame) -> pd.DataFrame:
    """Return the products as they are before anybody has categorised them."""
    return table.drop(columns=[name for name in CATEGORY_COLUMNS if name in table])


def predict_categories(table: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """Return the products with the categories that the photo model gave in the place of the true ones.

    Args:
        table: as `Catalog.table`.
        predicted: index id; for each category a column of labels. What is not in it counts as missing.
    """
    known = [name for name in CATEGORY_COLUMNS if name in predicted]
    return hide_categories(table).join(predicted[known]).fillna(dict.fromkeys(known, ""))


def choose_flags(names: tuple[str, ...], train: Part, validation: Part, scores: Scores) -> tuple[Flag, ...]:
    """Find for each flag its rarer value and the threshold of the highest F1.

    The threshold is chosen on the validation products taken twice, with and without their categories, for one predictor
    serves both. Where validation has no positive product it is 0.5.

    Args:
        names: the flags, K.
        train: where the rarer value is counted.
        validation: where the threshold is chosen.
        scores: gives the probabilities of "true", float32 (N, K).
    """
    probabilities = np.concatenate([scores(validation.table), scores(hide_categories(validation.table))])
    targets = np.concatenate([validation.targets, validation.targets])
    flags = []
    for column, name in enumerate(names):
        positive = "true" if np.nanmean(train.targets[:, column]) <= 0.5 else "false"
        flag = Flag(name, positive, 0.5)
        known, truth = _truth(flag, targets[:, column])
        flags.append(Flag(name, positive, best_threshold(truth, flag.score(probabilities[known, column]))))
    return tuple(flags)


def best_threshold(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Return the threshold of the highest F1, half-way to the next lower score; 0.5 where nothing is positive.

    Args:
        truth: bool (N,).
        scores: (N,), higher for positives.
    """
    if not truth.any():
        return 0.5
    precision, recall, thresholds = sk.precision_recall_curve(truth, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    chosen = int(f1[:-1].argmax())
    # Half-way, so that a product that scores a hair lower than the last positive one is still found.
    return float(np.mean(thresholds[max(chosen - 1, 0) : chosen + 1], dtype=np.float64))


def evaluate_flags(
    flags: tuple[Flag, ...],
    train: Part,
    validation: Part,
    test: Part,
    scores: Scores,
    predicted: pd.DataFrame | None,
) -> list[FlagScore]:
    """Judge the network and, beside it, a look-up, in every setting.

    The network and its thresholds are the same in every setting: the ones that users get. The look-up counts and finds
    its threshold by the true categories, without categories by the last title word; with predicted categories it looks
    up the predicted ones.

    Args:
        flags: the K flags.
        train: for the look-up's shares.
        validation: for the look-up's thresholds.
        test: what is judged.
        scores: the network, gives the probabilities of "true", float32 (N, K).
        predicted: index id, categories that the photo model gave for the test products; None leaves that setting out.
    """
    settings: list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame], pd.DataFrame]] = [
        (ALL, lambda table: table, test.table),
        (UNCATEGORISED, hide_categories, hide_categories(test.table)),
    ]
    if predicted is not None:
        settings.append((PREDICTED, lambda table: table, predict_categories(test.table, predicted)))
    rows = []
    for setting, prepare, seen in settings:
        probabilities = scores(seen)
        learnt, tuned = prepare(train.table), prepare(validation.table)
        key = best_key(learnt)
        for column, flag in enumerate(flags):
            known, truth = _truth(flag, test.targets[:, column])
            if not known.any():
                continue
            probability = probabilities[known, column]
            found = flag.decide(probability) == (flag.positive == "true")
            rows.append(_score(setting, flag, NETWORK, truth, flag.score(probability), found))

            look_up = LookUp.fit(key, learnt, _positive(flag, train.targets[:, column]))
            tuned_known, tuned_truth = _truth(flag, validation.targets[:, column])
            threshold = best_threshold(tuned_truth, look_up.score(tuned[tuned_known]))
            shares = look_up.score(seen[known])
            rows.append(_score(setting, flag, f"look-up by {key}", truth, shares, shares >= threshold))
    return rows


def _positive(flag: Flag, targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn 1 for "true" into 1 for the positive value; NaN stays (N,)."""
    return targets if flag.positive == "true" else 1 - targets


def _truth(flag: Flag, targets: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which products have the flag (N,), and which of these are positive (M,)."""
    known = np.isfinite(targets)
    return known, _positive(flag, targets[known]) == 1


def _score(
    setting: str,
    flag: Flag,
    method: str,
    truth: NDArray[np.bool_],
    scores: NDArray[np.floating],
    found: NDArray[np.bool_],
) -> FlagScore:
    precision, recall, f1, _ = sk.precision_recall_fscore_support(truth, found, average="binary", zero_division=0.0)
    return FlagScore(
        setting=setting,
        flag=flag.name,
        positive=flag.positive,
        method=method,
        products=len(truth),
        support=int(truth.sum()),
        positive_rate=float(truth.mean()),
        majority_accuracy=float(1 - truth.mean()),
        accuracy=float(sk.accuracy_score(truth, found)),
        average_precision=float(sk.average_precision_score(truth, scores)) if truth.any() else None,
        precision=float(precision),
        recall=float(recall),
        f1=float(f1),
    )
