"""Write an index folder from a stream of products: memory stays bounded however many there are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tagger.errors import IndexFolderError, OutputError
from tagger.files import atomic_folder
from tagger.search.index import Index
from tagger.search.items import Item, ItemStore, ItemWriter
from tagger.search.manifest import MANIFEST, VECTORS, write_manifest


def build_index(
    items: Iterable[tuple[Item, ArrayLike]], folder: Path | str, *, bundle_id: str, bundle_path: Path | None = None
) -> Index:
    """Write an index and open it.

    Args:
        items: products with their embeddings (D,), of any length; they are stored with length 1. One of zeros is
            stored as it is, and has the score 0 with everything.
        folder: where to write; an index that is there already is replaced when the new one is whole.
        bundle_id: `Bundle.id` of the bundle that made the embeddings.
        bundle_path: where that bundle is, so that `tagger similar` finds it.

    Raises:
        IndexFolderError: there are no items, an id comes twice, or an embedding holds NaN or has another size.
        OutputError: the folder can't be written, or holds something else than an index.
    """
    folder = Path(folder)
    check_replaceable(folder)
    with atomic_folder(folder) as temporary:
        count, dimensions = _write(items, temporary)
        if (id_ := ItemStore(temporary, count).repeated_id()) is not None:
            raise IndexFolderError(f'Expected every id once, found "{id_}" at least twice. Make the ids unique.')
        write_manifest(temporary, count, dimensions, bundle_id, _places(bundle_path, folder))
    return Index.open(folder)


def check_replaceable(folder: Path) -> None:
    """Refuse to put an index in the place of a folder with other files: they would be gone.

    Raises:
        OutputError: the folder is neither new, nor empty, nor an index.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise OutputError(f"{folder} holds other files than an index. Choose a new folder, or empty this one first.")


def _write(items: Iterable[tuple[Item, ArrayLike]], folder: Path) -> tuple[int, int]:
    """Write vectors and items; returns how many there are, and the size of an embedding."""
    dimensions = 0
    writer = ItemWriter(folder)
    try:
        with (folder / VECTORS).open("wb") as file:
            for item, embedding in items:
                unit = _unit(item.id, embedding)
                if not dimensions:
                    dimensions = unit.size
                    _write_header(file, 0, dimensions)
                if unit.size != dimensions:
                    raise IndexFolderError(
                        f"Expected embeddings of {dimensions} numbers, product {item.id} has {unit.size}. "
                        "Make them all with one bundle."
                    )
                file.write(unit.tobytes())
                writer.write(item)
            if not dimensions:
                raise IndexFolderError("Expected products to index, found none.")
            file.seek(0)
            _write_header(file, len(writer), dimensions)
    finally:
        writer.close()
    writer.write_look_up()
    return len(writer), dimensions


def _write_header(file: BinaryIO, count: int, dimensions: int) -> None:
    """Write the header of a .npy file; NumPy leaves room for the count to grow, so it always has the same length."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, dimensions)}
    np.lib.format.write_array_header_1_0(file, header)


def _unit(id_: str, embedding: ArrayLike) -> NDArray[np.float32]:
    vector = np.asarray(embedding, dtype=np.float64)
    norm = np.linalg.norm(vector)
    if vector.ndim != 1 or vector.size == 0 or not np.isfinite(norm):
        raise IndexFolderError(
            f"Expected a vector of finite numbers as the embedding of product {id_}, got one of shape {vector.shape} "
            f"and length {norm:g}. Check the bundle."
        )
    return (vector / norm if norm > 0 else vector).astype("<f4")


def _places(bundle: Path | None, index: Path) -> list[str]:
    """Absolute, and relative to the index, so that either may move, or both together."""
    if bundle is None:
        return []
    bundle = bundle.resolve()
    return [str(bundle), os.path.relpath(bundle, index.resolve())]
