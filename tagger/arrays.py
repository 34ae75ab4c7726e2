"""NumPy archives of a bundle, which may come from strangers: no pickle is loaded, and no more than so many bytes."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tagger.errors import BundleError

_Read = TypeVar("_Read")


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
            if sum(entry.file_size for entry in archive.infolist()) > most:
                raise ValueError(f"it unpacks to more than {most // 10**6} MB")
        with np.load(path, allow_pickle=False) as file:
            return check({name: file[name] for name in file.files})
    except (OSError, EOFError, KeyError, IndexError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path} can't be read ({error}). Copy the bundle again.") from error
