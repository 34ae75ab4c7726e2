"""What the nearest products of the train part are labelled has a say in what the heads answer.

A head draws straight lines through the embedding; products of one make or one campaign lie together in it more finely
than that. Interpolating with the labels of the nearest ones gives what a head lost (Khandelwal et al. 2020,
https://arxiv.org/abs/1911.00172, for words).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.arrays import read_archive, write_archive
from tagger.config import HeadKind
from tagger.decoding import EMBEDDING, Outputs, logit, sigmoid, softmax
from tagger.labels import LabelSpace

#: Photos that are compared at once: with 40,000 products 10 MB of similarities.
_BATCH = 64
_SMALLEST = 1e-9
#: Unpacked; training keeps far fewer products.
_MAX_BYTES = 200_000_000


@dataclass(frozen=True)
class Neighbours:
    """Products of the train part: where they lie in the embedding, in few dimensions, and how they are labelled.

    Args:
        mean: of the embeddings, float32 (E,).
        axes: the first D principal axes, float32 (E, D).
        codes: unit vectors of the products along them, int8 (N, D), to be multiplied with `step`.
        step: what 1 of a code stands for.
        count: neighbours that have a say, at most N.
        spread: cosine by which a neighbour may be farther than the nearest to count 1/e as much.
        shares: weight of the neighbours' labels beside what the head says, 0 to 1, by output name.
        labels: by output name, for softmax outputs the classes, int32 (N,), -1 where unknown; for sigmoid outputs, bool
            (N, 1 + L), whether the labels are known, and which are given.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    codes: NDArray[np.int8]
    step: float
    count: int
    spread: float
    shares: Mapping[str, float]
    labels: Mapping[str, NDArray[Any]]

    @property
    def width(self) -> int:
        """Width of the embeddings that it is for."""
        return len(self.mean)

    def blend(self, outputs: Outputs) -> Outputs:
        """The same outputs, whose logits say what head and neighbours say together.

        Args:
            outputs: logits by output name, float32 (B, C), and "embedding", float32 (B, E).
        """
        blended = dict(outputs)
        rows, cosines = self.nearest(outputs[EMBEDDING])
        weights = weighted(cosines, self.spread)
        for name, share in self.shares.items():
            if share:
                blended[name] = self.mixed(name, outputs[name], *self.votes(name, rows, weights, outputs[name]), share)
        return blended

    def nearest(self, embeddings: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Rows of the nearest products and their cosines, (B, K) each.

        Args:
            embeddings: float32 (B, E).
        """
        parts = [
            self._nearest(embeddings[start : start + _BATCH]) for start in range(0, max(1, len(embeddings)), _BATCH)
        ]
        rows, near = (np.concatenate(values) for values in zip(*parts, strict=True))
        return rows, near

    def _nearest(self, embeddings: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Rows and cosines of the nearest products."""
        cosines = projected(embeddings, self.mean, self.axes) @ self._vectors.T  # (B, N)
        rows = np.argpartition(cosines, -self.count, axis=1)[:, -self.count :]
        return rows, np.take_along_axis(cosines, rows, axis=1)

    def votes(
        self, name: str, rows: NDArray[np.intp], weights: NDArray[np.float32], logits: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the neighbours say of an output, probabilities (B, C), and the weight of those that say anything (B, 1).

        Args:
            rows: neighbours (B, K).
            weights: theirs (B, K).
            logits: of the output (B, C).
        """
        found = self.labels[name][rows]
        if found.ndim == 2:  # classes (B, K)
            votes = np.zeros((len(rows), logits.shape[1] + 1), dtype=np.float32)
            np.add.at(votes, (np.arange(len(rows))[:, None], found), weights)  # -1 is the last column
            votes, known = votes[:, :-1], 1 - votes[:, -1:]
        else:  # whether known, and which labels (B, K, 1 + L)
            sums = np.einsum("bk,bkl->bl", weights, found.astype(np.float32))
            known, votes = sums[:, :1], sums[:, 1:]
        return votes / np.maximum(known, _SMALLEST), np.clip(known, 0, 1)

    def mixed(
        self,
        name: str,
        logits: NDArray[np.float32],
        votes: NDArray[np.float32],
        known: NDArray[np.float32],
        share: float,
    ) -> NDArray[np.float32]:
        """Logits (B, C) of the mean of what a head and the neighbours say.

        Args:
            logits: of the head (B, C).
            votes: of the neighbours (B, C), as `votes` gives them.
            known: with their weight (B, 1).
            share: of the votes where all neighbours say something.
        """
        of_classes = self.labels[name].ndim == 1
        p = softmax(logits) if of_classes else sigmoid(logits)
        p = p + share * known * (votes - p)
        return np.log(np.maximum(p, _SMALLEST)) if of_classes else logit(p)

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return self.codes.astype(np.float32) * np.float32(self.step)

    def write(self, path: Path) -> None:
        """Write one .npz file, the outputs in their order.

        Raises:
            OutputError: the file can't be written.
        """
        arrays: dict[str, NDArray[Any]] = {
            "mean": self.mean.astype(np.float16),
            "axes": self.axes.astype(np.float16),
            "codes": self.codes,
            "settings": np.array([self.step, self.count, self.spread]),
            "shares": np.array(list(self.shares.values())),
        }
        for number, labels in enumerate(self.labels.values()):
            arrays[f"labels_{number}"] = labels if labels.ndim == 1 else np.packbits(labels, axis=1)
        write_archive(path, arrays)

    @classmethod
    def read(cls, path: Path, space: LabelSpace) -> Neighbours:
        """Read what `write` wrote; no pickle is loaded.

        Args:
            space: the labels of the bundle that it belongs to.

        Raises:
            BundleError: the file can't be read, or is not of these labels.
        """
        return read_archive(path, _MAX_BYTES, lambda arrays: _checked(arrays, space))


def projected(
    embeddings: NDArray[np.float32], mean: NDArray[np.float32], axes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Unit vectors of embeddings (N, E) along the axes, float32 (N, D); zeros for one at the mean."""
    along = (embeddings - mean) @ axes
    return np.asarray(along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), _SMALLEST), dtype=np.float32)


def weighted(cosines: NDArray[np.float32], spread: float) -> NDArray[np.float32]:
    """Weights of neighbours, which add up to 1 for each photo, float32 (B, K)."""
    weights = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / spread)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _checked(arrays: Mapping[str, NDArray[Any]], space: LabelSpace) -> Neighbours:
    """Put together what a file holds.

    Raises:
        ValueError: it is of another kind than expected, or of other labels.
    """
    mean, axes, codes = (arrays[name] for name in ("mean", "axes", "codes"))
    kinds = [(str(array.dtype), array.ndim) for array in (mean, axes, codes)]
    if kinds != [("float16", 1), ("float16", 2), ("int8", 2)] or axes.shape != (len(mean), codes.shape[1]):
        raise ValueError("expected a mean, axes and codes that belong together")
    step, count, spread = (float(value) for value in arrays["settings"])
    shares = [float(share) for share in arrays["shares"]]
    finite = np.isfinite(mean).all() and np.isfinite(axes).all()
    if not (finite and step > 0 and spread > 0 and 1 <= count <= len(codes) and all(0 <= s <= 1 for s in shares)):
        raise ValueError("a number is outside its range")
    labels = {
        output.name: _checked_labels(arrays[f"labels_{number}"], output.head, len(codes), len(output.values))
        for number, output in enumerate(space.outputs())
    }
    return Neighbours(
        mean.astype(np.float32),
        axes.astype(np.float32),
        codes,
        step,
        int(count),
        spread,
        dict(zip(labels, shares, strict=True)),
        labels,
    )


def _checked_labels(stored: NDArray[Any], head: HeadKind, count: int, columns: int) -> NDArray[Any]:
    """Labels of one output as `Neighbours` holds them."""
    if head == "sigmoid":
        if (str(stored.dtype), stored.shape) != ("uint8", (count, -(-(1 + columns) // 8))):
            raise ValueError("it is of other labels")
        return np.unpackbits(stored, axis=1, count=1 + columns).astype(np.bool_)
    if (str(stored.dtype), stored.shape) != ("int32", (count,)) or ((stored < -1) | (stored >= columns)).any():
        raise ValueError("it is of other labels")
    return stored
