"""The approximate index of a segment: HNSW (Malkov and Yashunin 2016, arXiv:1603.09320) by usearch, memory-mapped."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import MissingDependencyError
from tagger.search.arrays import Widener, widen
from tagger.search.manifest import damaged

HNSW = "hnsw.usearch"
#: Beyond so many products it is built unasked.
WORTH_IT = 1_000_000
#: Segments added later are searched exactly while they are smaller.
SMALL = 10_000
#: Neighbours looked at for each query and product; the defaults of usearch are 64 and 128.
_EXPANSION = 128
_ADDED_AT_ONCE = 16_384
#: Products that the recall is measured with, and hits of each.
_SAMPLE, _HITS = 500, 10
#: What half precision can't tell apart.
_ROUNDING = 1e-4


def require_usearch(purpose: str) -> Any:
    """The index class of usearch.

    Args:
        purpose: to finish "usearch is needed".

    Raises:
        MissingDependencyError: it is not installed.
    """
    # First: imported after usearch, ONNX Runtime crashes the process (usearch 2.26 and onnxruntime 1.32 on Linux).
    import onnxruntime  # noqa: F401

    try:
        from usearch.index import Index
    except ImportError as error:
        raise MissingDependencyError("usearch", "ann", purpose) from error
    return Index


def build_hnsw(folder: Path, vectors: NDArray[np.float16]) -> float:
    """Write the approximate index of a segment, and measure it.

    Args:
        folder: of the segment.
        vectors: unit vectors (N, D).

    Returns:
        Recall: of the ten nearest products of some hundred products, the share that it finds. Another product that is
        as near counts, too.
    """
    index = _new(vectors.shape[1])
    for start in range(0, len(vectors), _ADDED_AT_ONCE):
        chunk = vectors[start : start + _ADDED_AT_ONCE]
        index.add(np.arange(start, start + len(chunk), dtype=np.uint64), np.ascontiguousarray(chunk))
    index.save(str(folder / HNSW))
    return _recall(index, vectors)


def open_hnsw(path: Path, file: NDArray[np.uint8], count: int, dimensions: int) -> Any:
    """Open the approximate index of a segment.

    Args:
        path: of its file, for the error.
        file: that file, memory-mapped; it must live as long as what is returned.
        count: vectors that there must be.
        dimensions: of each.

    Raises:
        IndexFolderError: the file is damaged.
        MissingDependencyError: usearch is not installed.
    """
    index = _new(dimensions)
    try:
        index.view(file.data)
    except (RuntimeError, ValueError) as error:
        raise damaged(path, str(error)) from error
    if len(index) != count or index.ndim != dimensions:
        raise damaged(path, f"expected {count} vectors of {dimensions} numbers, found {len(index)} of {index.ndim}")
    return index


def is_wanted(ann: bool | None, count: int, *, first: bool) -> bool:
    """Whether a segment gets an approximate index.

    Args:
        ann: what the index was made for, see `Manifest`.
        count: products of the segment.
        first: it is the first of the index.
    """
    if ann is None:
        return count > WORTH_IT and find_spec("usearch") is not None
    return ann and (first or count >= SMALL)


def nearest(index: Any, query: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Rows of about the `count` nearest vectors, int64 (K,)."""
    index.expansion_search = max(_EXPANSION, count)
    return np.asarray(index.search(query, count).keys, dtype=np.int64)


def _new(dimensions: int) -> Any:
    index = require_usearch("to use an approximate index; without it, add --exact")
    return index(
        ndim=dimensions, metric="ip", dtype="f16", expansion_add=_EXPANSION, expansion_search=_EXPANSION,
        enable_key_lookups=False,  # the keys are row numbers
    )  # fmt: skip


def _recall(index: Any, vectors: NDArray[np.float16]) -> float:
    rows = np.random.default_rng(0).choice(len(vectors), min(_SAMPLE, len(vectors)), replace=False)
    queries, k = widen(vectors[rows]), min(_HITS, len(vectors) - 1)
    if not k:
        return 1.0
    best = np.empty((len(rows), 0), dtype=np.float32)
    widener = Widener(min(_ADDED_AT_ONCE, len(vectors)), vectors.shape[1])
    for start in range(0, len(vectors), _ADDED_AT_ONCE):
        scores = queries @ widener(vectors[start : start + _ADDED_AT_ONCE]).T  # (Q, N)
        own = np.flatnonzero((rows >= start) & (rows < start + scores.shape[1]))
        scores[own, rows[own] - start] = -np.inf
        best = np.sort(np.hstack([best, scores]), axis=1)[:, -k:]
    found = 0
    for row, query, scores in zip(rows.tolist(), queries, best, strict=True):
        others = [near for near in nearest(index, query, k + 1).tolist() if near != row][:k]
        found += int((widen(vectors[others]) @ query >= scores[0] - _ROUNDING).sum())
    return found / (len(rows) * k)
