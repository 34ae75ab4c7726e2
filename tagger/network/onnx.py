"""Write a network as ONNX, whichever backend of Keras it was trained with.

TensorFlow writes the plainest graph, which tags fastest; PyTorch is the next best, and so nothing else is needed beside
it. A network of another backend is saved, and a child process with one of those two loads and writes it.

The same weights give the same bytes, see `tagger.network.canonical`, as long as backend, exporter and kind of processor
are the same: by the bytes a bundle knows its network.

Run as a script, this module is that child: `python -m tagger.network.onnx network.keras network.onnx`.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import keras

import tagger.network.layers  # noqa: F401  # the child loads networks that hold them
from tagger.errors import MissingDependencyError, TrainingError
from tagger.network.canonical import make_canonical

#: Backend → the packages with which it writes ONNX, the best one first.
_EXPORTERS = {"tensorflow": ("tensorflow", "tf2onnx"), "torch": ("torch",)}
#: Of what PyTorch writes; every ONNX Runtime that `tagger tag` accepts can read it.
_OPSET = 18


def find_exporter() -> str:
    """The backend of Keras that will write the ONNX model.

    Raises:
        MissingDependencyError: none of those installed can.
    """
    for backend, packages in _EXPORTERS.items():
        if all(importlib.util.find_spec(package) for package in packages):
            return backend
    if importlib.util.find_spec("tensorflow"):
        raise MissingDependencyError("tf2onnx", "train", "to write the bundle's ONNX model")
    raise MissingDependencyError("TensorFlow or PyTorch", "train-cpu", "to write the bundle's ONNX model")


def write_onnx(network: keras.Model, path: Path) -> None:
    """Write a network as ONNX, with a batch of any size and outputs called as in Keras.

    Args:
        network: float32, with one input, called before; outputs by name, or a single one.

    Raises:
        MissingDependencyError: no installed backend can.
        TrainingError: the child process failed.
    """
    exporter = find_exporter()
    if exporter != keras.backend.backend():
        _write_elsewhere(network, path, exporter)
        return
    write = _write_with_tensorflow if exporter == "tensorflow" else _write_with_torch
    write(network, path)
    _rewrite_canonical(path)


def _write_with_tensorflow(network: keras.Model, path: Path) -> None:
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # tf2onnx looks for names of an older NumPy
        network.export(os.fspath(path), format="onnx", verbose=False)


def _write_with_torch(network: keras.Model, path: Path) -> None:
    """What Keras does, but for the names of the outputs, which it leaves to PyTorch."""
    import torch

    outputs = network.output if isinstance(network.output, dict) else {network.output_names[0]: network.output}
    # A list says which output is which; PyTorch orders a dict in its own way.
    listed = keras.Model(network.input, list(outputs.values())).eval()
    example = torch.zeros((2, *network.input.shape[1:]), dtype=getattr(torch, network.input.dtype))
    with warnings.catch_warnings(action="ignore"):  # of branches of Keras that are traced but once, as they should be
        torch.onnx.export(
            listed,
            (example,),
            os.fspath(path),
            input_names=[network.input.name],
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in (network.input.name, *outputs)},
            opset_version=_OPSET,
            dynamo=False,  # the newer exporter needs another package and gains nothing
            verbose=False,
        )


def _rewrite_canonical(path: Path) -> None:
    import onnx

    model = onnx.load(path)
    make_canonical(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _write_elsewhere(network: keras.Model, path: Path, exporter: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "network.keras"
        network.save(saved)
        environment = {
            **os.environ,
            "KERAS_BACKEND": exporter,
            "CUDA_VISIBLE_DEVICES": "",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        command = [sys.executable, "-m", "tagger.network.onnx", os.fspath(saved), os.fspath(path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise TrainingError(
            f"The ONNX model could not be written with the {exporter} backend of Keras ({reason}). "
            "The bundle was not written; the weights are in best.npz of the run folder."
        )


def _main(saved: str, path: str) -> None:
    network = keras.saving.load_model(saved, compile=False)
    network(keras.ops.zeros((1, *network.input.shape[1:]), network.input.dtype))  # Keras exports only what was called
    write_onnx(network, Path(path))


if __name__ == "__main__":
    _main(*sys.argv[1:])
