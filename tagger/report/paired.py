"""How sure a difference between two models is: a paired bootstrap over the products that both were judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tagger.labels import cell_values
from tagger.report.metrics import Labels

RESAMPLES = 1000
#: Resamples whose weights are held in memory at once.
_CHUNK = 100

Interval = tuple[float, float]


@dataclass(frozen=True)
class Answers:
    """What one model answered for N products of one attribute.

    Args:
        truth: labels that were right at the time (N,), several joined by "|" where `multi_valued`, in one order.
        tags: labels that were given (N,), in the same form.
        needs_review: which tags are marked (N,).
        multi_valued: whether a product may have several labels at once.
    """

    truth: Labels
    tags: Labels
    needs_review: NDArray[np.bool_]
    multi_valued: bool


def paired_intervals(
    now: Answers, before: Answers, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """95 % percentile intervals of the change in accuracy, macro_f1 and coverage, by these names.

    Each resample draws the same products for both models, so that what is hard for both cancels out.

    Args:
        now: of N ≥ 1 products.
        before: of the same products in the same order.
        resamples: how often products are drawn with replacement.
        seed: of the draws.
    """
    count = len(now.truth)
    random = np.random.default_rng(seed)
    found: dict[str, list[NDArray[np.float64]]] = {}
    measures = [_Measure(now), _Measure(before)]
    for start in range(0, resamples, _CHUNK):
        drawn = min(_CHUNK, resamples - start)
        weights = random.multinomial(count, np.full(count, 1 / count), size=drawn).T.astype(np.float64)  # (N, B)
        after, earlier = (measure(weights) for measure in measures)
        for name in after:
            found.setdefault(name, []).append(after[name] - earlier[name])
    limits = {name: np.quantile(np.concatenate(parts), [0.025, 0.975]) for name, parts in found.items()}
    return {name: (float(low), float(high)) for name, (low, high) in limits.items()}


class _Measure:
    """The figures of one model for many weightings of its products at once."""

    def __init__(self, answers: Answers) -> None:
        self._right = (answers.truth == answers.tags).astype(np.float64)
        self._accepted = 1.0 - answers.needs_review
        truth, tags = _values(answers.truth, answers.multi_valued), _values(answers.tags, answers.multi_valued)
        columns = {label: i for i, label in enumerate(sorted({v for row in (*truth, *tags) for v in row}))}
        actual, found = _hot(truth, columns), _hot(tags, columns)
        self._hits = actual.multiply(found).T.tocsr()
        self._either = (actual + found).T.tocsr()
        self._f1 = self._f1_of(np.ones((len(truth), 1)))

    def __call__(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Accuracy, macro-F1 and coverage (B,) for weights (N, B)."""
        f1 = self._f1_of(weights)  # (C, B)
        total = weights.sum(axis=0)
        return {
            "accuracy": self._right @ weights / total,
            # A class that no drawn product has keeps its F1: left out, rare classes with F1 0 would be missing mostly.
            "macro_f1": np.where(np.isnan(f1), self._f1, f1).mean(axis=0),
            "coverage": self._accepted @ weights / total,
        }

    def _f1_of(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        either = self._either @ weights
        return np.where(either > 0, 2 * (self._hits @ weights) / np.maximum(either, 1), np.nan)


def _values(labels: Labels, multi_valued: bool) -> list[list[str]]:
    return [cell_values(cell) if multi_valued else [cell] for cell in labels]


def _hot(rows: Sequence[Sequence[str]], columns: dict[str, int]) -> csr_array:
    """Which labels each row has, float64 (N, C)."""
    pairs = [(row, columns[label]) for row, labels in enumerate(rows) for label in set(labels)]
    row, column = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return csr_array((np.ones(len(pairs)), (row, column)), shape=(len(rows), len(columns)))
