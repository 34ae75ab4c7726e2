"""Leave near-duplicates out of what was found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from tagger.search.product_index import Hit, ProductIndex, Query
from tagger.search.same_photo import PhotoFiles

#: Embeddings with at least this cosine look alike to a person: the same photo, or another shade of the same lipstick.
NEAR_DUPLICATE = 0.995


def leave_out_near_duplicates(
    index: ProductIndex,
    query: Query,
    hits: Sequence[Hit],
    k: int,
    photos: Collection[Path] = (),
    files: PhotoFiles | None = None,
) -> list[Hit]:
    """The first k hits whose photos are near-duplicates neither of the query's nor of a better hit's.

    Pixels are compared as well as embeddings: the same photo has another embedding with another title.

    Args:
        index: gives their vectors.
        query: with or without a photo; products that it excludes count as shown.
        hits: the best first.
        k: hits wanted.
        photos: files of the query's photos.
        files: photos that were compared already.
    """
    if not hits:
        return []
    files = files or PhotoFiles()
    vectors = index.vectors([hit.id for hit in hits])
    seen = np.empty((0, index.dimensions), dtype=np.float32)
    if query.image is not None and (norm := np.linalg.norm(query.image)) > 0:
        seen = (query.image / norm)[None]
    shown = [*map(str, photos), *(index.item(id_).image for id_ in sorted(query.exclude) if id_ in index)]
    kept: list[Hit] = []
    for hit, vector in zip(hits, vectors, strict=True):
        if (seen @ vector).max(initial=-1) < NEAR_DUPLICATE and not files.same(hit.image, shown):
            kept.append(hit)
            seen = np.vstack([seen, vector])
            shown.append(hit.image)
        if len(kept) == k:
            break
    return kept
