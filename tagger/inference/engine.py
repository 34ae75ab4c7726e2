"""What runs the bundle's network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tagger.errors import BundleError


class Engine(Protocol):
    """Runs a network on photos."""

    def run(self, photos: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name, each float32 (B, C), for photos uint8 (B, H, W, 3)."""


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU.

    Args:
        model: an ONNX file with one input, photos uint8 (B, H, W, 3).

    Raises:
        BundleError: the file is no ONNX model that can run here.
    """

    def __init__(self, model: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # its warnings speak of graph details that no user can mend
        try:
            self._session = onnxruntime.InferenceSession(os.fspath(model), options, providers=["CPUExecutionProvider"])
            self._input = self._session.get_inputs()[0].name
        except Exception as error:  # onnxruntime raises its own kinds, all derived from Exception
            raise BundleError(f"{model} can't be run by ONNX Runtime ({error}). Copy the bundle again.") from error
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, photos: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name, each float32 (B, C), for photos uint8 (B, H, W, 3)."""
        return dict(zip(self._outputs, self._session.run(self._outputs, {self._input: photos}), strict=True))
