"""Tight and mixed classes: how well the embedding keeps the products of a class together (Rousseeuw 1987)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import silhouette_samples

#: Products compared with each other: 128 MB of distances.
_SAMPLE = 4_000
#: Of fewer products in the sample nothing is said.
_FEWEST = 5


@dataclass(frozen=True)
class Cluster:
    """A class as a cluster.

    Args:
        label: of the class.
        products: with that label on the map.
        sampled: of these were compared.
        silhouette: mean of (b - a) / max(a, b) over them, -1 to 1, where a is the mean distance to the others of the
            class and b that to the nearest other class: near 1 is tight and apart, below 0 is mixed up with another.
        mixed_with: the class that is nearest to most of them.
    """

    label: str
    products: int
    sampled: int
    silhouette: float
    mixed_with: str


def find_clusters(vectors: NDArray[np.float32], labels: Sequence[str], seed: int = 0) -> list[Cluster]:
    """Judge the classes of an attribute by the cosine distances of embeddings, the tightest first.

    Args:
        vectors: unit embeddings, float32 (N, D).
        labels: of the products (N); those without ("") take no part.
        seed: of the sample of 4,000 products that are compared.

    Returns:
        The classes with at least 5 products in the sample; none where these are fewer than two classes.
    """
    everything = np.array(labels, dtype=object)
    rows = np.flatnonzero(everything != "")
    if len(rows) > _SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _SAMPLE, replace=False))
    names, counts = np.unique(everything[rows].astype(str), return_counts=True)
    kept = names[counts >= _FEWEST]
    rows = rows[np.isin(everything[rows].astype(str), kept)]
    if len(kept) < 2:
        return []
    sample = vectors[rows].astype(np.float64)
    distances = np.maximum(1 - sample @ sample.T, 0)
    np.fill_diagonal(distances, 0)
    codes = np.searchsorted(kept, everything[rows].astype(str))
    scores = silhouette_samples(distances, codes, metric="precomputed")
    members = (codes[:, None] == np.arange(len(kept))).astype(np.float64)  # (M, classes)
    means = distances @ members / members.sum(axis=0)
    means[np.arange(len(rows)), codes] = np.inf
    nearest = means.argmin(axis=1)
    found = [
        Cluster(
            label=str(name),
            products=int((everything == name).sum()),
            sampled=int((codes == code).sum()),
            silhouette=float(scores[codes == code].mean()),
            mixed_with=str(kept[np.bincount(nearest[codes == code]).argmax()]),
        )
        for code, name in enumerate(kept)
    ]
    return sorted(found, key=lambda cluster: (-cluster.silhouette, cluster.label))
