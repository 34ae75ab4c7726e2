"""From trained weights to an ONNX model that is checked against Keras on real photos before it is accepted."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tagger.errors import TrainingError
from tagger.network.onnx import write_onnx
from tagger.training.optimization import numeric_precision

_log = logging.getLogger(__name__)

#: Largest difference between Keras and ONNX, relative to the largest value of an output.
_TOLERANCE = 1e-3


def export_onnx(model: keras.Model, photos: NDArray[np.uint8], path: Path) -> float:
    """Write a model as ONNX and compare both on photos.

    Args:
        model: float32, on the CPU, with the embedding among its outputs; photos (B, H, W, 3) uint8 in.
        photos: real photos, uint8 (N, H, W, 3), at least one.

    Returns:
        The largest relative difference.

    Raises:
        TrainingError: the two differ too much, or the model can't be written.
        OutputError: the file can't be written.
    """
    with keras.device("cpu"):  # GPUs round float32 convolutions to fewer bits
        expected = {name: keras.ops.convert_to_numpy(value) for name, value in model(photos).items()}
        write_onnx(model, path)
    difference = _compare(expected, _run_onnx(path, photos))
    if not difference <= _TOLERANCE:
        raise TrainingError(
            f"The exported ONNX model differs from the Keras model by {difference:.2g}, more than {_TOLERANCE}. "
            "The bundle was not written; the weights are in best.npz of the run folder."
        )
    _log.info("ONNX and Keras agree on %d photos within %.1e", len(photos), difference)
    return difference


def _run_onnx(path: Path, photos: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: photos}), strict=True))


def float32_copy(build: Callable[[], keras.Model], trained: keras.Model) -> keras.Model:
    """Build the network anew in float32 and give it the trained weights: bundles compute in full precision."""
    with numeric_precision("float32"):
        model = build()
    model.set_weights(trained.get_weights())
    return model


def _compare(keras_outputs: dict[str, Any], onnx_outputs: dict[str, Any]) -> float:
    if set(keras_outputs) != set(onnx_outputs):
        raise TrainingError(f"The ONNX model has the outputs {sorted(onnx_outputs)}, not {sorted(keras_outputs)}.")
    differences = [
        np.abs(onnx_outputs[name] - value).max() / max(np.abs(value).max(), 1e-6)
        for name, value in keras_outputs.items()
    ]
    return float(np.max(differences))  # NaN where one is NaN, unlike Python's max
