"""How well neighbours agree: what an embedding is worth for the look-up of similar products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Scores computed at once: 64 MB of float32.
_SCORES = 16_000_000


def neighbour_agreement(vectors: NDArray[np.float32], labels: Sequence[str], k: int = 5) -> float:
    """Precision at k: the share of the k nearest products that carry the query's label, averaged over all queries.

    Every product with a label is a query once, and itself left out; products without a label ("") take no part.
    A random embedding gives about the sum of the squared shares of the labels.

    Args:
        vectors: unit vectors, float32 (N, D).
        labels: one attribute's label of each product, N.
        k: neighbours of each query; all of them where there are fewer.

    Returns:
        0 to 1.

    Raises:
        ValueError: labels and vectors differ in number, fewer than two products have a label, or k is below 1.
    """
    if len(labels) != len(vectors):
        raise ValueError(f"expected one label a vector, got {len(labels)} labels and {len(vectors)} vectors")
    codes = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)[1]
    labelled = np.array([label != "" for label in labels])
    gallery, codes = vectors[labelled], codes[labelled]
    k = min(k, len(gallery) - 1)
    if k < 1:
        raise ValueError(f"expected k of at least 1 and two labelled products or more, got {len(gallery)} products")
    agreeing = 0
    step = max(1, _SCORES // len(gallery))
    for start in range(0, len(gallery), step):
        scores = gallery[start : start + step] @ gallery.T  # (B, N)
        queries = np.arange(len(scores))
        scores[queries, start + queries] = -np.inf
        nearest = np.argpartition(scores, -k, axis=1)[:, -k:]  # (B, k)
        agreeing += int((codes[nearest] == codes[start + queries, None]).sum())
    return agreeing / (len(gallery) * k)
