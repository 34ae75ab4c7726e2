"""A segment: products that were indexed together, in a folder whose files never change.

    vectors.npy     float16 (N, D) unit vectors; all zeros where the embedding was
    items.*         id, title, labels, photo and the rest of each (see `items`)
    columns.*       labels and facts for filters (see `columns`)
    text.*          words (see `postings`)
    hnsw.usearch    an approximate index of the vectors, if there is one (see `ann`)

What is deleted later is named in a file beside the folder.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tagger.errors import IndexFolderError
from tagger.search.ann import HNSW, open_hnsw
from tagger.search.arrays import map_array, open_array, widen
from tagger.search.columns import COLUMN_FILES, Columns, ColumnWriter
from tagger.search.cosines import Cosines
from tagger.search.items import ITEM_FILES, Item, ItemStore, ItemWriter
from tagger.search.manifest import SegmentEntry, check_files, damaged
from tagger.search.postings import TEXT_FILES, TextStore, TextWriter
from tagger.search.text import WordWeights

VECTORS = "vectors.npy"
#: No segment is without these.
FILES = (VECTORS, *ITEM_FILES, *COLUMN_FILES, *TEXT_FILES)
#: What rounding may make of a length of 1, or add to the cosine of two unit vectors.
_TOLERANCE = 0.01
#: What half precision may make of a length of 1.
_HALF_ROUNDING = 1e-3


class SegmentWriter:
    """Writes a segment product by product.

    Args:
        folder: an empty one.
        dimensions: numbers in an embedding; None: as many as the first has.
    """

    def __init__(self, folder: Path, dimensions: int | None = None) -> None:
        self.folder = folder
        self.dimensions = dimensions
        self._file: BinaryIO = (folder / VECTORS).open("wb")
        self._items = ItemWriter(folder)
        self._columns = ColumnWriter(folder)
        self._text = TextWriter(folder)

    def __len__(self) -> int:
        return len(self._items)

    def write(self, item: Item, embedding: ArrayLike) -> None:
        """Append a product.

        Args:
            embedding: of any length, (D,); one that has length 1 as far as float16 can tell is stored as it is, so that
                vectors can go from segment to segment and stay what they are.

        Raises:
            IndexFolderError: its embedding holds NaN or has another size than the others.
        """
        unit = stored_vector(item.id, embedding, self.dimensions)
        self.dimensions = unit.size
        if not len(self):
            self._write_header(0)
        self._file.write(unit.tobytes())
        self._items.write(item)
        self._columns.write(item)
        self._text.write(item)

    def finish(self, weights: WordWeights | None) -> None:
        """Write what is left, if there is any product.

        Args:
            weights: those of words; None: learn them.

        Raises:
            IndexFolderError: an id comes twice.
        """
        self.close()
        if not len(self):
            return
        with (self.folder / VECTORS).open("rb+") as self._file:
            self._write_header(len(self))
        self._items.write_look_up()
        if (id_ := ItemStore(self.folder, len(self)).repeated_id()) is not None:
            raise IndexFolderError(f'Expected every id once, found "{id_}" at least twice. Make the ids unique.')
        self._columns.finish()
        self._text.finish(weights)

    def close(self) -> None:
        """Close the files, whether or not it is finished."""
        self._file.close()
        self._items.close()

    def _write_header(self, count: int) -> None:
        """The header of a .npy file; NumPy leaves room for the count to grow, so it always has the same length."""
        header = {"descr": "<f2", "fortran_order": False, "shape": (count, self.dimensions)}
        np.lib.format.write_array_header_1_0(self._file, header)


def stored_vector(id_: str, embedding: ArrayLike, dimensions: int | None) -> NDArray[np.float16]:
    """An embedding as an index keeps it: with length 1, or zeros where it was, float16 (D,).

    Args:
        id_: of its product.
        embedding: of any length, (D,).
        dimensions: numbers that it must have; None: any.

    Raises:
        IndexFolderError: it holds NaN or has another size.
    """
    vector = np.asarray(embedding, dtype=np.float64)
    norm = np.linalg.norm(vector)
    if vector.ndim != 1 or vector.size == 0 or not np.isfinite(norm):
        raise IndexFolderError(
            f"Expected a vector of finite numbers as the embedding of product {id_}, got one of shape {vector.shape} "
            f"and length {norm:g}. Check the bundle."
        )
    if dimensions is not None and vector.size != dimensions:
        raise IndexFolderError(
            f"Expected embeddings of {dimensions} numbers, product {id_} has {vector.size}. Make them all "
            "with one bundle."
        )
    return (vector / norm if norm > 0 and abs(norm - 1) > _HALF_ROUNDING else vector).astype("<f2")


class Segment:
    """An opened segment.

    Args:
        folder: of the index.
        entry: what the manifest says of it.
        dimensions: numbers in an embedding.
        max_checked: files with more bytes are not read whole to be checked.

    Raises:
        IndexFolderError: files are missing, or were changed.
    """

    def __init__(self, folder: Path, entry: SegmentEntry, dimensions: int, max_checked: int | None) -> None:
        self.entry = entry
        self.folder = folder / entry.name
        self._parent = folder
        if missing := [name for name in FILES if name not in entry.files]:
            raise damaged(folder / "index.json", f"it does not name {missing[0]}")
        check_files(self.folder, entry.files, max_checked)
        vectors = map_array(self.folder / VECTORS, np.dtype(np.float16), (entry.count, dimensions))
        self.vectors = cast(NDArray[np.float16], vectors)
        self._cosines = Cosines(self.vectors)
        self.items = ItemStore(self.folder, entry.count)
        self.columns = Columns(self.folder, entry.count)
        self.text = TextStore(self.folder, entry.count)
        self.deleted = self._read_deleted()
        # Mapped now, though it may not be needed: who changes the index may remove the file before.
        self._hnsw = np.memmap(self.folder / HNSW, dtype=np.uint8, mode="r") if HNSW in entry.files else None

    def __len__(self) -> int:
        """Products, deleted ones included."""
        return self.entry.count

    def row(self, id_: str) -> int | None:
        """Row of a product that is not deleted, or None."""
        row = self.items.row(id_)
        return None if row is None or not self.is_live(row) else row

    def is_live(self, row: int) -> bool:
        """Whether the product of a row is not deleted."""
        place = int(np.searchsorted(self.deleted, row))
        return place == len(self.deleted) or bool(self.deleted[place] != row)

    @cached_property
    def live_rows(self) -> NDArray[np.int64] | None:
        """Rows that are not deleted, rising; None for all."""
        return np.delete(np.arange(len(self)), self.deleted) if len(self.deleted) else None

    @cached_property
    def hnsw(self) -> Any:
        """Its approximate index, opened when it is first needed; None where it has none.

        Raises:
            MissingDependencyError: usearch is not installed.
        """
        return None if self._hnsw is None else open_hnsw(self.folder / HNSW, self._hnsw, *self.vectors.shape)

    def unit_vectors(self, rows: NDArray[np.int64] | list[int]) -> NDArray[np.float32]:
        """The vectors of some rows, float32 (K, D).

        Raises:
            IndexFolderError: there are some that are not of length 1, nor zeros.
        """
        vectors = widen(self.vectors[rows])
        lengths = np.linalg.norm(vectors, axis=1)
        self._check(((lengths == 0) | (np.abs(lengths - 1) <= _TOLERANCE)).all())
        return vectors

    def image_scores(
        self, queries: NDArray[np.float32], start: int, stop: int, rows: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        """Cosines with queries (B, D), float32 (B, N), of the products from `start` to `stop`, or of some rows.

        Raises:
            IndexFolderError: there are vectors that are not of length 1.
        """
        scores = self._cosines(queries, start, stop, rows)
        self._check(not scores.size or max(scores.max(), -scores.min()) <= 1 + _TOLERANCE)
        return scores

    def _check(self, are_units: bool | np.bool_) -> None:
        if not are_units:
            raise damaged(self.folder / VECTORS, "it holds vectors that are not of length 1")

    def _read_deleted(self) -> NDArray[np.uint32]:
        """Rows of products that are no more, rising, uint32 (K,)."""
        if not self.entry.deleted:
            return np.empty(0, dtype=np.uint32)
        path = self._parent / self.entry.deleted
        deleted = cast(NDArray[np.uint32], open_array(path, np.uint32, 1))
        if len(deleted) != self.entry.deleted_count or deleted[-1] >= len(self) or (np.diff(deleted) < 1).any():
            raise damaged(path, "it does not fit the segment")
        return deleted
