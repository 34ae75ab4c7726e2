"""What runs the bundle's network: ONNX Runtime, or OpenVINO where it is installed."""

from __future__ import annotations

import importlib.util
import logging
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.bundle import Bundle
from tagger.config import EngineName, EnginePrecision
from tagger.cores import cpu_is_faster_in_bfloat16, usable_cores
from tagger.decoding import Outputs
from tagger.errors import BundleError, MissingDependencyError
from tagger.similarity import SIMILARITY

_log = logging.getLogger(__name__)

#: Batches that wait for a core, so that none is idle while the answers of the last batch are used.
_QUEUED = 2


class Engine(ABC):
    """Runs a network on photos."""

    @abstractmethod
    def run(self, photos: NDArray[np.uint8]) -> Outputs:
        """Outputs by name, each float32 (B, C), for photos uint8 (B, H, W, 3)."""

    def stream(self, batches: Iterable[NDArray[np.uint8]]) -> Iterator[Outputs]:
        """`run` for many batches, in their order; it may read a few batches ahead."""
        return map(self.run, batches)


class CompletedEngine(Engine):
    """An engine whose outputs are completed with what other files of its bundle say.

    The logits become what the network, the colours and the neighbours say together, and "similarity" is added, what
    similar products are found by: see `SimilaritySpace.vectors`. A bundle that has no such files leaves the outputs as
    they are.

    Args:
        engine: runs the network.
        bundle: whose network it is.
    """

    def __init__(self, engine: Engine, bundle: Bundle) -> None:
        self._engine = engine
        self._space = bundle.label_space
        self._colours = bundle.colours
        self._neighbours = bundle.neighbours
        self._similarity = bundle.similarity

    def __repr__(self) -> str:
        return repr(self._engine)

    def run(self, photos: NDArray[np.uint8]) -> Outputs:
        """Outputs by name, each float32 (B, C), for photos uint8 (B, H, W, 3)."""
        return self._complete(self._engine.run(photos), self._by_colours(photos))

    def stream(self, batches: Iterable[NDArray[np.uint8]]) -> Iterator[Outputs]:
        """`run` for many batches: the network goes on with the next ones meanwhile."""
        said: deque[Outputs] = deque()

        def passing() -> Iterator[NDArray[np.uint8]]:
            for photos in batches:
                said.append(self._by_colours(photos))
                yield photos

        for outputs in self._engine.stream(passing()):
            yield self._complete(outputs, said.popleft())

    def _by_colours(self, photos: NDArray[np.uint8]) -> Outputs:
        return self._colours.logits(photos) if self._colours else {}

    def _complete(self, outputs: Outputs, by_colours: Outputs) -> Outputs:
        complete = self._colours.blend(outputs, by_colours) if self._colours else dict(outputs)
        # Before the neighbours: a product of the train part would be found by its own label.
        vectors = {SIMILARITY: self._similarity.vectors(complete, self._space)} if self._similarity else {}
        return (self._neighbours.blend(complete) if self._neighbours else complete) | vectors


def open_engine(bundle: Bundle, name: EngineName | None = None, precision: EnginePrecision | None = None) -> Engine:
    """Open a bundle's network.

    Args:
        bundle: whose network it is.
        name: "auto" is OpenVINO where it is installed, since it is faster on a CPU, else ONNX Runtime; None: what the
            bundle's settings say.
        precision: "auto" is what the engine thinks best: with OpenVINO bfloat16 where the CPU is faster with it, else
            float32. "float32" is full precision on any engine, "int8" the model with int8 convolutions. None: what
            the bundle's settings say.

    Raises:
        BundleError: the model can't run here, or int8 is asked for and the bundle has no such model.
        MissingDependencyError: OpenVINO is asked for by name and not installed.
    """
    settings = bundle.config.inference
    precision = precision or settings.engine_precision
    asked_by = "--engine" if name else f"config.json of {bundle.path}"
    with_openvino = _with_openvino(name or settings.engine, asked_by)
    model = bundle.int8_model if precision == "int8" else bundle.model
    try:
        engine: Engine = OpenVinoEngine(model, precision) if with_openvino else OnnxRuntimeEngine(model, precision)
    except Exception as error:  # both libraries raise their own kinds, all derived from Exception
        runner = "OpenVINO" if with_openvino else "ONNX Runtime"
        raise BundleError(f"{model} can't be run by {runner} ({error}). Copy the bundle again.") from error
    _log.info("Engine: %r", engine)
    return engine


def _with_openvino(name: EngineName, asked_by: str) -> bool:
    installed = importlib.util.find_spec("openvino") is not None
    if name == "openvino" and not installed:
        raise MissingDependencyError(
            "openvino", "openvino", f"for the engine that {asked_by} asks for, or say --engine onnxruntime"
        )
    return installed and name != "onnxruntime"


class OnnxRuntimeEngine(Engine):
    """ONNX Runtime: on the GPU where its GPU build finds one, else on the CPU, with as many batches at once as cores.

    Args:
        model: an ONNX file.
        precision: "int8" for a model with int8 convolutions; else it computes in float32.
    """

    def __init__(self, model: Path, precision: EnginePrecision = "auto") -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # its warnings speak of graph details that no user can mend
        # One core a batch: the cores of a shared batch would wait for each other, and spin while they wait.
        options.intra_op_num_threads = 1
        known = onnxruntime.get_available_providers()
        providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in known]
        self._session = onnxruntime.InferenceSession(os.fspath(model), options, providers=providers)
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._precision = "int8" if precision == "int8" else "float32"

    def __repr__(self) -> str:
        place = "GPU" if "CUDAExecutionProvider" in self._session.get_providers() else "CPU"
        return f"ONNX Runtime on the {place}, {self._precision}"

    def run(self, photos: NDArray[np.uint8]) -> Outputs:
        """Outputs by name, each float32 (B, C), for photos uint8 (B, H, W, 3)."""
        return dict(zip(self._outputs, self._session.run(self._outputs, {self._input: photos}), strict=True))

    def stream(self, batches: Iterable[NDArray[np.uint8]]) -> Iterator[Outputs]:
        """Several batches at once, each on its core, answered in their order."""
        workers = usable_cores()
        with ThreadPoolExecutor(workers, thread_name_prefix="network") as pool:
            busy: deque[Future[Outputs]] = deque()
            for photos in batches:
                if len(busy) == workers + _QUEUED:
                    yield busy.popleft().result()
                busy.append(pool.submit(self.run, photos))
            while busy:
                yield busy.popleft().result()


class OpenVinoEngine(Engine):
    """OpenVINO on the CPU, as many batches at once as suit its cores.

    Args:
        model: an ONNX file.
        precision: "int8" for a model with int8 convolutions, "float32" for full precision, "auto" for bfloat16 where
            the CPU is faster with it.
    """

    def __init__(self, model: Path, precision: EnginePrecision = "auto") -> None:
        import openvino

        settings = {"PERFORMANCE_HINT": "THROUGHPUT"}
        # OpenVINO itself takes bfloat16 wherever the CPU has instructions for it.
        if precision == "float32" or (precision == "auto" and not cpu_is_faster_in_bfloat16()):
            settings["INFERENCE_PRECISION_HINT"] = "f32"
        self._network = openvino.Core().compile_model(os.fspath(model), "CPU", settings)
        self._names = [output.get_any_name() for output in self._network.outputs]
        wanted = int(self._network.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._precision = "int8" if precision == "int8" else self._float_precision()
        self._requests = [self._network.create_infer_request() for _ in range(wanted + _QUEUED)]

    def __repr__(self) -> str:
        return f"OpenVINO on the CPU, {self._precision}"

    def _float_precision(self) -> str:
        name = self._network.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        return {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}.get(name, str(name))

    def run(self, photos: NDArray[np.uint8]) -> Outputs:
        """Outputs by name, each float32 (B, C), for photos uint8 (B, H, W, 3)."""
        return next(self.stream([photos]))

    def stream(self, batches: Iterable[NDArray[np.uint8]]) -> Iterator[Outputs]:
        """Several batches at once, each on its share of the cores, answered in their order."""
        idle = list(self._requests)
        busy: deque[Any] = deque()
        try:
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
        finally:  # whoever wants no more answers may ask again
            for request in busy:
                request.wait()

    def _finish(self, request: Any) -> Outputs:
        request.wait()
        # Copied, since the request's memory is used again.
        return {name: np.array(request.get_output_tensor(i).data) for i, name in enumerate(self._names)}
