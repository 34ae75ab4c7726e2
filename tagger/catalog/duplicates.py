"""Find photos that are nearly the same, by the Hamming distance of their perceptual hashes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tagger.errors import MissingDependencyError

_BITS = 64


def group_near_duplicates(hashes: NDArray[np.uint64], distance: int) -> NDArray[np.int64]:
    """Number the groups of near-duplicate photos.

    Photos whose hashes differ in at most `distance` bits are in one group, and so are photos joined by a chain of such
    pairs: a group is a connected component.

    Args:
        hashes: 64-bit hashes, uint64 (N,).
        distance: largest number of bits that may differ.

    Returns:
        Group of each photo, int64 (N,), numbered from 0 in the order of first appearance.

    Raises:
        MissingDependencyError: SciPy is not installed.
    """
    try:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components
    except ImportError as error:
        raise MissingDependencyError("scipy", "report", "to group near-duplicate photos") from error
    unique, inverse = np.unique(hashes, return_inverse=True)
    left, right = near_duplicate_pairs(unique, distance)
    links = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(len(unique), len(unique)))
    _, component = connected_components(links, directed=False)
    return _by_first_appearance(component[inverse])


def near_duplicate_pairs(hashes: NDArray[np.uint64], distance: int) -> NDArray[np.int64]:
    """Find the pairs of hashes that differ in at most `distance` bits; some may come more than once.

    The result is exact. If two hashes differ in at most d bits, then of d + 1 bands of bits at least one is equal (the
    pigeonhole principle), so only photos that share a band are compared.

    Args:
        hashes: 64-bit hashes, uint64 (N,).
        distance: largest number of bits that may differ.

    Returns:
        Their places, int64 (2, P).
    """
    bands = range(distance + 1)
    return np.concatenate([_pairs_in_band(hashes, _band(band, distance + 1), distance) for band in bands], axis=1)


def _band(band: int, bands: int) -> np.uint64:
    """Every `bands`-th bit: low and high frequencies of the hash spread evenly, so that buckets stay small."""
    return np.uint64(sum(1 << bit for bit in range(band, _BITS, bands)))


def _pairs_in_band(hashes: NDArray[np.uint64], band: np.uint64, distance: int) -> NDArray[np.int64]:
    """Find the pairs of distinct hashes that agree in the band and differ in at most `distance` bits, int64 (2, P)."""
    keys = hashes & band
    order = np.argsort(keys, kind="stable")
    keys, hashes = keys[order], hashes[order]
    found = [np.empty((2, 0), dtype=np.int64)]
    # Equal keys lie side by side: compare each hash with its next neighbour, the one after that, and so on.
    left = np.arange(len(keys))
    for step in range(1, len(keys)):
        left = left[left + step < len(keys)]
        left = left[keys[left] == keys[left + step]]
        if not len(left):
            break
        near = left[np.bitwise_count(hashes[left] ^ hashes[left + step]) <= distance]
        found.append(np.stack([order[near], order[near + step]]))
    return np.concatenate(found, axis=1)


def _by_first_appearance(groups: NDArray[np.integer]) -> NDArray[np.int64]:
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
