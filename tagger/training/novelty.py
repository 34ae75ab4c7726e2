"""What photos of the catalog look like to the trained network, so that tagging knows what is like none of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tagger.labels import LabelSpace
from tagger.novelty import Novelty, scaled
from tagger.training.calibration import true_classes
from tagger.training.targets import Targets

#: Share of the held-out photos that may look like no product.
_FALSE_ALARMS = 0.005
#: The same of a normal distribution, in standard deviations.
_DEVIATE = 2.5758
#: With fewer held-out photos nobody can say what is far.
_MIN_HELD_OUT = 20
#: Classes with centres, the most frequent ones; with 200 the file has 230 kB for an embedding of 256.
_MAX_CENTRES = 200
#: Share of the mean variance that is added to every direction, since those of next to none are chance.
_SHRINKAGE = 0.01


def fit_novelty(
    embeddings: NDArray[np.float32], classes: NDArray[np.int64], held_out: NDArray[np.float32]
) -> Novelty | None:
    """Fit centres and covariance on training photos, and the limit on held-out ones.

    Of the held-out photos one in 200 lies beyond the limit, or fewer where their distances, taken for log-normal, say
    that it must be farther out: the farthest of a few photos is not far enough.

    Chosen by AUROC between products and the pictures of the benchmark `novelty`. Of the networks of
    `configs/fashion-distilled.yaml`, which has learned from mixtures, and `configs/fashion-best.yaml`: 0.994 and 0.995;
    scaled to the square root of their length 0.983 and 0.996, not scaled 0.942 and 0.991. Of earlier networks, for the
    Kaggle catalog and a drawn one, 0.996 and 0.995: one centre for all had 0.995 and 0.992, residuals of principal
    components 0.995 and 0.994, the relative distance 0.983 and 0.994, neighbours by cosine 0.986 and 0.966, energy and
    the probabilities of the heads 0.41 to 0.87.

    Args:
        embeddings: of training photos, float32 (N, E), N ≥ 1.
        classes: their classes, int64 (N,), -1 where unknown.
        held_out: embeddings of photos that were not trained on, float32 (M, E).

    Returns:
        None where there are too few held-out photos.
    """
    if len(held_out) < _MIN_HELD_OUT:
        return None
    known = classes >= 0
    if not known.any():
        classes, known = np.zeros_like(classes), np.ones_like(known)
    points, names = scaled(embeddings[known]).astype(np.float64), classes[known]
    found, place, count = np.unique(names, return_inverse=True, return_counts=True)
    means = np.zeros((len(found), points.shape[1]))
    np.add.at(means, place, points)
    means /= count[:, None]
    spread = points - means[place]
    covariance = spread.T @ spread / max(len(points) - len(found), 1)
    variance, directions = np.linalg.eigh(covariance)
    variance = variance + _SHRINKAGE * max(variance.mean(), 1e-9)
    whitening = directions / np.sqrt(variance)
    centres = means[np.argsort(-count, kind="stable")[:_MAX_CENTRES]] @ whitening
    farthest = _limit(Novelty(whitening, centres).scores(held_out))
    return Novelty(whitening / farthest, centres / farthest)


def _limit(distances: NDArray[np.float32]) -> float:
    """The distance from which photos count as unlike the catalog."""
    logarithms = np.log(np.maximum(distances.astype(np.float64), 1e-6))
    expected = np.exp(logarithms.mean() + _DEVIATE * logarithms.std())
    return float(max(expected, np.quantile(distances, 1 - _FALSE_ALARMS, method="higher")))


def learn_novelty(
    embeddings: NDArray[np.float32], targets: Targets, held_out: NDArray[np.float32], space: LabelSpace
) -> Novelty | None:
    """Fit on what a network makes of photos; the finest single-valued attribute gives the classes.

    Args:
        embeddings: of photos that it learnt from, float32 (N, E).
        targets: theirs.
        held_out: embeddings of others, float32 (M, E).
    """
    single = [attribute for attribute in space.attributes.values() if not attribute.multi_valued]
    finest = max(single, key=lambda attribute: len(attribute.classes), default=None)
    classes = np.full(len(embeddings), -1) if finest is None else true_classes(finest, targets)
    return fit_novelty(embeddings, classes, held_out)
