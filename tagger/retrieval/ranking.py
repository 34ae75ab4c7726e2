"""From similarities to rankings: rows of the gallery, the best first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tagger.retrieval.collection import Rows
from tagger.search.diversity import POOL, marginally_relevant

#: Stands in a ranking where a method found fewer than k.
NOTHING = -1
#: Queries compared with the whole gallery at once: 40 MB for 40,000 products.
QUERIES = 256


def nearest(similarity: NDArray[np.float32], k: int) -> Rows:
    """Columns of the k largest values of each row, the largest first, int64 (Q, min(k, N))."""
    k = min(k, similarity.shape[1])
    columns = np.argpartition(similarity, -k, axis=1)[:, -k:]
    columns.sort(axis=1)  # so that of equal ones the first comes first
    order = np.argsort(-np.take_along_axis(similarity, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1).astype(np.int64)


def rank_by(
    similarity: Callable[[slice], NDArray[np.float32]],
    queries: int,
    k: int,
    choose: Callable[[NDArray[np.float32], int], Rows] = nearest,
) -> Rows:
    """Rank the gallery for Q queries, int64 (Q, min(k, N)), a few queries at a time.

    Args:
        similarity: of some of the queries and every product, float32 (B, N).
        queries: how many there are.
        k: products wanted.
        choose: them, given the similarities of queries (B, N).
    """
    starts = range(0, max(queries, 1), QUERIES)
    return np.concatenate([choose(similarity(slice(start, min(start + QUERIES, queries))), k) for start in starts])


def rank_by_cosine(queries: NDArray[np.float32], gallery: NDArray[np.float32], k: int) -> Rows:
    """Rank unit vectors (N, D) by their cosine with the unit vectors of queries (Q, D)."""
    return rank_by(lambda part: queries[part] @ gallery.T, len(queries), k)


def diverse(gallery: NDArray[np.float32], diversity: float) -> Callable[[NDArray[np.float32], int], Rows]:
    """Like `nearest`, but hits are unlike each other as well, see `tagger.search.diversity`; for `rank_by`.

    Args:
        gallery: unit vectors by which hits are compared, float32 (N, D).
        diversity: 0 to 1.
    """

    def choose(similarity: NDArray[np.float32], k: int) -> Rows:
        rows = nearest(similarity, k * POOL)
        scores = np.take_along_axis(similarity, rows, axis=1)
        ranking = np.empty((len(rows), min(k, rows.shape[1])), dtype=np.int64)
        for query, (candidates, score) in enumerate(zip(rows, scores, strict=True)):
            ranking[query] = candidates[marginally_relevant(score, gallery[candidates], k, diversity)]
        return ranking

    return choose


def overlap(ranking: Rows, exact: Rows) -> float:
    """Recall against an exact search: the share of its products that another ranking has as well, both (Q, K)."""
    return float((exact[:, :, None] == ranking[:, None, :]).any(axis=2).mean())


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows of length 1, float32 (N, D); rows of zeros stay zeros."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)
