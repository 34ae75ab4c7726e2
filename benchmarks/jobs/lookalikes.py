"""More products than a catalog has, which lie as its own do.

Noise in all directions would be found badly by any approximate index, and no catalog looks like that: products differ
from each other in the ways in which its neighbours do. So a new one is an old one, moved by such differences.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Products whose neighbours are looked for, and neighbours of each that count.
_SAMPLE, _NEAREST = 2_000, 10
#: Differences that are added up: together they are half as long as one.
_ADDED = 3


class Lookalikes:
    """Draws vectors that lie like those of a catalog.

    Args:
        vectors: unit vectors of at least two products, float32 (N, D).
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        rng = np.random.default_rng(0)
        chosen = rng.choice(len(vectors), min(_SAMPLE, len(vectors)), replace=False)
        scores = vectors[chosen] @ vectors.T  # (S, N)
        scores[np.arange(len(chosen)), chosen] = -np.inf
        count = min(_NEAREST, len(vectors) - 1)
        near = np.argpartition(scores, -count, axis=1)[:, -count:]
        picked = near[np.arange(len(chosen)), rng.integers(0, count, len(chosen))]
        self._differences = vectors[picked] - vectors[chosen]  # (S, D)

    def of(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
        """Vectors near those of some products, half as far away as their neighbours, float32 (K, D), of any length."""
        drawn = self._vectors[rows]
        for _ in range(_ADDED):
            factors = rng.standard_normal((len(rows), 1), dtype=np.float32) / np.float32(2 * np.sqrt(_ADDED))
            drawn += factors * self._differences[rng.integers(0, len(self._differences), len(rows))]
        return drawn
