"""The best products of a segment for a query, exactly: every vector is compared, every word of the query read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tagger.search.product_index import Query
from tagger.search.segment import Segment
from tagger.search.text import WordWeights

#: Products whose scores are held at once, for each query.
RANGE = 65_536
#: What a product of matrices may differ from one taken row by row.
_ROUNDING = np.float32(1e-5)


class Best(NamedTuple):
    """What was found for one query, the best first.

    Args:
        rows: of the index, counted on from segment to segment, int64 (K,).
        totals: float32 (K,).
        images: image scores, float32 (K,); zeros where the query has no photo.
        texts: text scores, float32 (K,); zeros where it has no words.
    """

    rows: NDArray[np.int64]
    totals: NDArray[np.float32]
    images: NDArray[np.float32]
    texts: NDArray[np.float32]

    @classmethod
    def none(cls) -> Best:
        """Nothing."""
        zeros = np.empty(0, dtype=np.float32)
        return cls(np.empty(0, dtype=np.int64), zeros, zeros, zeros)

    def merged(self, other: Best, k: int) -> Best:
        """The k best of both; of equal ones those of lower rows."""
        rows, totals, images, texts = (np.concatenate([mine, theirs]) for mine, theirs in zip(self, other, strict=True))
        order = np.lexsort((rows, -totals))[:k]
        return Best(rows[order], totals[order], images[order], texts[order])


def search_exactly(
    segment: Segment, queries: Sequence[Query], k: int, rows: NDArray[np.int64] | None, weights: WordWeights
) -> list[Best]:
    """The k best of a segment for each query, by rows of the segment.

    Args:
        segment: where to look.
        queries: all with an image, or all without.
        k: products wanted.
        rows: those that may be found, rising; None: all.
        weights: of words.
    """
    best = [Best.none() for _ in queries]
    for start in range(0, len(segment), RANGE):
        stop = min(start + RANGE, len(segment))
        here = rows
        if rows is not None:
            here = rows[slice(*np.searchsorted(rows, (start, stop)))]
            if not len(here):
                continue
        images = None if queries[0].image is None else segment.image_scores(_images(queries), start, stop, here)
        for number, query in enumerate(queries):
            texts = None
            if query.text is not None:
                texts = segment.text.scores(query.text, weights, start, stop)
                texts = texts if here is None else texts[here - start]
            found = _best(query, k, None if images is None else images[number], texts)
            at = found + start if here is None else here[found]
            exact = score_rows(segment, query, at, None if texts is None else texts[found])
            best[number] = best[number].merged(exact, k)
    return best


def score_rows(segment: Segment, query: Query, rows: NDArray[np.int64], texts: NDArray[np.float32] | None) -> Best:
    """The scores of some rows, in their order; products that have nothing to do with a query of words are left out.

    Args:
        segment: holds them.
        query: what they are compared with.
        rows: rising or not, int64 (K,).
        texts: their text scores (K,); None: the query has no words.
    """
    zeros = np.zeros(len(rows), dtype=np.float32)
    images = zeros
    if query.image is not None and len(rows):
        images = np.vecdot(segment.unit_vectors(rows), query.image)
    texts = zeros if texts is None else texts
    totals = np.float32(query.image_share) * images + np.float32(query.text_share) * texts
    keep = slice(None) if query.image is not None else totals > 0
    return Best(rows[keep], totals[keep], images[keep], texts[keep])


def _images(queries: Sequence[Query]) -> NDArray[np.float32]:
    """float32 (B, D)."""
    return np.stack([query.image for query in queries if query.image is not None])


def _best(
    query: Query, k: int, images: NDArray[np.float32] | None, texts: NDArray[np.float32] | None
) -> NDArray[np.int64]:
    """Places of the k best, and of those that only rounding may tell from them."""
    totals = np.zeros(0, dtype=np.float32)
    if images is not None:
        totals = np.float32(query.image_share) * images
    if texts is not None:
        weighted = np.float32(query.text_share) * texts
        totals = weighted if images is None else totals + weighted
    if len(totals) <= k:
        return np.arange(len(totals))
    limit = np.partition(totals, -k)[-k]
    return np.flatnonzero(totals >= limit - _ROUNDING)
