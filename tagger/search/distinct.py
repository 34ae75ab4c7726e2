"""Leave near-duplicates out of what was found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tagger.search.product_index import Hit, ProductIndex, Query

#: Embeddings with at least this cosine look alike to a person: the same photo, or another shade of the same lipstick.
NEAR_DUPLICATE = 0.995


def leave_out_near_duplicates(index: ProductIndex, query: Query, hits: Sequence[Hit], k: int) -> list[Hit]:
    """The first k hits whose photos are near-duplicates neither of the query's nor of a better hit's.

    Args:
        index: gives their vectors.
        query: with or without a photo.
        hits: the best first.
        k: hits wanted.
    """
    if not hits:
        return []
    vectors = index.vectors([hit.id for hit in hits])
    seen = np.empty((0, index.dimensions), dtype=np.float32)
    if query.image is not None and (norm := np.linalg.norm(query.image)) > 0:
        seen = (query.image / norm)[None]
    kept: list[Hit] = []
    for hit, vector in zip(hits, vectors, strict=True):
        if not len(seen) or (seen @ vector).max() < NEAR_DUPLICATE:
            kept.append(hit)
            seen = np.vstack([seen, vector])
        if len(kept) == k:
            break
    return kept
