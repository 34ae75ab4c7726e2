"""A network that somebody else trained, its last feature map pooled by the maximum, as older reports built it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tagger.errors import ConfigError, MissingDependencyError
from tagger.retrieval.collection import Collection
from tagger.retrieval.method import ExactMethod, register
from tagger.retrieval.ranking import unit

_RANDOM = "none"


@register("trunk", by_default=False)
class Trunk(ExactMethod):
    """A network of keras.applications or a trunk of tagger; the argument is NAME or NAME:WEIGHTS.

    WEIGHTS are "imagenet" (the default), a file, or "none" for random ones.
    """

    needs = frozenset({"photos"})
    uses_keras = True

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        self._network, _, weights = argument.partition(":")
        self._weights = weights or "imagenet"
        if not self._network:
            raise ConfigError(
                'After "trunk:", expected the name of a network, such as trunk:mobilenet_v3_large:imagenet.'
            )
        if self._weights == _RANDOM:
            self.note = "random weights: says nothing of the trained network"

    @property
    def name(self) -> str:
        weights = "RANDOM weights" if self._weights == _RANDOM else f"weights {self._weights}"
        return f"{self._network}, max pooling, {weights}"

    def learn(self, gallery: Collection) -> None:
        try:
            from tagger.network.pooled import pooled_network
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("tagger"):
                raise
            raise MissingDependencyError(error.name or "keras", "train", "for this method") from error
        height, width = next(gallery.photos()).shape[1:3]
        self._run = pooled_network(self._network, self._weights, height, width, self.seed)

    def features(self, products: Collection) -> NDArray[np.float32]:
        return unit(np.concatenate([self._run(photos) for photos in products.photos()]))


@register("resnet50", by_default=False)
def resnet50(argument: str, seed: int) -> Trunk:
    """ResNet50 with global max pooling, L2-normalised; the argument is its WEIGHTS."""
    return Trunk(f"resnet50:{argument or 'imagenet'}", seed)
