"""NumPy files of a bundle, maybe from strangers: no pickle is loaded, no more memory taken than the file fills."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tagger.errors import BundleError
from tagger.files import atomic_file

_Read = TypeVar("_Read")
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that NumPy writes
#: What a damaged archive makes zipfile, zlib and NumPy raise.
_DAMAGED = (
    OSError, EOFError, KeyError, IndexError, TypeError, ValueError, OverflowError, RuntimeError, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip


def read_archive(path: Path, most: int, check: Callable[[Mapping[str, NDArray[Any]]], _Read]) -> _Read:
    """Read an .npz file and put together what it holds.

    Args:
        most: bytes that it may unpack to.
        check: gets the arrays by name, and raises a ValueError, KeyError, IndexError or TypeError where they are not
            what is expected.

    Raises:
        BundleError: the file can't be read, is too large, or is refused by `check`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > most:
                raise ValueError(f"it unpacks to more than {most // 10**6} MB")
            if any(entry.compress_type not in _COMPRESSIONS for entry in entries):
                raise ValueError("it is packed in a way that NumPy doesn't write")
            return check({entry.filename.removesuffix(".npy"): _array(archive.read(entry)) for entry in entries})
    except _DAMAGED as error:
        raise BundleError(f"{path} can't be read ({error}). Copy the bundle again.") from error


def write_archive(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an .npz file that `read_archive` reads.

    Raises:
        OutputError: the file can't be written.
    """
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)  # type: ignore[arg-type, unused-ignore]


def read_matrix(path: Path, check: Callable[[NDArray[np.float16]], _Read]) -> _Read:
    """Read a matrix, float16 (R, C), and make of it what it stands for.

    Args:
        check: gets the matrix, mapped from the file, and raises a ValueError where its shape is not what is expected.

    Raises:
        BundleError: the file can't be read, holds something else, or is refused by `check`.
    """
    try:
        # Mapped: an array that is said to be larger than the file is refused before there is memory for it.
        stored = np.lib.format.open_memmap(path, mode="r")
        if stored.dtype != np.float16 or stored.ndim != 2:
            raise ValueError(f"expected a matrix of float16, got {stored.dtype} {stored.shape}")
        made = check(stored)
        if not np.isfinite(stored).all():
            raise ValueError("it holds numbers that are not finite")
        return made
    except _DAMAGED as error:
        raise BundleError(f"{path} can't be read ({error}). Copy the bundle again.") from error


def write_matrix(path: Path, matrix: NDArray[np.floating[Any]]) -> None:
    """Write a matrix (R, C) as float16.

    Raises:
        OutputError: the file can't be written.
    """
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, matrix.astype(np.float16), allow_pickle=False)


def _array(content: bytes) -> NDArray[Any]:
    """The array of an .npy file, read-only.

    Unlike `numpy.load`, which believes the header and allocates first, it takes no memory that the file does not fill.
    """
    file = io.BytesIO(content)
    header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[np.lib.format.read_magic(file)]
    shape, in_columns, dtype = header(file)
    # Refuses Python objects, and more values than there are bytes.
    values = np.frombuffer(content, dtype, math.prod(shape), file.tell())
    return values.reshape(shape, order="F" if in_columns else "C")
