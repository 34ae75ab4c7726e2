"""Look-up among synthetic embeddings: draw them, build from them, and query.

draw FILE COUNT [INDEX]    clustered vectors, float16 (COUNT, D), as a .npy file, and queries beside it
build WAY FILE STORE       an index folder, or a .npy file of unit vectors float32 for NumPy and scikit-learn
query WAY STORE QUERIES    open it, then look up the queries
change FILE STORE          add a thousand products to the index, then remove them

Vectors lie around those of an index's products, as these lie around each other; without an index, clusters are drawn.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DIMENSIONS = 256
_CLUSTERS = 2000
#: Spread of a cluster beside the distance of the clusters.
_NOISE = 0.5
_CHUNK = 100_000
_HITS = 10
_CHANGED = 1000
_SINGLE, _TOGETHER = 20, 64

Queries = NDArray[np.float32]
#: Rows of the hits, int64 (Q, 10), for queries (Q, D).
LookUp = Callable[[Queries], Any]


def draw(path: str, count: int, index: str = "") -> None:
    """Write clustered vectors, a chunk at a time."""
    drawn = _lookalikes(index) if index else _clustered()
    queries = drawn(_TOGETHER, 0)
    np.save(Path(path).with_name("queries.npy"), queries)
    vectors = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(count, queries.shape[1]))
    for start in range(0, count, _CHUNK):
        end = min(start + _CHUNK, count)
        vectors[start:end] = drawn(end - start, start + 1)


def _lookalikes(index: str) -> Callable[[int, int], Queries]:
    """Draws so many, by a seed."""
    from benchmarks.jobs.lookalikes import Lookalikes
    from tagger.search import Index

    vectors = np.vstack([vectors for _, vectors in Index.open(index).scan()])
    lookalikes = Lookalikes(vectors)

    def draw_some(count: int, seed: int) -> Queries:
        rng = np.random.default_rng(seed)
        return lookalikes.of(rng.integers(0, len(vectors), count), rng)

    return draw_some


def _clustered() -> Callable[[int, int], Queries]:
    centres = np.random.default_rng(0).standard_normal((_CLUSTERS, _DIMENSIONS), dtype=np.float32)

    def draw_some(count: int, seed: int) -> Queries:
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((count, _DIMENSIONS), dtype=np.float32)
        return centres[rng.integers(0, _CLUSTERS, count)] + np.float32(_NOISE) * noise

    return draw_some


def build(way: str, source: str, store: str) -> dict[str, float]:
    """Seconds to build, and bytes on disk."""
    vectors = np.load(source, mmap_mode="r")
    started = time.perf_counter()
    if way in ("ours", "ann"):
        from tagger.search import Item, build_index

        items = ((Item(str(row)), vector) for row, vector in enumerate(vectors))
        build_index(items, store, bundle_id="synthetic", ann=way == "ann")
    else:
        _write_units(vectors, store)
    seconds = time.perf_counter() - started
    files = [Path(store)] if Path(store).is_file() else [path for path in Path(store).rglob("*") if path.is_file()]
    return {"seconds": seconds, "bytes": sum(file.stat().st_size for file in files)}


def _write_units(vectors: NDArray[np.float16], store: str) -> None:
    units = np.lib.format.open_memmap(store, mode="w+", dtype=np.float32, shape=vectors.shape)
    for start in range(0, len(vectors), _CHUNK):
        chunk = vectors[start : start + _CHUNK].astype(np.float32)
        units[start : start + _CHUNK] = chunk / np.linalg.norm(chunk, axis=1, keepdims=True)


def change(source: str, store: str) -> dict[str, float]:
    """Seconds to add a thousand products, and to remove them."""
    from tagger.search import Index, Item

    vectors = np.load(source, mmap_mode="r")[:_CHANGED]
    index = Index.open(store)
    started = time.perf_counter()
    index.add(((Item(f"new{row}"), vector) for row, vector in enumerate(vectors)), bundle_id="synthetic")
    added = time.perf_counter()
    index.remove(f"new{row}" for row in range(len(vectors)))
    return {"add": added - started, "remove": time.perf_counter() - added}


def query(way: str, store: str, questions: str) -> dict[str, Any]:
    """Seconds to open, of one query and of 64, the hits, the memory that no file backs, and what was kept on disk."""
    queries = np.load(questions)
    started = time.perf_counter()
    look_up, kept = {"ours": _open_ours, "ann": _open_ours, "numpy": _open_numpy, "sklearn": _open_sklearn}[way](store)
    opened = time.perf_counter() - started
    look_up(queries[:1])  # reads the file into memory
    single = [_seconds(look_up, queries[i : i + 1]) for i in range(_SINGLE)]
    together = [_seconds(look_up, queries) for _ in range(3)]
    return {
        "open": opened,
        "one": statistics.median(single),
        "together": statistics.median(together),
        "hits": np.asarray(look_up(queries[:_SINGLE])).tolist(),
        "private": _private(),
        "kept": kept,
    }


def _open_ours(store: str) -> tuple[LookUp, str]:
    from tagger.search import Index, Query
    from tagger.search.cosines import KEPT

    index = Index.open(store)

    def look_up(queries: Queries) -> Any:
        units = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        return [[int(hit.id) for hit in hits] for hits in index.search([Query(unit) for unit in units], _HITS)]

    copied = 4 * len(index) * index.dimensions <= KEPT
    return look_up, "float16, mapped" + "; float32, in memory" * copied


def _open_numpy(store: str) -> tuple[LookUp, str]:
    units = np.load(store)

    def look_up(queries: Queries) -> Any:
        scores = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ units.T  # (Q, N)
        best = np.argpartition(scores, -_HITS, axis=1)[:, -_HITS:]
        order = np.take_along_axis(scores, best, axis=1).argsort(axis=1)[:, ::-1]
        return np.take_along_axis(best, order, axis=1)

    return look_up, f"{units.dtype}, in memory"


def _open_sklearn(store: str) -> tuple[LookUp, str]:
    from sklearn.neighbors import NearestNeighbors

    units = np.load(store)
    neighbours = NearestNeighbors(n_neighbors=_HITS, algorithm="brute", metric="cosine").fit(units)
    return lambda queries: neighbours.kneighbors(queries, return_distance=False), f"{units.dtype}, in memory"


def _seconds(look_up: LookUp, queries: Queries) -> float:
    started = time.perf_counter()
    look_up(queries)
    return time.perf_counter() - started


def _private() -> int | None:
    """Bytes of memory that no file backs; None where the system doesn't say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), None)


if __name__ == "__main__":
    action, *arguments = sys.argv[1:]
    if action == "draw":
        draw(arguments[0], int(arguments[1]), *arguments[2:])
    else:
        print(json.dumps({"build": build, "query": query, "change": change}[action](*arguments)))
