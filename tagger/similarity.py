"""What similar products are found by: the layer before the heads and what the heads say, in few dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tagger.arrays import read_matrix, write_matrix
from tagger.calibration import Calibration
from tagger.decoding import EMBEDDING, Outputs, class_probabilities, probabilities
from tagger.labels import LabelSpace

#: What a network's outputs call the vectors of `SimilaritySpace`.
SIMILARITY = "similarity"

#: Of the cosine of two photos, the part of the layer before the heads; the attributes share the rest evenly.
_SHARE = 0.4
_SMALLEST = 1e-12
_MAX_WIDTH = 65_536


@dataclass(frozen=True)
class SimilaritySpace:
    """The directions in which the photos of a catalog differ most, by looks and by tags.

    Cosines of the layer before the heads find products of like shape; how a head would tag both photos finds those of
    like type and colour. Both are put side by side, see `side_by_side`, and kept in the first singular directions.

    Args:
        axes: float32 (F, D), float16 in a file.
        width: of the embeddings that it is for; the other rows of `axes` are those of tags.
    """

    axes: NDArray[np.float32]
    width: int

    def vectors(self, outputs: Outputs, space: LabelSpace) -> NDArray[np.float32]:
        """Vectors to compare by cosine, float32 (N, D).

        Args:
            outputs: logits by output name, float32 (N, C), and "embedding", float32 (N, E).
            space: what they mean.
        """
        return np.asarray(side_by_side(outputs, space) @ self.axes, dtype=np.float32)

    def write(self, path: Path) -> None:
        """Write one NumPy array.

        Raises:
            OutputError: the file can't be written.
        """
        write_matrix(path, self.axes)

    @classmethod
    def read(cls, path: Path, space: LabelSpace) -> SimilaritySpace:
        """Read what `write` wrote; no pickle is loaded, and no more memory is taken than the file has bytes.

        Args:
            space: the labels of the bundle that it belongs to.

        Raises:
            BundleError: the file can't be read, holds something else, or is not of these labels.
        """

        def check(stored: NDArray[np.float16]) -> SimilaritySpace:
            (rows, columns), tags = stored.shape, _width_of_tags(space)
            if not tags < rows <= _MAX_WIDTH or not 0 < columns <= rows:
                raise ValueError(f"expected a row for each label and more, and no more columns, got {stored.shape}")
            return cls(stored.astype(np.float32), rows - tags)

        return read_matrix(path, check)


def side_by_side(outputs: Outputs, space: LabelSpace) -> NDArray[np.float32]:
    """Unit vectors of embedding and tags, one beside the other, so that their cosines add up; float32 (N, F).

    Probabilities enter as unit vectors of their cube roots. (Square roots would give the Bhattacharyya coefficient, the
    overlap of two distributions; cube roots, softer, keep the second guess of a head alive.) Only attributes that are
    nobody's parent and have one value a product take part: the others say less of the same.

    Args:
        outputs: logits by output name, float32 (N, C), and "embedding", float32 (N, E).
        space: what they mean.
    """
    classes = class_probabilities(probabilities(outputs, space, Calibration()), space)
    tags = [np.cbrt(classes[name]) for name in _compared(space)]
    shares = [_SHARE] + [(1 - _SHARE) / len(tags)] * len(tags) if tags else [1.0]
    parts = [outputs[EMBEDDING], *tags]
    return np.concatenate([np.sqrt(s) * _unit(part) for s, part in zip(shares, parts, strict=True)], axis=1).astype(
        np.float32
    )


def mean_direction(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors, float32 (N, D), half-way between the directions of two rows of vectors (N, D)."""
    return _unit(_unit(one) + _unit(other))


def _compared(space: LabelSpace) -> list[str]:
    """Attributes that take part, in order."""
    parents = {attribute.parent for attribute in space.attributes.values()}
    return [a.name for a in space.attributes.values() if not a.multi_valued and a.name not in parents]


def _width_of_tags(space: LabelSpace) -> int:
    return sum(len(space[name].classes) for name in _compared(space))


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), _SMALLEST), dtype=np.float32)
