"""Weights of an ONNX model in fewer bytes: what comes out is nearly the same, whichever engine reads it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tagger.training.compact_onnx import compress, large_convolutions, read_floats

RNG = np.random.default_rng(0)
WEIGHTS = {
    "small": RNG.normal(size=(4, 3, 3, 3)),
    "large": RNG.normal(size=(64, 4, 5, 5)),
    "dense": RNG.normal(size=(64, 32)),
    "bias": RNG.normal(size=32),
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    nodes = [
        helper.make_node("Conv", ["photos", "small"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "large"], ["b"], pads=[2, 2, 2, 2]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "dense", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("photos", TensorProto.FLOAT, ["B", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["B", 32])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in WEIGHTS.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "a.onnx")
    return tmp_path / "a.onnx"


def _run(path: Path, engine: str = "onnxruntime") -> np.ndarray:
    photos = np.random.default_rng(1).normal(size=(5, 3, 8, 8)).astype(np.float32)
    if engine == "openvino":
        import openvino

        network = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return np.asarray(network(photos)[0])
    return np.asarray(onnxruntime.InferenceSession(str(path)).run(None, {"photos": photos})[0])


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(("in_int8", "tolerance"), [((), 2e-3), (("large",), 2e-2)])
def test_the_outputs_are_nearly_the_same(
    model: Path, tmp_path: Path, in_int8: tuple[str, ...], tolerance: float, engine: str
) -> None:
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed")
    compress(model, tmp_path / "b.onnx", in_int8)
    expected = _run(model)
    difference = np.abs(_run(tmp_path / "b.onnx", engine) - expected).max() / np.abs(expected).max()
    assert 0 < difference < tolerance


def test_what_is_stored(model: Path, tmp_path: Path) -> None:
    compress(model, tmp_path / "half.onnx")
    compress(model, tmp_path / "quarter.onnx", ["large"])
    half = {tensor.name: tensor.data_type for tensor in onnx.load(tmp_path / "half.onnx").graph.initializer}
    assert half == {
        "small": TensorProto.FLOAT, "bias": TensorProto.FLOAT,
        "large.float16": TensorProto.FLOAT16, "dense.float16": TensorProto.FLOAT16,
    }  # fmt: skip
    saved = (tmp_path / "half.onnx").stat().st_size - (tmp_path / "quarter.onnx").stat().st_size
    assert large_convolutions(model) == {"large": 64 * 100 - 4 * 64}
    assert abs(saved - large_convolutions(model)["large"]) < 300


def test_the_weights_are_read_back(model: Path, tmp_path: Path) -> None:
    compress(model, tmp_path / "b.onnx", ["large"])
    floats = read_floats(tmp_path / "b.onnx")
    assert set(floats) == set(WEIGHTS)
    for name, value in WEIGHTS.items():
        step = np.abs(value).max(axis=(1, 2, 3), keepdims=True) / 127 if name == "large" else 1e-2
        assert (np.abs(floats[name] - value) <= step / 2 + 1e-6).all(), name
    np.testing.assert_array_equal(floats["small"], WEIGHTS["small"].astype(np.float32))


def test_numbers_beyond_float16_stay(model: Path, tmp_path: Path) -> None:
    network = onnx.load(model)
    huge = next(tensor for tensor in network.graph.initializer if tensor.name == "dense")
    huge.CopyFrom(numpy_helper.from_array(np.full((64, 32), 1e6, dtype=np.float32), "dense"))
    onnx.save(network, model)
    compress(model, tmp_path / "b.onnx")
    np.testing.assert_array_equal(read_floats(tmp_path / "b.onnx")["dense"], 1e6)


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"a\.onnx is no ONNX model"):
        read_floats(tmp_path / "a.onnx")
