"""From embeddings to places on a plane: principal components, t-SNE or UMAP."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from tagger.errors import IndexFolderError, MissingDependencyError

LayoutName = Literal["tsne", "opentsne", "umap", "pca"]
#: Fewer can't be laid out.
LEAST = 5
#: Dimensions that t-SNE and UMAP look at: what is beyond is mostly noise, and takes time.
_DIMENSIONS = 50
#: Neighbours that shape the map; UMAP takes as long as it looks at many.
_PERPLEXITY, _NEIGHBOURS = 30, 15
#: Products whose neighbours are looked for at once: 40 MB of similarities for 40,000 products.
_BATCH = 256

Places = NDArray[np.float32]


def lay_out(vectors: NDArray[np.float32], method: LayoutName, seed: int = 0) -> Places:
    """Place products on a plane, float32 (N, 2), the middle at 0.

    Args:
        vectors: unit embeddings, float32 (N, D).
        method: "pca": the two directions of most variance; "tsne": scikit-learn's t-SNE (van der Maaten & Hinton 2008);
            "opentsne": the same, faster; "umap" (McInnes et al. 2018).
        seed: of what is drawn by chance.

    Raises:
        IndexFolderError: there are fewer than 5 products.
        MissingDependencyError: the method's package is not installed.
    """
    if len(vectors) < LEAST:
        raise IndexFolderError(f"Expected at least {LEAST} products to draw a map, found {len(vectors)}. Index more.")
    components = principal_components(vectors, 2 if method == "pca" else _DIMENSIONS)
    placed = components if method == "pca" else _METHODS[method](components, seed)
    if placed.shape[1] < 2:  # embeddings of one number
        placed = np.pad(placed, ((0, 0), (0, 1)))
    return np.asarray(placed - placed.mean(axis=0), dtype=np.float32)


def principal_components(vectors: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """Coordinates along the directions of most variance, float32 (N, min(dimensions, D)).

    The sign of each direction is such that its largest coordinate is positive, so that a map is not mirrored by chance.
    """
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(np.asarray(centred.T @ centred, dtype=np.float64))
    axes = axes[:, ::-1][:, :dimensions]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.asarray(centred @ axes, dtype=np.float32)


def variance_shares(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of the variance in each principal component, the largest first, float64 (D,)."""
    centred = vectors - vectors.mean(axis=0)
    variances = np.linalg.eigvalsh(np.asarray(centred.T @ centred, dtype=np.float64))[::-1]
    return np.maximum(variances, 0) / (max(float(variances.sum()), 0) or 1)


def _tsne(components: NDArray[np.float32], seed: int) -> Places:
    from sklearn.manifold import TSNE

    tsne = TSNE(perplexity=_perplexity(components), init="pca", random_state=seed)
    return cast(Places, tsne.fit_transform(components))


def _opentsne(components: NDArray[np.float32], seed: int) -> Places:
    try:
        from openTSNE import TSNE
    except ImportError as error:
        raise MissingDependencyError("openTSNE", "maps", "for the method opentsne") from error
    tsne = TSNE(perplexity=_perplexity(components), initialization="pca", random_state=seed)
    return np.asarray(tsne.fit(components), dtype=np.float32)


def _perplexity(components: NDArray[np.float32]) -> int:
    """At most a third of the neighbours that there are."""
    return max(min(_PERPLEXITY, (len(components) - 1) // 3), 1)


def _umap(components: NDArray[np.float32], seed: int) -> Places:
    try:
        umap = _import_umap()
    except ImportError as error:
        raise MissingDependencyError("umap-learn", "maps", "for the method umap") from error
    neighbours = nearest_neighbours(components, min(_NEIGHBOURS, len(components) - 1))
    with warnings.catch_warnings():
        # Without an index of its own it can't place products later on, and says so.
        warnings.filterwarnings("ignore", message="precomputed_knn")
        # With a seed it computes on one core, and says so unless it is asked to.
        learnt = umap(
            n_neighbors=neighbours[0].shape[1], init="pca", random_state=seed, n_jobs=1, precomputed_knn=neighbours
        )
        return cast(Places, learnt.fit_transform(components))


def _import_umap() -> Any:
    """The class UMAP, without TensorFlow: umap imports that for a variant of its own, in seconds and 600 MB."""
    absent = "tensorflow" not in sys.modules
    if absent:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        from umap import UMAP
    finally:
        if absent:
            del sys.modules["tensorflow"]
    return UMAP


def nearest_neighbours(points: NDArray[np.float32], count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows of the nearest points of each point and their distances, the nearest first, both (N, count).

    Each point is its own first neighbour. All are compared, which takes less time than UMAP needs to compile its own
    search.
    """
    rows, distances = np.empty((len(points), count), np.int64), np.empty((len(points), count), np.float32)
    squares = np.square(points).sum(axis=1)
    for start in range(0, len(points), _BATCH):
        part = slice(start, min(start + _BATCH, len(points)))
        apart = np.maximum(squares[part, None] + squares - 2 * points[part] @ points.T, 0)
        apart[np.arange(len(apart)), np.arange(part.start, part.stop)] = -1  # before its doubles
        found = np.argpartition(apart, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(apart, found, axis=1)
        order = np.argsort(values, axis=1, kind="stable")
        rows[part] = np.take_along_axis(found, order, axis=1)
        distances[part] = np.sqrt(np.maximum(np.take_along_axis(values, order, axis=1), 0))
    return rows, distances


_METHODS: dict[str, Callable[[NDArray[np.float32], int], Places]] = {
    "tsne": _tsne,
    "opentsne": _opentsne,
    "umap": _umap,
}
