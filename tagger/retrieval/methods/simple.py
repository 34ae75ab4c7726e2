"""What every other method must beat: the colours of the photo, and chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tagger.retrieval.collection import Collection, Rows
from tagger.retrieval.method import ExactMethod, Method, refuse_argument, register
from tagger.retrieval.ranking import unit

#: Steps of each of red, green and blue.
_STEPS = 8


@register("histogram")
class ColourHistogram(ExactMethod):
    """How much of the photo has each of 512 colours: square roots, whose cosine is the Bhattacharyya coefficient."""

    needs = frozenset({"photos"})

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        refuse_argument("histogram", argument)

    @property
    def name(self) -> str:
        return "colour histogram"

    def features(self, products: Collection) -> NDArray[np.float32]:
        return unit(np.sqrt(np.concatenate([colour_counts(photos) for photos in products.photos()])))


def colour_counts(photos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels of each colour, float32 (B, 512), of photos uint8 (B, H, W, 3)."""
    steps = (photos // (256 // _STEPS)).astype(np.int64)
    colours = (steps[..., 0] * _STEPS + steps[..., 1]) * _STEPS + steps[..., 2]  # (B, H, W)
    bins = _STEPS**3
    apart = colours.reshape(len(photos), -1) + bins * np.arange(len(photos))[:, None]
    counts = np.bincount(apart.ravel(), minlength=bins * len(photos))
    return counts.reshape(len(photos), bins).astype(np.float32)


@register("random")
class Random(Method):
    """Products drawn by chance: what labels that many products share are worth."""

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        refuse_argument("random", argument)
        self._random = np.random.default_rng(seed)
        self._size = 0

    @property
    def name(self) -> str:
        return "random"

    def fit(self, gallery: Collection) -> None:
        self._size = len(gallery)

    def features(self, products: Collection) -> NDArray[np.float32]:
        return np.zeros((len(products), 0), dtype=np.float32)

    def rank(self, features: NDArray[np.float32], k: int) -> Rows:
        k = min(k, self._size)
        drawn = [self._random.choice(self._size, k, replace=False) for _ in range(len(features))]
        return np.array(drawn, dtype=np.int64)

    @property
    def bytes_per_product(self) -> float:
        return 0.0
