"""How much photo and title count, learnt on products that neither was trained on, where neither is too sure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, softmax

from tagger.decoding import Scores
from tagger.fusion import HeadFusion
from tagger.labels import LabelSpace
from tagger.training.losses import cross_entropies
from tagger.training.targets import Targets

#: With fewer products whose label is known the weights would be chance: they stay those of experts that err apart.
_MIN_KNOWN = 20
#: Weights of photo, title and the logarithm of the frequencies for independent experts that are as sure as they may be.
_INDEPENDENT = np.array([1.0, 1.0, -1.0])
#: Pulls the weights there: it matters only where there are few products.
_PULL = 1e-4


def fit_fusion(
    photo: Scores, title: Scores, targets: Targets, space: LabelSpace, training: Targets
) -> dict[str, HeadFusion]:
    """Fit three weights a head by the likelihood of the labels.

    Args:
        photo: logits by output name, float32 (N, C), for products that training has not seen.
        title: likewise.
        targets: of the same N products.
        training: those of the train part, for how frequent the labels are.

    Returns:
        What `fuse` needs, by output name.
    """
    heads = {}
    for output in space.outputs():
        name = output.name
        frequencies = _log_frequencies(training, name, len(output.values))
        known = targets.weights[name] > 0
        weights = _INDEPENDENT
        if known.sum() >= _MIN_KNOWN:
            experts = np.stack([photo[name][known], title[name][known]]).astype(np.float64)  # (2, K, C)
            weights = _fit(experts, frequencies, targets.values[name][known])
        bias = tuple(round(float(value), 4) for value in weights[2] * frequencies)
        heads[name] = HeadFusion(round(float(weights[0]), 4), round(float(weights[1]), 4), bias)
    return heads


def _fit(experts: NDArray[np.float64], frequencies: NDArray[np.float64], truth: NDArray[Any]) -> NDArray[np.float64]:
    """The weights (3,) of least loss, none of an expert below 0.

    Args:
        experts: logits of photo and title, (2, K, C).
        frequencies: logarithms, (C,).
        truth: classes (K,), or labels (K, L).
    """

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = weights[0] * experts[0] + weights[1] * experts[1] + weights[2] * frequencies
        value, error = (_softmax_loss if truth.ndim == 1 else _sigmoid_loss)(logits, truth)
        gradient = np.array([(error * experts[0]).sum(), (error * experts[1]).sum(), (error * frequencies).sum()])
        away = weights - _INDEPENDENT
        return value + _PULL * float(away @ away), gradient + 2 * _PULL * away

    found = minimize(loss, _INDEPENDENT, jac=True, method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None)])
    return np.asarray(found.x, dtype=np.float64)


def _softmax_loss(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> tuple[float, NDArray[np.float64]]:
    """Mean cross-entropy and its gradient by the logits (K, C)."""
    error = softmax(logits, axis=1)
    error[np.arange(len(truth)), truth] -= 1
    return float(cross_entropies(logits, truth).mean()), error / len(truth)


def _sigmoid_loss(logits: NDArray[np.float64], truth: NDArray[np.float32]) -> tuple[float, NDArray[np.float64]]:
    """Mean cross-entropy over products and labels, and its gradient by the logits (K, L)."""
    return float(cross_entropies(logits, truth).mean()), (expit(logits) - truth) / truth.size


def _log_frequencies(training: Targets, name: str, columns: int) -> NDArray[np.float64]:
    """Logarithm of how frequent each class is, about their mean; log odds of each label of a sigmoid head; (C,)."""
    values, known = training.values[name], training.weights[name] > 0
    if values.ndim == 1:
        frequencies = np.log(np.bincount(values[known], minlength=columns) + 1.0)
        return np.asarray(frequencies - frequencies.mean())
    share = (values[known].sum(axis=0) + 1.0) / (known.sum() + 2.0)
    return np.asarray(np.log(share / (1 - share)))
