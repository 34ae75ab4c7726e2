"""One form for graphs that compute the same: names, order and notes make no difference, meaning does."""

from __future__ import annotations

import random

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tagger.network.canonical import make_canonical

PHOTOS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def _model(seed: int, kernel: float = 2.0, axes: tuple[int, int] = (1, 0)) -> onnx.ModelProto:
    """A graph with two outputs, written as chance will have it."""
    chance = random.Random(seed)
    called = {name: f"{name}_{chance.randrange(1000)}" for name in ("scaled", "turned", "back", "both", "k", "b", "no")}

    def node(kind: str, inputs: list[str], output: str, **settings: object) -> onnx.NodeProto:
        inputs = [called.get(name, name) for name in inputs]
        made = helper.make_node(kind, inputs, [called.get(output, output)], f"{kind}_{chance.random()}", **settings)
        made.doc_string = f"line {chance.randrange(1000)}"
        attributes = chance.sample(list(made.attribute), len(made.attribute))
        del made.attribute[:]
        made.attribute.extend(attributes)
        return made

    steps = [
        [node("Mul", ["photos", "k"], "scaled"), node("Sqrt", ["photos"], "no")],
        [node("Transpose", ["scaled"], "turned", perm=axes), node("Relu", ["scaled"], "logits")],
        [node("Transpose", ["turned"], "back", perm=axes)],
        [node("Gemm", ["photos", "back", ""], "both", transB=1, alpha=0.5)],
        [node("Add", ["both", "b"], "embedding")],
    ]
    nodes = [made for step in steps for made in chance.sample(step, len(step))]
    tensors = {"k": kernel, "b": 1.0, "unused": 3.0}
    constants = [numpy_helper.from_array(np.float32(value), called.get(name, name)) for name, value in tensors.items()]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"unk__{chance.randrange(1000)}", width])
        for name, width in (("photos", 4), ("embedding", None), ("logits", 4))
    ]
    graph = helper.make_graph(
        nodes, f"graph of {chance.random()}", values[:1], values[1:], chance.sample(constants, len(constants)),
        value_info=[helper.make_tensor_value_info(called["both"], TensorProto.FLOAT, None)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, {"written": str(chance.random())})
    return model


def _canonical(model: onnx.ModelProto) -> bytes:
    make_canonical(model)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _run(model: bytes) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"photos": PHOTOS})


def test_what_carries_no_meaning_makes_no_difference() -> None:
    written = [_model(seed) for seed in range(8)]
    assert len({model.SerializeToString() for model in written}) == 8
    assert len({_canonical(model) for model in written}) == 1


@pytest.mark.parametrize("other", [{"kernel": 2.5}, {"axes": (0, 1)}])
def test_what_carries_meaning_does(other: dict[str, object]) -> None:
    assert _canonical(_model(0, **other)) != _canonical(_model(0))


def test_it_computes_the_same_under_the_same_public_names() -> None:
    before = _model(0).SerializeToString()
    after = _canonical(_model(0))
    for ours, theirs in zip(_run(after), _run(before), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    graph = onnx.load_from_string(after).graph
    assert [value.name for value in graph.input] == ["photos"]
    assert [value.name for value in graph.output] == ["embedding", "logits"]
    assert {value.type.tensor_type.shape.dim[0].dim_param for value in (*graph.input, *graph.output)} == {"batch"}
    assert sorted(node.op_type for node in graph.node) == ["Add", "Gemm", "Mul", "Relu", "Transpose", "Transpose"]
    assert len(graph.initializer) == 2


def test_twice_is_once() -> None:
    once = _canonical(_model(0))
    assert _canonical(onnx.load_from_string(once)) == once


def test_a_deep_network() -> None:
    nodes = [helper.make_node("Relu", [str(at)], [str(at + 1)]) for at in range(3000)]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 4]) for name in ("0", "3000")]
    model = helper.make_model(helper.make_graph(nodes[::-1], "deep", values[:1], values[1:]))
    make_canonical(model)
    assert [node.name for node in model.graph.node] == [f"Relu_{at}" for at in range(3000)]
    assert [node.input[0] for node in model.graph.node][:3] == ["0", "Relu_0", "Relu_1"]


def test_a_graph_with_branches_stays_as_it_is() -> None:
    """What is within a branch may go by the names outside."""
    made = helper.make_tensor_value_info("made", TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node("Relu", ["hidden"], ["made"])], "branch", [], [made])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("photos", "out")]
    asked = helper.make_tensor_value_info("asked", TensorProto.BOOL, [])
    nodes = [
        helper.make_node("Sqrt", ["photos"], ["hidden"]),
        helper.make_node("If", ["asked"], ["out"], then_branch=branch, else_branch=branch),
    ]
    model = helper.make_model(helper.make_graph(nodes, "g", [values[0], asked], values[1:]))
    before = model.SerializeToString()
    make_canonical(model)
    assert model.SerializeToString() == before
