"""Weights of an ONNX model in fewer bytes; it computes in float32 as before.

A large weight is stored in float16, or in int8 with a scale a channel, and nodes in front of the graph turn it back:
Cast, or Cast and Mul. Both engines do this once, when they open the model, which costs no time later (DequantizeLinear
would be left for every batch by ONNX Runtime).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = dict[str, NDArray[np.float32]]

#: Smaller tensors, such as biases, stay as they are: they take no room, and add to every number.
MIN_SIZE = 1024
_FLOAT16, _INT8, _CAST, _SCALE = ".float16", ".int8", ".cast", ".scale"
_MAX_FLOAT16 = 65504.0


def read_floats(path: Path) -> Floats:
    """The float32 tensors that a model holds, by name; compressed ones as its nodes turn them back.

    Raises:
        ValueError: it is no ONNX model.
    """
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception as error:  # protobuf raises its own kind
        raise ValueError(f"{path.name} is no ONNX model") from error
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    floats = {}
    for name, values in stored.items():
        if name.endswith(_FLOAT16):
            floats[name.removesuffix(_FLOAT16)] = values.astype(np.float32)
        elif name.endswith(_INT8):
            plain = name.removesuffix(_INT8)
            floats[plain] = values.astype(np.float32) * stored[plain + _SCALE]
        elif values.dtype == np.float32 and not name.endswith(_SCALE):
            floats[name] = values
    return floats


def large_convolutions(path: Path) -> dict[str, int]:
    """Names of the convolutions' weights → what int8 saves beside float16, in bytes; the largest saving first."""
    import onnx

    graph = onnx.load(path).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    weights = {node.input[1] for node in graph.node if node.op_type == "Conv" and node.input[1] in shapes}
    savings = {name: int(np.prod(shapes[name])) - 4 * shapes[name][0] for name in weights}
    large = {name: saving for name, saving in savings.items() if saving >= MIN_SIZE}
    return dict(sorted(large.items(), key=lambda item: (-item[1], item[0])))


def compress(path: Path, target: Path, in_int8: Collection[str] = ()) -> None:
    """Write a copy of a model with its large float32 weights in float16, but for some in int8.

    Args:
        path: the model.
        target: the file to write.
        in_int8: names of convolutions' weights, channels of the output first.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    kept, restoring = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < MIN_SIZE or np.abs(values).max() > _MAX_FLOAT16:
            kept.append(tensor)
            continue
        stored, nodes = _in_int8(tensor.name, values) if tensor.name in in_int8 else _in_float16(tensor.name, values)
        kept += stored
        restoring += nodes
    nodes = [*restoring, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, target)


def _in_float16(name: str, values: NDArray[np.float32]) -> tuple[list[Any], list[Any]]:
    """Tensors and nodes that stand for a weight."""
    from onnx import TensorProto, helper, numpy_helper

    half = numpy_helper.from_array(values.astype(np.float16), name + _FLOAT16)
    return [half], [helper.make_node("Cast", [name + _FLOAT16], [name], to=TensorProto.FLOAT)]


def _in_int8(name: str, values: NDArray[np.float32]) -> tuple[list[Any], list[Any]]:
    """Tensors and nodes that stand for a weight; the first axis is that of the channels."""
    from onnx import TensorProto, helper, numpy_helper

    scale = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True) / 127
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    eight = np.round(values / scale).astype(np.int8)
    tensors = [numpy_helper.from_array(eight, name + _INT8), numpy_helper.from_array(scale, name + _SCALE)]
    cast = helper.make_node("Cast", [name + _INT8], [name + _CAST], to=TensorProto.FLOAT)
    return tensors, [cast, helper.make_node("Mul", [name + _CAST, name + _SCALE], [name])]
