"""Libraries that look for the nearest embeddings without comparing them all, and scikit-learn, which does."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from tagger.errors import ConfigError, MissingDependencyError
from tagger.retrieval.collection import Collection, Rows
from tagger.retrieval.method import Method, refuse_argument, register, whole_number
from tagger.retrieval.ranking import NOTHING
from tagger.search.ann import require_usearch

_ALGORITHMS = ("brute", "ball_tree", "kd_tree")


class _Neighbours(Method):
    """Of the embeddings."""

    approximates = True

    def features(self, products: Collection) -> NDArray[np.float32]:
        return products.vectors


@register("annoy", "20", "100")
class Annoy(_Neighbours):
    """Annoy, a forest of random trees; the argument is how many."""

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        self._trees = whole_number("annoy", argument)
        self._bytes = 0.0

    @property
    def name(self) -> str:
        return f"Annoy, {self._trees} trees"

    def fit(self, gallery: Collection) -> None:
        try:
            from annoy import AnnoyIndex
        except ImportError as error:
            raise MissingDependencyError("annoy", "annoy", "for this method, and a compiler to install it") from error
        self._index = AnnoyIndex(gallery.vectors.shape[1], "angular")
        self._index.set_seed(self.seed)
        for row, vector in enumerate(gallery.vectors):
            self._index.add_item(row, vector)
        self._index.build(self._trees, 1)
        # Saved to learn its size; Annoy goes on from the file, which lives as long as the method.
        self._folder = tempfile.TemporaryDirectory(prefix="annoy-")
        path = Path(self._folder.name, "index")
        self._index.save(os.fspath(path))
        self._bytes = path.stat().st_size / len(gallery)

    def rank(self, features: NDArray[np.float32], k: int) -> Rows:
        ranking = np.full((len(features), k), NOTHING, dtype=np.int64)
        for row, vector in enumerate(features):
            found = self._index.get_nns_by_vector(vector, k)
            ranking[row, : len(found)] = found
        return ranking

    @property
    def bytes_per_product(self) -> float:
        return self._bytes


@register("usearch")
class Usearch(_Neighbours):
    """usearch, a graph of neighbours (HNSW) over vectors in float16."""

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        refuse_argument("usearch", argument)

    @property
    def name(self) -> str:
        return "usearch"

    def fit(self, gallery: Collection) -> None:
        self._index = require_usearch("for this method")(ndim=gallery.vectors.shape[1], metric="cos", dtype="f16")
        # One thread: with several, the graph depends on which is first.
        self._index.add(np.arange(len(gallery), dtype=np.uint64), gallery.vectors, threads=1)

    def rank(self, features: NDArray[np.float32], k: int) -> Rows:
        found: Any = self._index.search(features, k, threads=1)
        ranking = np.full((len(features), k), NOTHING, dtype=np.int64)
        if len(features) == 1:  # asked alone, it answers without the first axis
            ranking[0, : len(found.keys)] = found.keys
        else:
            counted = np.arange(found.keys.shape[1]) < found.counts[:, None]
            ranking[:, : found.keys.shape[1]] = np.where(counted, found.keys.astype(np.int64), NOTHING)
        return ranking

    @property
    def bytes_per_product(self) -> float:
        return float(self._index.serialized_length / len(self._index))


@register("neighbors", "brute")
class ScikitNeighbors(_Neighbours):
    """scikit-learn's NearestNeighbors; the argument is its algorithm: brute, ball_tree or kd_tree."""

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        if argument not in _ALGORITHMS:
            raise ConfigError(f'After "neighbors:", expected one of {", ".join(_ALGORITHMS)}; got "{argument}".')

    @property
    def name(self) -> str:
        return f"scikit-learn NearestNeighbors, {self.argument}"

    def fit(self, gallery: Collection) -> None:
        # Of unit vectors, the nearest by distance are the nearest by cosine.
        self._neighbours = NearestNeighbors(algorithm=self.argument).fit(gallery.vectors)
        self._bytes = gallery.vectors.nbytes / len(gallery)
        self._size = len(gallery)

    def rank(self, features: NDArray[np.float32], k: int) -> Rows:
        ranking = self._neighbours.kneighbors(features, min(k, self._size), return_distance=False)
        return np.asarray(ranking, dtype=np.int64)

    @property
    def bytes_per_product(self) -> float:
        return self._bytes
