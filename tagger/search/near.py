"""The best products of a segment for a query, found by its approximate index and scored exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tagger.search.ann import nearest
from tagger.search.best import Best, score_rows, search_exactly
from tagger.search.product_index import Query
from tagger.search.segment import Segment
from tagger.search.text import WordWeights

#: Where filters leave fewer products, these are searched exactly.
FEW = 100_000
#: Products looked at for each hit wanted, at least so many, and at most.
_EACH, _LEAST, _MOST = 4, 100, 20_000


def search_nearby(
    segment: Segment, queries: Sequence[Query], k: int, rows: NDArray[np.int64] | None, weights: WordWeights
) -> list[Best]:
    """About the k best of a segment for each query, by rows of the segment.

    What comes nearest by looks and what comes nearest by words is compared in both.

    Args:
        segment: it has an approximate index.
        queries: all with an image.
        k: products wanted.
        rows: those that may be found, rising; None: all.
        weights: of words.
    """
    accepted = None
    if rows is not None:
        accepted = np.zeros(len(segment), dtype=np.bool_)
        accepted[rows] = True
    best = []
    for query in queries:
        found = _near_rows(segment, query, k, accepted)
        if found is None:
            best += search_exactly(segment, [query], k, rows, weights)
            continue
        texts = None
        if query.text is not None:
            texts = segment.text.scores(query.text, weights, 0, len(segment))
            found = np.union1d(found, _telling(texts if accepted is None else texts * accepted, len(found)))
            texts = texts[found]
        best.append(Best.none().merged(score_rows(segment, query, found, texts), k))
    return best


def _near_rows(segment: Segment, query: Query, k: int, accepted: NDArray[np.bool_] | None) -> NDArray[np.int64] | None:
    """Rows that may be among the k best by looks; None where too few of those that are near may be found."""
    count = max(_EACH * k, _LEAST)
    wanted = min(k, len(segment))
    while query.image is not None and count <= _MOST:
        rows = nearest(segment.hnsw, query.image, min(count, len(segment)))
        rows = rows if accepted is None else rows[accepted[rows]]
        if len(rows) >= wanted:
            return rows
        count *= 4
    return None


def _telling(texts: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Rows of the highest text scores above 0."""
    if len(texts) > count:
        best = np.argpartition(texts, -count)[-count:]
        return best[texts[best] > 0]
    return np.flatnonzero(texts > 0)
