"""Arrays of an index: memory-mapped so that ten processes share one copy; half precision made single, fast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tagger.search.manifest import damaged

#: Sign, exponent and mantissa of a half, moved to where a single has them.
_BITS = np.int32(-0x70002000)
#: What the exponents of the two differ by.
SCALE = np.float32(2.0**112)


def map_array(path: Path, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
    """Memory-map a .npy file that must have this dtype and shape; pickled objects are refused.

    Raises:
        IndexFolderError: it is damaged, or holds something else.
    """
    values = open_array(path, dtype, len(shape))
    if values.shape != shape:
        raise damaged(path, f"expected {dtype} {shape}, found {values.dtype} {values.shape}")
    return values


def open_array(path: Path, dtype: DTypeLike, dimensions: int) -> NDArray[np.generic]:
    """Memory-map a .npy file that must have this dtype and so many dimensions.

    Raises:
        IndexFolderError: it is damaged, or holds something else.
    """
    try:
        values = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError) as error:
        raise damaged(path, "it is no NumPy array") from error
    if values.dtype != dtype or values.ndim != dimensions:
        raise damaged(path, f"expected {np.dtype(dtype)} in {dimensions}-D, found {values.dtype} {values.shape}")
    # A plain view: slices of np.memmap are slow because each is a memmap again.
    return np.asarray(values)


class Widener:
    """Makes float32 of float16, in memory that is used again and again.

    NumPy's own way takes ten times as long: it asks every number whether it is infinite. Infinite ones and NaN come
    out as numbers above 65,000 here.

    Args:
        rows: most vectors at once.
        dimensions: of each.
    """

    def __init__(self, rows: int, dimensions: int) -> None:
        self._bits = np.empty((rows, dimensions), dtype=np.int32)

    def __call__(self, halves: NDArray[np.float16]) -> NDArray[np.float32]:
        """float32 (N, D) of float16 (N, D), good until the next call."""
        singles = self.scaled(halves)
        return np.multiply(singles, SCALE, out=singles)

    def scaled(self, halves: NDArray[np.float16]) -> NDArray[np.float32]:
        """The same divided by `SCALE`, in three quarters of the time."""
        bits = self._bits[: len(halves)]
        bits[...] = halves.view(np.int16)
        np.left_shift(bits, 13, out=bits)
        np.bitwise_and(bits, _BITS, out=bits)
        return bits.view(np.float32)


def widen(halves: NDArray[np.float16]) -> NDArray[np.float32]:
    """float32 (N, D) of float16 (N, D)."""
    return Widener(*halves.shape)(np.ascontiguousarray(halves))
