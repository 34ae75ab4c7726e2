"""Hits that are like what was asked for, and not all alike.

Where the network is not sure of a colour or a type, the most similar products all follow its first guess. Maximal
marginal relevance (Carbonell & Goldstein 1998, https://doi.org/10.1145/290941.291025) gives others their turn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tagger.search.product_index import Hit, ProductIndex

#: Candidates for each hit that is wanted: three times as many change next to nothing.
POOL = 6


def diversify(index: ProductIndex, hits: Sequence[Hit], k: int, diversity: float) -> list[Hit]:
    """The k of these hits that `marginally_relevant` chooses, the best first.

    Args:
        index: gives their vectors.
        hits: the best first, `POOL` times as many as are wanted.
        k: hits wanted.
        diversity: 0 to 1, how much it counts that a hit is unlike those chosen before it.
    """
    if not diversity or len(hits) <= k:
        return list(hits[:k])
    scores = np.array([hit.score for hit in hits], dtype=np.float32)
    chosen = marginally_relevant(scores, index.vectors([hit.id for hit in hits]), k, diversity)
    return [hits[row] for row in chosen]


def marginally_relevant(
    scores: NDArray[np.float32], vectors: NDArray[np.float32], k: int, diversity: float
) -> NDArray[np.int64]:
    """Rows of N candidates, int64 (min(k, N),), in their order.

    One after the other, the candidate is chosen with the greatest (1 - diversity) times its score, less diversity times
    its greatest cosine with one that is chosen already.

    Args:
        scores: float32 (N,), the best first.
        vectors: unit vectors of the candidates, float32 (N, D).
        k: how many are wanted.
        diversity: 0 to 1.
    """
    chosen: list[int] = []
    alike = np.zeros(len(scores), dtype=np.float32)
    while len(chosen) < min(k, len(scores)):
        worth = (1 - diversity) * scores - diversity * alike
        worth[chosen] = -np.inf
        best = int(worth.argmax())
        cosines = vectors @ vectors[best]
        alike = np.maximum(alike, cosines) if chosen else cosines
        chosen.append(best)
    return np.sort(np.array(chosen, dtype=np.int64))
