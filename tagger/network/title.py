"""The network that reads titles: the embeddings of their features, added up, and the heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from tagger.files import atomic_file
from tagger.labels import LabelSpace
from tagger.network.model import keras_name

#: Numbers that a feature is embedded in: beyond them little is gained, and the table grows.
WIDTH = 48
_TABLE = "features"
#: Every ONNX Runtime that `tagger tag` accepts can read them.
_OPSET, _IR_VERSION = 13, 8


@keras.saving.register_keras_serializable(package="tagger")
class FeatureSum(layers.Layer):  # type: ignore[misc, unused-ignore]
    """Adds up the embeddings of a title's features and divides by the square root of their number.

    The square root keeps the sums of long and of short titles alike in size, as the embeddings point all ways. Row 0
    stands for nothing.

    Args:
        rows: of the table.
        width: of an embedding.

    Input shape: (B, T), int32.
    Output shape: (B, width), float32.
    """

    def __init__(self, rows: int, width: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.rows, self.width = rows, width

    def build(self, shape: Any) -> None:
        initial = keras.initializers.RandomNormal(stddev=0.05)
        self.table = self.add_weight(shape=(self.rows, self.width), initializer=initial, name="table")

    def call(self, rows: Any) -> Any:
        known = keras.ops.cast(keras.ops.not_equal(rows, 0), "float32")  # (B, T)
        embedded = keras.ops.take(self.table, rows, axis=0)  # (B, T, width)
        total = keras.ops.sum(embedded * known[:, :, None], axis=1)
        return total / keras.ops.sqrt(keras.ops.maximum(keras.ops.sum(known, axis=1, keepdims=True), 1.0))

    def compute_output_shape(self, shape: Any) -> tuple[Any, int]:
        return shape[0], self.width


def build_title_network(space: LabelSpace, rows: int) -> keras.Model:
    """Build the network.

    Input shape: rows of the features of titles (B, T), int32, filled up with 0.
    Output shape: a dict of float32 logits (B, C) by `keras_name`.

    Args:
        space: what is tagged.
        rows: of the table of embeddings.
    """
    titles = keras.Input((None,), dtype="int32", name="titles")
    features = FeatureSum(rows, WIDTH, dtype="float32", name=_TABLE)(titles)
    outputs = {
        name: layers.Dense(len(output.values), dtype="float32", name=name)(features)
        for output in space.outputs()
        for name in [keras_name(output.name)]
    }
    return keras.Model(titles, outputs, name="title")


def round_weights(network: keras.Model) -> None:
    """Round the weights to what `write_title_onnx` stores, so that nothing is lost on the way to a bundle."""
    table = network.get_layer(_TABLE).table
    rounded, scale = _in_int8(keras.ops.convert_to_numpy(table))
    table.assign(rounded * scale)
    for layer in network.layers:
        if isinstance(layer, layers.Dense):
            layer.set_weights([weight.astype(np.float16).astype(np.float32) for weight in layer.get_weights()])


def write_title_onnx(network: keras.Model, space: LabelSpace, path: Path) -> None:
    """Write the network as ONNX with outputs by `output_name`: the table in int8, the heads in float16.

    The graph is put together here, since no exporter of Keras knows of a table in int8; it is the same with every
    backend, and computes in float32.

    Raises:
        OutputError: the file can't be written.
    """
    from onnx import TensorProto, helper, numpy_helper

    rounded, scale = _in_int8(keras.ops.convert_to_numpy(network.get_layer(_TABLE).table))
    rounded[0] = 0  # the row that stands for nothing
    tensors = {"table": rounded, "scale": scale, "zero": np.int32(0), "one": np.float32(1), "along": np.array([1])}
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "titles"], ["embedded"], axis=0),
        node("Cast", ["embedded"], ["embedded_float"], to=TensorProto.FLOAT),
        node("ReduceSum", ["embedded_float", "along"], ["total"], keepdims=0),  # (B, width)
        node("Equal", ["titles", "zero"], ["nothing"]),
        node("Not", ["nothing"], ["known"]),
        node("Cast", ["known"], ["known_float"], to=TensorProto.FLOAT),
        node("ReduceSum", ["known_float", "along"], ["count"], keepdims=1),
        node("Max", ["count", "one"], ["at_least_one"]),
        node("Sqrt", ["at_least_one"], ["root"]),
        node("Mul", ["total", "scale"], ["scaled"]),
        node("Div", ["scaled", "root"], ["features"]),
    ]
    outputs = []
    for name in space.output_names:
        kernel, bias = network.get_layer(keras_name(name)).get_weights()
        for part, values in (("kernel", kernel), ("bias", bias)):
            tensors[f"{name} {part}"] = values.astype(np.float16)
            nodes.append(node("Cast", [f"{name} {part}"], [f"{name} {part} float"], to=TensorProto.FLOAT))
        nodes.append(node("Gemm", ["features", f"{name} kernel float", f"{name} bias float"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", len(bias)]))
    graph = helper.make_graph(
        nodes,
        "title",
        [helper.make_tensor_value_info("titles", TensorProto.INT32, ["B", "T"])],
        outputs,
        [numpy_helper.from_array(np.asarray(values), name) for name, values in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    with atomic_file(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def _in_int8(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A table (V, D) as int8, and what each of its columns is to be multiplied by, float32 (D,)."""
    scale = np.maximum(np.abs(table).max(axis=0) / 127, np.finfo(np.float32).tiny).astype(np.float32)
    return np.round(table / scale).astype(np.int8), scale
