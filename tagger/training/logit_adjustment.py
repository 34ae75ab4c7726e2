"""Heads that favour frequent classes less than their training does."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from tagger.labels import LabelSpace, output_name
from tagger.network.model import keras_name
from tagger.training.targets import Targets


def adjust_logits(model: keras.Model, space: LabelSpace, targets: Targets, strength: float) -> None:
    """Take a share of the log frequencies of the classes off the biases of softmax heads, in place.

    Where a photo leaves a network in doubt, it goes by what is frequent, and does so more than it should: rare classes
    are answered less often than they come. Post-hoc logit adjustment, equation 9 of Menon et al. 2021, Long-tail
    learning via logit adjustment, arXiv:2007.07314. Confidences must be calibrated after it.

    Args:
        model: trained; its heads are dense layers of the names that `keras_name` gives.
        space: the heads that are adjusted.
        targets: of the products that the network has learned from; they count as they did there.
        strength: 0 leaves the heads as they are, 1 takes all that frequencies say.
    """
    for attribute, head in space.outputs():
        name = output_name(attribute, head)
        if head == "softmax":
            kernel, bias = model.get_layer(keras_name(name)).get_weights()
            frequency = class_frequency(targets.values[name], targets.weights[name], len(bias))
            model.get_layer(keras_name(name)).set_weights([kernel, bias - strength * np.log(frequency)])


def class_frequency(index: NDArray[np.int64], weights: NDArray[np.float32], classes: int) -> NDArray[np.float64]:
    """Share of each class, float64 (C,), as if one more product of each were there: none is 0.

    Args:
        index: class of each product, int64 (N,), -1 where unknown.
        weights: how much each product counts, float32 (N,).
        classes: how many there are.
    """
    known = index >= 0
    count = 1 + np.bincount(index[known], weights=weights[known], minlength=classes)
    return np.asarray(count / count.sum(), dtype=np.float64)
