"""The weights for fine-tuning in a compact bundle: what model.onnx holds already is not stored again.

Exporters turn the axes of a kernel and multiply each of its channels with what batch normalization does to it. Where a
weight is found again like this in model.onnx, `weights.npz` only says where, and holds the factors; the rest it holds
itself. One entry, `layout`, is JSON with an object a weight, in the order of `Model.weights`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.arrays import read_archive, write_archive
from tagger.training.compact_onnx import MIN_SIZE, Floats, read_floats

_Array = NDArray[Any]

_LAYOUT = "layout"
#: Of the largest number of a weight; what rounding makes of the factors is far below.
_TOLERANCE = 1e-4
#: Unpacked; no network of this program comes near.
_MAX_BYTES = 2_000_000_000


@dataclass(frozen=True)
class _Found:
    """Where a weight is in model.onnx: transposed by `axes`, and times a factor for each place along `axis`."""

    initializer: str
    axes: tuple[int, ...]
    axis: int


def write_weights(weights: list[_Array], floats: Floats, path: Path) -> None:
    """Write the weights of a network.

    Args:
        weights: in the order of `Model.weights`.
        floats: tensors of its ONNX model, as it was exported.
        path: the .npz file.
    """
    arrays: dict[str, _Array] = {}
    layout: list[dict[str, Any]] = []
    for number, weight in enumerate(weights):
        found, factors = _find(weight, floats) if weight.size >= MIN_SIZE else (None, None)
        if found:
            layout.append(asdict(found))
            arrays[f"factors_{number}"] = np.asarray(factors, dtype=np.float32)
        else:
            layout.append({})
            arrays[f"weight_{number}"] = weight.astype(np.float16 if weight.size >= MIN_SIZE else np.float32)
    arrays[_LAYOUT] = np.frombuffer(json.dumps(layout).encode(), dtype=np.uint8)
    write_archive(path, arrays)


def read_weights(path: Path, model: Path) -> list[NDArray[np.float32]]:
    """Read what `write_weights` wrote, in the order of `Model.weights`.

    Args:
        path: the .npz file.
        model: the ONNX model beside it.

    Raises:
        BundleError: one of them is damaged, or they don't belong together.
    """

    def restored(arrays: Mapping[str, _Array]) -> list[NDArray[np.float32]]:
        layout, floats = json.loads(arrays[_LAYOUT].tobytes()), read_floats(model)
        return [
            _restore(_Found(**entry), arrays[f"factors_{number}"], floats)
            if entry
            else arrays[f"weight_{number}"].astype(np.float32)
            for number, entry in enumerate(layout)
        ]

    return read_archive(path, _MAX_BYTES, restored)


def _restore(found: _Found, factors: _Array, floats: Floats) -> NDArray[np.float32]:
    stored = floats[found.initializer]
    along = _along(factors, found.axis, stored.ndim)
    divided = np.divide(stored, along, out=np.zeros_like(stored), where=along != 0)
    return np.ascontiguousarray(divided.transpose(np.argsort(found.axes)))


def _find(weight: _Array, floats: Floats) -> tuple[_Found | None, _Array | None]:
    """Where a weight is among the tensors of the ONNX model, and by what its channels were multiplied."""
    for name, stored in floats.items():
        if stored.size != weight.size or stored.ndim != weight.ndim:
            continue
        for axes in permutations(range(weight.ndim)):
            turned = weight.transpose(axes)
            if turned.shape == stored.shape:
                for axis in range(stored.ndim):
                    factors = _factors(turned, stored, axis)
                    if factors is not None:
                        return _Found(name, axes, axis), factors
    return None, None


def _factors(weight: _Array, stored: _Array, axis: int) -> _Array | None:
    """By what each place along an axis was multiplied, or None where this doesn't explain the stored tensor."""
    others = tuple(other for other in range(weight.ndim) if other != axis)
    power = (weight**2).sum(axis=others)
    factors = np.divide((weight * stored).sum(axis=others), power, out=np.zeros_like(power), where=power > 0)
    if ((factors == 0) & (power > 0)).any():  # the weight could not be had back
        return None
    error = np.abs(weight * _along(factors, axis, weight.ndim) - stored).max()
    return factors if error <= _TOLERANCE * np.abs(stored).max() else None


def _along(factors: _Array, axis: int, dimensions: int) -> _Array:
    """Factors (C,) in a shape that multiplies along an axis."""
    return factors.reshape([-1 if other == axis else 1 for other in range(dimensions)])
