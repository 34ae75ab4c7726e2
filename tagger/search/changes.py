"""Changes to an index folder: products added, replaced and removed, and segments merged, all or nothing.

Small segments are merged with those after them as they come, so that N additions make about log N segments and every
product is written about log N times. Where all become one, the weights of words are learnt anew.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tagger.errors import IndexFolderError
from tagger.files import atomic_file
from tagger.search.ann import build_hnsw, is_wanted
from tagger.search.arrays import open_array
from tagger.search.items import Item
from tagger.search.lock import writing
from tagger.search.manifest import Manifest, SegmentEntry, describe_files, read_manifest, write_manifest
from tagger.search.postings import read_weights
from tagger.search.product_index import Change
from tagger.search.segment import VECTORS, Segment, SegmentWriter
from tagger.search.text import WordWeights

#: A segment is merged with those after it once they hold this share of its products.
_MERGED_AT = 0.5
#: What may lie in an index folder and be removed: segments, their deleted rows, and what `atomic_file` leaves after a
#: kill. Anything else is somebody's own.
_OURS = re.compile(r"\d{6,12}-[0-9a-f]{8}(\.deleted-\d+\.npy)?|\.(index\.json|\d{6}-[0-9a-f]{8}\.deleted-\d+\.npy)\..*")


def add_products(
    folder: Path, items: Iterable[tuple[Item, ArrayLike]], bundle_id: str, bundle_name: str = ""
) -> Change:
    """Add products; those whose id is there already take the place of the old ones.

    Raises:
        IndexFolderError: no index, one of another bundle, or items that can't be indexed, see `ProductIndex.add`.
        OutputError: the folder can't be written.
    """
    read_manifest(folder)
    with writing(folder):
        manifest = read_manifest(folder)
        check_bundle(manifest, folder, bundle_id, bundle_name)
        with _tidied(folder):
            new = write_segment(folder, manifest, items, _weights(folder, manifest))
            if new is None:
                return Change(0, 0)
            marked, updated = _without(folder, manifest, _ids(folder, manifest, new))
            write_manifest(folder, _merged(folder, replace(marked, segments=(*marked.segments, new))))
    return Change(new.count - len(updated), len(updated))


def remove_products(folder: Path, ids: Iterable[str]) -> list[str]:
    """Remove products; returns the ids of those that were there.

    Raises:
        IndexFolderError: there is no index.
        OutputError: the folder can't be written.
    """
    read_manifest(folder)
    with writing(folder), _tidied(folder):
        manifest, removed = _without(folder, read_manifest(folder), ids)
        if removed:
            write_manifest(folder, _merged(folder, manifest))
    return removed


def replace_products(folder: Path, items: Iterable[tuple[Item, ArrayLike]], fresh: Manifest) -> None:
    """Put other products in the place of all of an index, which may be of an earlier version.

    Args:
        folder: of the index.
        items: with embeddings of the fresh manifest's bundle.
        fresh: what the new manifest says besides its segments.

    Raises:
        IndexFolderError: items that can't be indexed, or none.
        OutputError: the folder can't be written.
    """
    with writing(folder), _tidied(folder):
        with contextlib.suppress(IndexFolderError):
            fresh = replace(fresh, generation=read_manifest(folder).generation + 1)
        write_manifest(folder, first_segment(folder, items, fresh))


def first_segment(folder: Path, items: Iterable[tuple[Item, ArrayLike]], fresh: Manifest) -> Manifest:
    """Write the one segment of a new index; returns the manifest with it.

    Raises:
        IndexFolderError: items that can't be indexed, or none.
    """
    entry = write_segment(folder, fresh, items, None)
    if entry is None:
        raise IndexFolderError("Expected products to index, found none.")
    dimensions = open_array(folder / entry.name / VECTORS, np.float16, 2).shape[1]
    return replace(fresh, dimensions=dimensions, segments=(entry,))


def check_bundle(manifest: Manifest, folder: Path, bundle_id: str, bundle_name: str) -> None:
    """Refuse embeddings of another bundle.

    Raises:
        IndexFolderError: they are.
    """
    if bundle_id != manifest.bundle_id:
        raise other_bundle(str(folder), manifest.bundle_name, bundle_name)


def other_bundle(place: str, own: str, other: str) -> IndexFolderError:
    """The error for embeddings that can't be compared with those of an index."""
    return IndexFolderError(
        f"The index {place} was made with the bundle {own or '(not named)'}, these embeddings are those of "
        f"{other or 'another one'}: they can't be compared. Give --model the bundle it was made with, or make the "
        "index again with this one."
    )


def write_segment(
    folder: Path, manifest: Manifest, items: Iterable[tuple[Item, ArrayLike]], weights: WordWeights | None
) -> SegmentEntry | None:
    """Write a segment that no manifest names yet; None where there are no items.

    Args:
        folder: of the index.
        manifest: of the index as it is.
        items: products with their embeddings, of any length, or with unit vectors in float16.
        weights: of words; None: learn them.

    Raises:
        IndexFolderError: items that can't be indexed.
    """
    name = f"{manifest.generation:06d}-{secrets.token_hex(4)}"
    (folder / name).mkdir()
    writer = SegmentWriter(folder / name, manifest.dimensions or None)
    try:
        for item, embedding in items:
            writer.write(item, embedding)
        writer.finish(weights)
    finally:
        writer.close()
    if not len(writer):
        return None
    recall = None
    if is_wanted(manifest.ann, len(writer), first=weights is None):
        vectors = open_array(folder / name / VECTORS, np.float16, 2)
        recall = build_hnsw(folder / name, cast(NDArray[np.float16], vectors))
    for path in (folder / name).iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    return SegmentEntry(name, len(writer), describe_files(folder / name), recall=recall)


def _weights(folder: Path, manifest: Manifest) -> WordWeights | None:
    """The weights of words of an index; None: it has no products, and the next ones teach them."""
    return read_weights(folder / manifest.segments[0].name) if manifest.segments else None


def _open(folder: Path, manifest: Manifest, entry: SegmentEntry) -> Segment:
    return Segment(folder, entry, manifest.dimensions, 0)


def _ids(folder: Path, manifest: Manifest, entry: SegmentEntry) -> Iterator[str]:
    """The ids of a segment."""
    items = _open(folder, manifest, entry).items
    return (items.read(row).id for row in range(entry.count))


def _without(folder: Path, manifest: Manifest, ids: Iterable[str]) -> tuple[Manifest, list[str]]:
    """Mark products as deleted; returns the manifest that says so, and the ids of those that were there."""
    segments = [_open(folder, manifest, entry) for entry in manifest.segments]
    rows: list[list[int]] = [[] for _ in segments]
    removed = []
    for id_ in dict.fromkeys(ids):
        for segment, marked in zip(segments, rows, strict=True):
            if (row := segment.row(id_)) is not None:
                marked.append(row)
                removed.append(id_)
    entries = [
        _marked(folder, manifest, segment, marked) if marked else segment.entry
        for segment, marked in zip(segments, rows, strict=True)
    ]
    return replace(manifest, segments=tuple(entries)), removed


def _marked(folder: Path, manifest: Manifest, segment: Segment, rows: list[int]) -> SegmentEntry:
    """Name the deleted rows of a segment in a file of its own."""
    deleted = np.union1d(segment.deleted, np.array(rows, dtype=np.uint32)).astype(np.uint32)
    name = f"{segment.entry.name}.deleted-{manifest.generation}.npy"
    with atomic_file(folder / name) as temporary:
        np.save(temporary, deleted)
    return replace(segment.entry, deleted=name, deleted_count=len(deleted))


def _merged(folder: Path, manifest: Manifest) -> Manifest:
    """The manifest of the next generation, with small segments merged into one."""
    entries = manifest.segments
    first = next((at for at in range(len(entries)) if _is_due(entries[at:])), len(entries))
    if first < len(entries):
        items = itertools.chain.from_iterable(_live(_open(folder, manifest, entry)) for entry in entries[first:])
        weights = _weights(folder, manifest) if first else None
        merged = write_segment(folder, manifest, items, weights)
        entries = (*entries[:first], *([merged] if merged else []))
    return replace(manifest, generation=manifest.generation + 1, segments=entries)


def _is_due(entries: Sequence[SegmentEntry]) -> bool:
    """Whether a segment is to be merged with those after it: they are many beside it, or most of it is deleted."""
    after = sum(entry.live for entry in entries[1:])
    return entries[0].live <= entries[0].deleted_count or (after > 0 and after >= _MERGED_AT * entries[0].live)


def _live(segment: Segment) -> Iterator[tuple[Item, NDArray[np.float16]]]:
    """The products of a segment that are not deleted, with their unit vectors."""
    return ((segment.items.read(row), segment.vectors[row]) for row in range(len(segment)) if segment.is_live(row))


@contextlib.contextmanager
def _tidied(folder: Path) -> Iterator[None]:
    """Remove what the manifest does not name, before and after: also what a killed process left."""
    _tidy(folder)
    try:
        yield
    finally:
        _tidy(folder)


def _tidy(folder: Path) -> None:
    try:
        manifest = read_manifest(folder)
    except IndexFolderError:
        return
    named = {name for entry in manifest.segments for name in (entry.name, entry.deleted)}
    for path in folder.iterdir():
        if path.name in named or not _OURS.fullmatch(path.name):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
