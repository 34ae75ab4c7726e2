"""From embeddings to places on a plane: principal components, t-SNE or UMAP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from tagger.errors import IndexFolderError, MissingDependencyError

LayoutName = Literal["tsne", "opentsne", "umap", "pca"]
#: Fewer can't be laid out.
LEAST = 5
#: Dimensions that t-SNE and UMAP look at: what is beyond is mostly noise, and takes time.
_DIMENSIONS = 50
_NEIGHBOURS = 30

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
    neighbours = min(_NEIGHBOURS, (len(vectors) - 1) // 3)
    placed = components if method == "pca" else _METHODS[method](components, neighbours, seed)
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


def _tsne(components: NDArray[np.float32], neighbours: int, seed: int) -> Places:
    from sklearn.manifold import TSNE

    tsne = TSNE(perplexity=max(neighbours, 1), init="pca", random_state=seed)
    return cast(Places, tsne.fit_transform(components))


def _opentsne(components: NDArray[np.float32], neighbours: int, seed: int) -> Places:
    try:
        from openTSNE import TSNE
    except ImportError as error:
        raise MissingDependencyError("openTSNE", "maps", "for the method opentsne") from error
    tsne = TSNE(perplexity=max(neighbours, 1), initialization="pca", random_state=seed)
    return np.asarray(tsne.fit(components), dtype=np.float32)


def _umap(components: NDArray[np.float32], neighbours: int, seed: int) -> Places:
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingDependencyError("umap-learn", "maps", "for the method umap") from error
    # With a seed it computes on one core, and says so unless it is asked to.
    umap = UMAP(n_neighbors=max(neighbours, 2), init="pca", random_state=seed, n_jobs=1)
    return cast(Places, umap.fit_transform(components))


_METHODS: dict[str, Callable[[NDArray[np.float32], int, int], Places]] = {
    "tsne": _tsne,
    "opentsne": _opentsne,
    "umap": _umap,
}
