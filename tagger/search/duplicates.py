"""Products of a catalog that are listed twice: groups that share one photo, whatever their ids and names."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tagger.catalog.cache import PhotoCache
from tagger.catalog.duplicates import near_duplicate_pairs
from tagger.catalog.fashion import ARTICLE_ATTRIBUTE
from tagger.catalog.table import IMAGE, Catalog
from tagger.files import atomic_file
from tagger.search.same_photo import MAX_DIFFERENCE, squares

#: Bits that the hashes of candidates may differ in.
_DISTANCE = 4
#: Photos compared at once.
_AT_ONCE = 256
_PAIRS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Listing:
    """One product of a group.

    Args:
        group: number of the group, from 1.
        id: of the product.
        difference: of its photo and the nearest other one of the group: the most that the mean colours of squares of
            4x4 pixels differ by, of 255. 0 for equal photos.
        image: path of the photo.
    """

    group: int
    id: str
    difference: float
    image: str


def find_duplicates(catalog: Catalog, cache: PhotoCache, max_difference: float = MAX_DIFFERENCE) -> list[Listing]:
    """Find groups of products whose photos are the same but for how they were saved.

    Photos with nearly equal perceptual hashes are compared square by square. A group is what hangs together by such
    pairs.

    Args:
        catalog: gives the order and the photos.
        cache: its decoded photos.
        max_difference: what the means of two squares may differ by, of 255.

    Returns:
        The products of all groups, group by group; groups and products in the order of the catalog.

    Raises:
        MissingDependencyError: imagehash or SciPy is not installed.
    """
    ids = [id_ for id_ in catalog.table.index if id_ in cache.rows]
    rows = cache.select(ids)
    first = _first_alike(cache, rows)
    copies = np.flatnonzero(first != np.arange(len(rows)))
    pairs = _near_pairs(cache.hashes[rows], np.flatnonzero(first == np.arange(len(rows))))
    differences = _differences(cache.pixels, rows[pairs])
    same = differences <= max_difference
    groups, nearest = _groups(
        np.concatenate([pairs[:, same], [first[copies], copies]], axis=1),
        np.concatenate([differences[same], np.zeros(len(copies), dtype=np.float32)]),
        len(ids),
    )
    images = catalog.table[IMAGE]
    return [
        Listing(number, ids[place], float(nearest[place]), str(images[ids[place]]))
        for number, members in enumerate(groups, 1)
        for place in members
    ]


def write_listings(listings: Sequence[Listing], catalog: Catalog, path: Path | str) -> None:
    """Write the groups as CSV: group, id, difference, and what the catalog says of each product.

    Raises:
        OutputError: the file can't be written.
    """
    # Some 200 article attributes, nearly all of them empty, would hide what tells two listings apart.
    details = ("description", "split")
    columns = [name for name in catalog.table.columns if name not in details and not name.startswith(ARTICLE_ATTRIBUTE)]
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["group", "id", "difference", *columns])
        for listing in listings:
            cells = catalog.table.loc[listing.id, columns]
            writer.writerow([listing.group, listing.id, f"{listing.difference:.2f}", *map(str, cells)])


def _first_alike(cache: PhotoCache, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each photo the place of the first one with the very same pixels, (N,): often its own.

    One file may serve thousands of products, such as "no image yet"; that many are not compared pair by pair.
    """
    _, kinds, counts = np.unique(cache.hashes[rows], return_inverse=True, return_counts=True)
    first = np.arange(len(rows))
    seen: dict[bytes, int] = {}
    for place in np.flatnonzero(counts[kinds] > 1).tolist():
        digest = hashlib.sha256(cache.pixels[rows[place]].tobytes()).digest()
        first[place] = seen.setdefault(digest, place)
    return first


def _near_pairs(hashes: NDArray[np.uint64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pairs of these places whose hashes are nearly equal, each once and the first of it first, (2, P)."""
    pairs = np.sort(places[near_duplicate_pairs(hashes[places], _DISTANCE)], axis=0)
    keys = np.unique(pairs[0] * len(hashes) + pairs[1])
    return np.stack(np.divmod(keys, len(hashes)))


def _groups(
    pairs: NDArray[np.int64], differences: NDArray[np.float32], count: int
) -> tuple[list[list[int]], NDArray[np.float32]]:
    """What hangs together, by first appearance, and the least difference of each product from another, (N,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(pairs.shape[1], dtype=np.bool_), tuple(pairs)), shape=(count, count))
    _, components = connected_components(links, directed=False)
    nearest = np.full(count, np.inf, dtype=np.float32)
    for side in pairs:
        np.minimum.at(nearest, side, differences)
    groups: dict[int, list[int]] = {}
    for place in np.unique(pairs).tolist():
        groups.setdefault(int(components[place]), []).append(place)
    return list(groups.values()), nearest


def _differences(pixels: NDArray[np.uint8], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """The most that the photos of each pair (2, P) differ by in a square, float32 (P,)."""
    photos, places = np.unique(pairs, return_inverse=True)
    blocks = (photos[start : start + _AT_ONCE] for start in range(0, len(photos), _AT_ONCE))
    looks = np.concatenate([np.empty((0, squares(pixels[:1]).shape[1])), *(squares(pixels[b]) for b in blocks)])
    left, right = places.reshape(pairs.shape)
    differences = np.empty(pairs.shape[1], dtype=np.float32)
    for start in range(0, len(differences), _PAIRS_AT_ONCE):
        block = slice(start, start + _PAIRS_AT_ONCE)
        differences[block] = np.abs(looks[left[block]] - looks[right[block]]).max(axis=1)
    return differences
