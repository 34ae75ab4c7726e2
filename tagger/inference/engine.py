"""What runs the bundle's network: ONNX Runtime, or OpenVINO where it is installed."""

from __future__ import annotations

import importlib.util
import logging
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tagger.errors import BundleError, MissingDependencyError

_log = logging.getLogger(__name__)

EngineName = Literal["auto", "onnxruntime", "openvino"]
Outputs = dict[str, NDArray[np.float32]]


class Engine(ABC):
    """Runs a network on photos."""

    @abstractmethod
    def run(self, photos: NDArray[np.uint8]) -> Outputs:
        """Outputs by name, each float32 (B, C), for photos uint8 (B, H, W, 3)."""

    def stream(self, batches: Iterable[NDArray[np.uint8]]) -> Iterator[Outputs]:
        """`run` for many batches, in their order; it may read a few batches ahead."""
        return map(self.run, batches)


def open_engine(model: Path, name: EngineName = "auto") -> Engine:
    """Open a network.

    Args:
        model: an ONNX file with one input, photos uint8 (B, H, W, 3).
        name: "auto" is OpenVINO where it is installed, since it is faster on a CPU, else ONNX Runtime.

    Raises:
        BundleError: the file is no ONNX model that can run here.
        MissingDependencyError: OpenVINO is asked for by name and not installed.
    """
    installed = importlib.util.find_spec("openvino") is not None
    if name == "openvino" and not installed:
        raise MissingDependencyError("openvino", "fast", "for --engine openvino")
    with_openvino = name == "openvino" or (name == "auto" and installed)
    try:
        engine: Engine = OpenVinoEngine(model) if with_openvino else OnnxRuntimeEngine(model)
    except Exception as error:  # both libraries raise their own kinds, all derived from Exception
        runner = "OpenVINO" if with_openvino else "ONNX Runtime"
        raise BundleError(f"{model} can't be run by {runner} ({error}). Copy the bundle again.") from error
    _log.info("Engine: %r", engine)
    return engine


class OnnxRuntimeEngine(Engine):
    """ONNX Runtime on the CPU, in float32. Each batch keeps all cores busy, so they go one after the other."""

    def __init__(self, model: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # its warnings speak of graph details that no user can mend
        self._session = onnxruntime.InferenceSession(os.fspath(model), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __repr__(self) -> str:
        return "ONNX Runtime on the CPU, float32"

    def run(self, photos: NDArray[np.uint8]) -> Outputs:
        """Outputs by name, each float32 (B, C), for photos uint8 (B, H, W, 3)."""
        return dict(zip(self._outputs, self._session.run(self._outputs, {self._input: photos}), strict=True))


class OpenVinoEngine(Engine):
    """OpenVINO on the CPU, in bfloat16 where the CPU computes with it, as many batches at once as suit its cores.

    Args:
        model: an ONNX file.
        precision: "f32" for full precision anywhere; None: what OpenVINO thinks best.
    """

    def __init__(self, model: Path, precision: str | None = None) -> None:
        import openvino

        settings = {"PERFORMANCE_HINT": "THROUGHPUT"}
        if precision:
            settings["INFERENCE_PRECISION_HINT"] = precision
        self._network = openvino.Core().compile_model(os.fspath(model), "CPU", settings)
        self._names = [output.get_any_name() for output in self._network.outputs]
        wanted = int(self._network.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._requests = [self._network.create_infer_request() for _ in range(max(2, wanted))]

    def __repr__(self) -> str:
        precision = self._network.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        return f"OpenVINO on the CPU, {precision}, {len(self._requests)} batches at once"

    def run(self, photos: NDArray[np.uint8]) -> Outputs:
        """Outputs by name, each float32 (B, C), for photos uint8 (B, H, W, 3)."""
        return next(self.stream([photos]))

    def stream(self, batches: Iterable[NDArray[np.uint8]]) -> Iterator[Outputs]:
        """Several batches at once, each on its share of the cores, answered in their order."""
        idle = list(self._requests)
        busy: deque[Any] = deque()
        for photos in batches:
            if not idle:
                request = busy.popleft()
                yield self._finish(request)
                idle.append(request)
            request = idle.pop()
            request.start_async({0: photos})
            busy.append(request)
        while busy:
            yield self._finish(busy.popleft())

    def _finish(self, request: Any) -> Outputs:
        request.wait()
        # Copied, since the request's memory is used again.
        return {name: np.array(request.get_output_tensor(i).data) for i, name in enumerate(self._names)}
