"""Cosines of queries and all vectors of a segment: from half precision as it is mapped, or from a copy in single.

To make single precision of half takes longer than to multiply it. So a segment that is asked again keeps the result,
as long as it is not large; a large one stays mapped alone, so that many processes share its memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tagger.search.arrays import SCALE, Widener

#: Bytes of single precision that are kept at most: 131,072 vectors of 256 numbers.
KEPT = 128 * 2**20
#: Vectors widened at once: they stay in the processor's cache.
_ROWS = 512
#: Where fewer than one in so many vectors are asked for, only these are looked at.
_FEW = 4


class Cosines:
    """Compares queries with vectors.

    Args:
        vectors: unit vectors (N, D), mapped.
    """

    def __init__(self, vectors: NDArray[np.float16]) -> None:
        self._vectors = vectors
        self._asked = False
        self._kept: NDArray[np.float32] | None = None

    def __call__(
        self, queries: NDArray[np.float32], start: int, stop: int, rows: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        """Cosines with queries (B, D), float32 (B, K), of the vectors from `start` to `stop`, or of some rows of these.

        Equal vectors may differ in the last digits, by where they stand.
        """
        if rows is not None and len(rows) * _FEW < stop - start:
            return self._compare(queries, self._vectors[rows])
        kept = self._singles()
        scores = self._compare(queries, self._vectors[start:stop]) if kept is None else queries @ kept[start:stop].T
        return scores if rows is None else scores[:, rows - start]

    def _compare(self, queries: NDArray[np.float32], vectors: NDArray[np.float16]) -> NDArray[np.float32]:
        scores = np.empty((len(queries), len(vectors)), dtype=np.float32)
        widen = Widener(min(_ROWS, len(vectors)), vectors.shape[1])
        larger = queries[0] * SCALE
        for first in range(0, len(vectors), _ROWS):
            chunk, out = vectors[first : first + _ROWS], scores[:, first : first + _ROWS]
            # One query is scaled instead of all vectors: a multiplication by a power of two changes no digit.
            if len(queries) == 1:
                np.matmul(widen.scaled(chunk), larger, out=out[0])
            else:
                np.matmul(queries, widen(chunk).T, out=out)
        return scores

    def _singles(self) -> NDArray[np.float32] | None:
        """All vectors, once they are asked for again; None before, and where they are too many."""
        if self._kept is None and self._asked and self._vectors.size * 4 <= KEPT:
            kept = np.empty(self._vectors.shape, dtype=np.float32)
            widen = Widener(min(_ROWS, len(kept)), self._vectors.shape[1])
            for first in range(0, len(kept), _ROWS):
                kept[first : first + _ROWS] = widen(self._vectors[first : first + _ROWS])
            self._kept = kept
        self._asked = True
        return self._kept
