"""From probabilities to `Tag`s: the answer, its confidence, the runners-up, and whether it needs review."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.calibration import Scale
from tagger.decoding import set_confidence
from tagger.inference.tags import Tag
from tagger.labels import SEPARATOR

Ranked = list[tuple[str, float]]


def single_tags(
    names: Sequence[str], p: NDArray[np.float32], chosen: NDArray[np.int64], top_k: int, review: float
) -> list[Tag]:
    """Tags of a single-valued attribute.

    Args:
        names: of the classes.
        p: their probabilities, float32 (N, C).
        chosen: the class that answers, int64 (N,).
        top_k: labels a tag, the answer included.
        review: confidence below which a tag needs review.
    """
    answers = [names[column] for column in chosen.tolist()]
    confidences = np.take_along_axis(p, chosen[:, None], axis=1)[:, 0]
    if top_k == 1:
        return _tags(answers, confidences, [[]] * len(answers), top_k, review)
    others = [
        [pair for pair in row if pair[0] != answer]
        for row, answer in zip(ranked(names, p, top_k), answers, strict=True)
    ]
    return _tags(answers, confidences, others, top_k, review)


def multi_tags(
    names: Sequence[str],
    p: NDArray[np.float32],
    thresholds: NDArray[np.float32],
    top_k: int,
    review: float,
    scale: Scale | None = None,
) -> list[Tag]:
    """Tags of a multi-valued attribute: all labels that reach their thresholds; the others are runners-up.

    Args:
        names: of the labels.
        p: their probabilities, float32 (N, L).
        thresholds: of the labels, float32 (L,).
        top_k: one more than the most runners-up.
        review: confidence below which a tag needs review.
        scale: see `Calibration.sets`.
    """
    given = p >= thresholds
    confidences = set_confidence(p, given, scale)
    answers = [SEPARATOR.join(itertools.compress(names, row)) for row in given.tolist()]
    if top_k == 1:
        return _tags(answers, confidences, [[]] * len(answers), top_k, review)
    others = [[pair for pair in row if pair[1] >= 0] for row in ranked(names, np.where(given, -1, p), top_k)]
    return _tags(answers, confidences, others, top_k, review)


def ranked(names: Sequence[str], p: NDArray[np.float32], top_k: int) -> list[Ranked]:
    """The top_k (name, probability) of each row of p (N, C), best first."""
    order = np.argsort(-p, axis=1, kind="stable")[:, :top_k]
    best = _rounded(np.take_along_axis(p, order, axis=1))
    return [
        [(names[column], value) for column, value in zip(columns, values, strict=True)]
        for columns, values in zip(order.tolist(), best, strict=True)
    ]


def _tags(
    answers: list[str], confidences: NDArray[np.float32], others: list[Ranked], top_k: int, review: float
) -> list[Tag]:
    return [
        Tag(label, confidence, tuple(runners_up[: top_k - 1]), confidence < review)
        for label, confidence, runners_up in zip(answers, _rounded(confidences), others, strict=True)
    ]


def _rounded(p: NDArray[np.float32]) -> list[Any]:
    """Four decimals, as plain floats."""
    rounded: list[Any] = p.astype(float).round(4).tolist()
    return rounded
