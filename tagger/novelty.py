"""How unlike the photos of the catalog a photo is: its distance, in embedding space, from what the catalog shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import BundleError
from tagger.files import atomic_file

#: Wider embeddings are refused by the config, too.
_MAX_WIDTH = 4096
_MAX_CENTRES = 4096


@dataclass(frozen=True)
class Novelty:
    """The least Mahalanobis distance from the centre of a class (Lee et al. 2018, arXiv:1807.03888).

    All classes share one covariance. Embeddings are first scaled to length 1: their directions alone are compared.
    Everything is scaled so that a distance of 1 is where photos count as unlike the catalog.

    Args:
        whitening: what turns the covariance into a sphere, (E, E); float16 in a file.
        centres: of the classes, whitened, (K, E), K ≥ 1; likewise.
    """

    whitening: NDArray[np.floating[Any]]
    centres: NDArray[np.floating[Any]]

    @property
    def width(self) -> int:
        """Width of the embeddings that it is for."""
        return len(self.whitening)

    def scores(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """How unlike the catalog each photo is, float32 (N,): more than 1 says that it shows no product.

        Args:
            embeddings: float32 (N, E).
        """
        whitened = scaled(embeddings) @ self.whitening.astype(np.float32)  # (N, E)
        centres = self.centres.astype(np.float32)
        squares = (whitened**2).sum(axis=1)[:, None] - 2 * whitened @ centres.T + (centres**2).sum(axis=1)  # (N, K)
        return np.asarray(np.sqrt(np.maximum(squares.min(axis=1), 0)), dtype=np.float32)

    def write(self, path: Path) -> None:
        """Write one NumPy array: the whitening, below it the centres.

        Raises:
            OutputError: the file can't be written.
        """
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.save(file, np.concatenate([self.whitening, self.centres]).astype(np.float16), allow_pickle=False)

    @classmethod
    def read(cls, path: Path) -> Novelty:
        """Read what `write` wrote; no pickle is loaded, and no more memory is taken than the file has bytes.

        Raises:
            BundleError: the file can't be read, or holds something else.
        """
        try:
            # Mapped: an array that is said to be larger than the file is refused before there is memory for it.
            stored = np.lib.format.open_memmap(path, mode="r")
        except (OSError, ValueError, TypeError, OverflowError, EOFError) as error:
            raise _unreadable(path, str(error)) from error
        width = stored.shape[-1] if stored.ndim == 2 else 0
        if stored.dtype != np.float16 or not 0 < width <= _MAX_WIDTH or not 0 < len(stored) - width <= _MAX_CENTRES:
            raise _unreadable(path, f"expected float16, more rows than columns, got {stored.dtype} {stored.shape}")
        values = np.array(stored)
        if not np.isfinite(values).all():
            raise _unreadable(path, "it holds numbers that are not finite")
        return cls(values[:width], values[width:])


def scaled(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Embeddings (N, E) with length 1; zeros stay zeros."""
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(length, 1e-12), dtype=np.float32)


def _unreadable(path: Path, why: str) -> BundleError:
    return BundleError(f"{path} can't be read ({why}). Copy the bundle again.")
