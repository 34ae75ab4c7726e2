"""How far the figures of a part would move with other products of the same kind: percentile bootstrap intervals.

Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13. Products are drawn anew with replacement; as only
counts matter, those of each distinct pair of truth and tag are drawn from a multinomial distribution: it is the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import MultiLabelBinarizer

from tagger.labels import cell_values
from tagger.report.metrics import Labels, Metrics, Tags

RESAMPLES = 1000
_SEED = 0
#: Ends of an interval of 95 %, in percent.
_ENDS = (2.5, 97.5)
#: Numbers that may be in memory at once, for each of a few arrays.
_BLOCK = 4_000_000


def intervals(truth: Labels, tags: Tags, *, multi_valued: bool) -> Metrics:
    """95 % intervals of the shares and of macro-F1, each [low, high], None where it is undefined.

    Macro-F1 is the mean over the labels of the part. One that a resample lacks keeps the F1 that it has in the part:
    left out, the many rare labels with an F1 of 0 would lift the mean, often beyond the figure itself.

    Args:
        truth: labels of N ≥ 1 products (N,).
        tags: of the same products.
        multi_valued: whether a product may have several labels at once, joined by "|"; F1 is that of each.
    """
    names, codes = np.unique(np.concatenate([truth, tags.label]).astype(str), return_inverse=True)
    of_truth, of_tag = codes[: len(truth)].astype(np.int64), codes[len(truth) :].astype(np.int64)
    cells, counts = np.unique((of_truth * len(names) + of_tag) * 2 + tags.needs_review, return_counts=True)  # (K,)
    of_truth, of_tag, accepted = cells // 2 // len(names), cells // 2 % len(names), cells % 2 == 0
    right = of_truth == of_tag
    hot = _hot(names, multi_valued)  # (all labels, C)
    has, given = hot[of_truth], hot[of_tag]  # (K, C)
    hits, both = has.multiply(given), has + given
    own = _share(2 * (hits.T @ counts), both.T @ counts)  # (C,)
    found: list[NDArray[np.float64]] = []
    rng = np.random.default_rng(_SEED)
    block = max(1, min(RESAMPLES, _BLOCK // max(len(cells), hot.shape[1])))
    for start in range(0, RESAMPLES, block):
        drawn = rng.multinomial(len(truth), counts / len(truth), min(block, RESAMPLES - start)).T  # (K, B)
        f1 = _share(2 * (hits.T @ drawn), both.T @ drawn)  # (C, B)
        f1 = np.where(np.isnan(f1), own[:, None], f1)
        kept = accepted @ drawn
        found.append(
            np.stack(
                [
                    kept / len(truth),
                    _share((accepted & right) @ drawn, kept),
                    (right @ drawn) / len(truth),
                    f1.mean(axis=0),
                ]
            )
        )
    keys = ("coverage_interval", "accepted_accuracy_interval", "accuracy_interval", "macro_f1_interval")
    return dict(zip(keys, map(_interval, np.concatenate(found, axis=1)), strict=True))


def _hot(names: NDArray[np.str_], multi_valued: bool):  # type: ignore[no-untyped-def]  # SciPy has no types
    """Which single labels each of the names stands for, a sparse matrix."""
    binarizer = MultiLabelBinarizer(sparse_output=True)
    return binarizer.fit_transform([cell_values(name) if multi_valued else [name] for name in names]).tocsr()


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Part / whole, NaN where there is no whole."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _interval(values: NDArray[np.float64]) -> list[float] | None:
    defined = values[~np.isnan(values)]
    return [float(end) for end in np.percentile(defined, _ENDS)] if len(defined) else None
