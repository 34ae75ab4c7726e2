"""Tight and mixed classes: how well the embedding keeps the products of a class together (Rousseeuw 1987)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Of classes with fewer products nothing is said.
_FEWEST = 5
#: Products compared with all classes at once.
_BATCH = 4_096
_NAMED = 5


@dataclass(frozen=True)
class Cluster:
    """A class as a cluster.

    Args:
        label: of the class.
        products: with that label on the map.
        silhouette: mean of (b - a) / max(a, b) over them, -1 to 1, where a is the mean distance to the others of the
            class and b that to the nearest other class: near 1 is tight and apart, below 0 is mixed up with another.
        mixed_with: the class that is nearest to most of them.
    """

    label: str
    products: int
    silhouette: float
    mixed_with: str


def find_clusters(vectors: NDArray[np.float32], labels: Sequence[str]) -> list[Cluster]:
    """Judge the classes of an attribute by the cosine distances of embeddings, the tightest first.

    The mean of the distances to a class is the distance to the mean of its vectors, so that no pair is compared.

    Args:
        vectors: unit embeddings, float32 (N, D).
        labels: of the products (N); those without ("") take no part.

    Returns:
        The classes with at least 5 products; none where these are fewer than two classes.
    """
    names, codes, counts = np.unique(np.array(labels, dtype=np.str_), return_inverse=True, return_counts=True)
    large = np.flatnonzero((names != "") & (counts >= _FEWEST))
    if len(large) < 2:
        return []
    place = np.full(len(names), -1)
    place[large] = np.arange(len(large))
    rows = np.flatnonzero(place[codes] >= 0)
    own, sizes = place[codes[rows]], counts[large]
    means = np.zeros((len(large), vectors.shape[1]))
    np.add.at(means, own, vectors[rows])
    means /= sizes[:, None]
    scores, nearest = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    for start in range(0, len(rows), _BATCH):
        part = slice(start, start + _BATCH)
        scores[part], nearest[part] = _silhouettes(vectors[rows[part]], own[part], means, sizes)
    found = [
        Cluster(
            label=str(names[large[at]]),
            products=int(sizes[at]),
            silhouette=float(scores[own == at].mean()),
            mixed_with=str(names[large[np.bincount(nearest[own == at]).argmax()]]),
        )
        for at in range(len(large))
    ]
    return sorted(found, key=lambda cluster: (-cluster.silhouette, cluster.label))


def name_tight(clusters: Sequence[Cluster]) -> str:
    """The few tightest classes with their silhouettes, in words."""
    return ", ".join(f"{cluster.label} {cluster.silhouette:.2f}" for cluster in clusters[:_NAMED])


def name_mixed(clusters: Sequence[Cluster]) -> str:
    """The few classes that are mixed up most, and with which; "none" where none is."""
    mixed = [cluster for cluster in reversed(clusters) if cluster.silhouette < 0][:_NAMED]
    return ", ".join(f"{c.label} {c.silhouette:.2f} (with {c.mixed_with})" for c in mixed) or "none"


def _silhouettes(
    vectors: NDArray[np.float32], own: NDArray[np.int64], means: NDArray[np.float64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Silhouette of products, float64 (B,), and the nearest class that is not their own, int64 (B,).

    Args:
        vectors: of the products, (B, D).
        own: class of each, (B,).
        means: of the vectors of each class, (C, D).
        sizes: products of each class, at least two, (C,).
    """
    rows = np.arange(len(vectors))
    exact = vectors.astype(np.float64)
    distances = 1 - exact @ means.T  # (B, C)
    # Without the product itself, which is not quite at distance 0: vectors are rounded.
    itself = 1 - np.vecdot(exact, exact)
    inside = np.maximum(distances[rows, own] * sizes[own] - itself, 0) / (sizes[own] - 1)
    distances[rows, own] = np.inf
    nearest = distances.argmin(axis=1)
    outside = np.maximum(distances[rows, nearest], 0)
    largest = np.maximum(inside, outside)
    return (outside - inside) / np.where(largest > 0, largest, 1), nearest
