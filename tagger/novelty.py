"""How unlike the photos of the catalog a photo is: its distance, in embedding space, from what the catalog shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.arrays import read_matrix, write_matrix

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
        write_matrix(path, np.concatenate([self.whitening, self.centres]))

    @classmethod
    def read(cls, path: Path) -> Novelty:
        """Read what `write` wrote; no pickle is loaded, and no more memory is taken than the file has bytes.

        Raises:
            BundleError: the file can't be read, or holds something else.
        """

        def check(stored: NDArray[np.float16]) -> Novelty:
            rows, width = stored.shape
            if not 0 < width <= _MAX_WIDTH or not 0 < rows - width <= _MAX_CENTRES:
                raise ValueError(f"expected more rows than columns, got {stored.shape}")
            return cls(np.array(stored[:width]), np.array(stored[width:]))

        return read_matrix(path, check)


def scaled(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Embeddings (N, E) with length 1; zeros stay zeros."""
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(length, 1e-12), dtype=np.float32)
