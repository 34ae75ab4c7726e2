"""How much another opinion counts beside a head: as much as makes products that neither has seen likeliest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tagger.training.losses import cross_entropies

#: In nats a product, below which the head is left to answer alone.
_LEAST_GAIN = 1e-3


def losses_of_shares(
    mixtures: Iterable[NDArray[np.float32]],
    truth: NDArray[np.int64] | NDArray[np.float32],
    temperatures: tuple[float, ...] = (1.0,),
    errors: float | None = None,
) -> NDArray[np.float64]:
    """Mean cross-entropy for each share; infinite where too few are right beside what is right without the other.

    What a head that is too sure of itself gains in likelihood is no use if it answers worse.

    Args:
        mixtures: logits (N, C) of head and other opinion together, a share each, the first without the other.
        truth: classes (N,), or labels (N, C).
        temperatures: by which logits may be divided first. Whoever calibrates later gives several, so that an opinion
            that only makes a head less sure gains nothing.
        errors: as many standard errors more products must be right, of several labels all; None: where each has one
            class, no fewer may be right.
    """
    losses, right = [], []
    for mixture in mixtures:
        losses.append(min(_loss(mixture / np.float32(temperature), truth) for temperature in temperatures))
        right.append(_right(mixture, truth))
    if errors is None:
        refused = [truth.ndim == 1 and after.sum() < right[0].sum() for after in right]
    else:
        refused = [False, *(not _more_right(right[0], after, errors) for after in right[1:])]
    return np.where(refused, np.inf, losses)


def best_share(shares: tuple[float, ...], losses: NDArray[np.float64]) -> float:
    """The share of least loss; the first, none, where that gains next to nothing."""
    best = int(losses.argmin())
    return shares[best] if losses[best] < losses[0] - _LEAST_GAIN else shares[0]


def _right(logits: NDArray[np.float32], truth: NDArray[np.int64] | NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which products are answered rightly, bool (N,)."""
    if truth.ndim == 1:
        return np.asarray(logits.argmax(axis=1) == truth)
    return np.asarray(((logits > 0) == (truth > 0)).all(axis=1))


def _more_right(before: NDArray[np.bool_], after: NDArray[np.bool_], errors: float) -> bool:
    """Whether more are right afterwards by so many standard errors of a paired difference (McNemar 1947)."""
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    return bool(gained - lost > errors * np.sqrt(gained + lost))


def _loss(logits: NDArray[np.float32], truth: NDArray[np.int64] | NDArray[np.float32]) -> float:
    """Mean over products, of several labels their sum."""
    return float(cross_entropies(logits, truth).sum() / len(truth))
