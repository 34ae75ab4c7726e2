"""Cross-entropy of logits outside of Keras, by which validation is judged and what is fitted on it is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax


def cross_entropies(logits: NDArray[np.floating], truth: NDArray[Any]) -> NDArray[np.floating]:
    """Cross-entropy in nats of each product (N,), or of each label of each product (N, L).

    Args:
        logits: (N, C) of a softmax head, or (N, L) of a sigmoid head.
        truth: classes, int64 (N,), or labels, 0 or 1 (N, L).
    """
    if truth.ndim == 1:
        return np.asarray(-log_softmax(logits, axis=1)[np.arange(len(truth)), truth])
    return np.asarray(np.logaddexp(0, logits) - truth * logits)
