"""What the heads should answer, and how much each answer counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tagger.config import AttributeConfig
from tagger.labels import LabelSpace, class_index, multi_hot
from tagger.network.model import keras_name

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Targets:
    """Targets of N products by output name.

    Args:
        values: int64 (N,) class indices for softmax outputs, -1 where missing; float32 (N, L) for sigmoid outputs.
        weights: float32 (N,); 0 where the label is missing, so that the head learns nothing from it.
    """

    values: dict[str, NDArray[Any]]
    weights: dict[str, NDArray[np.float32]]

    def of(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Targets:
        """Those of some products."""
        return Targets(
            {name: values[rows] for name, values in self.values.items()},
            {name: weights[rows] for name, weights in self.weights.items()},
        )

    def batch(self, rows: NDArray[np.int64], classes: Mapping[str, int]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Targets (softmax ones as one-hot float32 (B, C)) and weights of some rows, both by `keras_name`."""
        values = {}
        for name, column in self.values.items():
            chosen = column[rows]
            values[keras_name(name)] = (
                (chosen[:, None] == np.arange(classes[name])).astype(np.float32) if chosen.ndim == 1 else chosen
            )
        return values, {keras_name(name): weight[rows] for name, weight in self.weights.items()}


def encode_targets(space: LabelSpace, table: pd.DataFrame, settings: Mapping[str, AttributeConfig]) -> Targets:
    """Encode the labels of a table's products for every head.

    Class weights, where the config asks for them, are folded into the weights of the products.
    """
    values: dict[str, NDArray[Any]] = {}
    weights: dict[str, NDArray[np.float32]] = {}
    for name, attribute, head in space.outputs():
        power = settings[attribute.name].class_weight_power
        if head == "softmax":
            index = class_index(attribute, table)
            values[name] = index
            weights[name] = class_weights(index, power) * (index >= 0)
        else:
            hot, known = multi_hot(attribute, table)
            values[name] = hot
            # A product counts as much as its rarest label.
            rarest = np.where(hot > 0, hot.sum(axis=0), np.inf).argmin(axis=1)
            weights[name] = class_weights(np.where(known, rarest, -1), power) * known
    return Targets(values, weights)


def class_weights(index: NDArray[np.int64], power: float) -> NDArray[np.float32]:
    """Weight of each product: inverse frequency of its class to a power, scaled to a mean of 1; 0 for class -1.

    Args:
        index: class of each product, int64 (N,).
        power: 0 leaves all weights at 1, 1 makes all classes count the same.
    """
    known = index >= 0
    if not known.any():
        return np.zeros(len(index), dtype=np.float32)
    counts = np.bincount(index[known])
    weights = np.where(known, 1.0 / np.maximum(counts[index], 1) ** power, 0)
    return np.asarray(weights / weights[known].mean(), dtype=np.float32)
