"""The int8 model: read by every engine, nearly the same answers, and no bundle fails for want of it."""

from __future__ import annotations

import importlib.util
import logging

import keras
import numpy as np
import onnx
import pytest
from drawn import make_part, write_catalog

from tagger.bundle import Bundle
from tagger.calibration import Calibration
from tagger.config import NetworkConfig, PhotoConfig, parse_config
from tagger.inference import Tagger
from tagger.network.model import build_network, with_embedding
from tagger.training import quantization
from tagger.training.export import export_onnx
from tagger.training.quantization import int8_agreement, quantize_convolutions, sample_photos
from tagger.training.run import train
from tagger.training.validation import predict_logits

PHOTO = PhotoConfig(height=32, width=24)


@pytest.fixture
def part(space):
    return make_part(space, 80)


@pytest.fixture
def model(space):
    keras.utils.set_random_seed(0)
    return build_network(space, NetworkConfig(trunk="cnn_gap"), PHOTO)


@pytest.fixture
def exported(model, space, part, tmp_path):
    export_onnx(with_embedding(model, space), part.pixels[:8], tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_convolutions_but_the_first_are_int8_and_nothing_else_is(exported, part, tmp_path, capfd, caplog):
    before = list(logging.getLogger().handlers)
    with caplog.at_level(logging.INFO):
        assert quantize_convolutions(exported, part.pixels, tmp_path / "int8.onnx")
    assert capfd.readouterr() == ("", "") and not caplog.records
    assert logging.getLogger().handlers == before
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "int8.onnx"}
    graph = onnx.load(tmp_path / "int8.onnx").graph
    made_by = {output: node.op_type for node in graph.node for output in node.output}
    read = {kind: [made_by.get(n.input[1]) for n in graph.node if n.op_type == kind] for kind in ("Conv", "MatMul")}
    assert read["Conv"] == [None, "DequantizeLinear", "DequantizeLinear"]
    assert len(read["MatMul"] + [n for n in graph.node if n.op_type == "Gemm"]) == 4
    assert set(read["MatMul"]) <= {None}
    scales = {array.name: array.dims for array in graph.initializer if array.name.endswith("_scale")}
    assert [64] in scales.values() and [128] in scales.values()  # a scale a channel


def test_it_agrees_with_the_float_model(exported, model, space, part, tmp_path, caplog):
    quantize_convolutions(exported, part.pixels, tmp_path / "int8.onnx")
    logits = predict_logits(model, part)
    caplog.clear()  # TensorFlow warns of tracing where many networks live in one process, as in these tests
    with caplog.at_level(logging.INFO):
        agreement = int8_agreement(tmp_path / "int8.onnx", part, logits, space, Calibration())
    assert set(agreement) == {"colour"} and agreement["colour"] > 0.9
    assert caplog.messages == [f"int8 answers as float32: colour {agreement['colour']:.3f}"]
    shuffled = {name: np.roll(value, 1, axis=1) for name, value in logits.items()}
    assert int8_agreement(tmp_path / "int8.onnx", part, shuffled, space, Calibration())["colour"] < 0.1


def test_the_sample_is_the_seeds(part):
    numbered = np.arange(600, dtype=np.uint16)
    rows = np.arange(50, 600)
    first = sample_photos(numbered, rows, 3)
    assert len(first) == 512 == len(set(first.tolist())) and first.min() >= 50
    np.testing.assert_array_equal(first, sample_photos(numbered, rows, 3))
    assert (first != sample_photos(numbered, rows, 4)).any()
    assert len(sample_photos(part.pixels, part.rows, 0)) == 80


def test_a_quantizer_that_fails_leaves_nothing(exported, part, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(quantization, "_photo_reader", lambda *_: (_ for _ in ()).throw(ValueError("unheard-of")))
    assert not quantize_convolutions(exported, part.pixels, tmp_path / "int8.onnx")
    assert caplog.messages == ["No int8 model: the network can't be quantized (unheard-of)"]
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def _settings(trunk):
    return parse_config(
        {
            "network": {"trunk": trunk},
            "photo": {"height": 32, "width": 24},
            "training": {"epochs": 2, "batch_size": 16, "precision": "float32", "learning_rate": 0.02},
        },
        "the test",
    )


def test_a_bundle_has_one_where_there_are_convolutions(tmp_path):
    catalog = write_catalog(tmp_path / "catalog", 60)
    bundle = Bundle.open(train(_settings("cnn_gap"), catalog, tmp_path / "run"))
    assert set(bundle.metrics["int8_agreement"]) == {"colour"}
    assert bundle.int8_model.stat().st_size < 0.6 * bundle.model.stat().st_size
    photos = make_part(bundle.label_space, 6).pixels
    engines = ["onnxruntime", "openvino"] if importlib.util.find_spec("openvino") else ["onnxruntime"]
    exact = Tagger.open(bundle.path, "onnxruntime").scores(photos)["embedding"]
    for engine in engines:
        found = Tagger.open(bundle.path, engine, "int8").scores(photos)["embedding"]
        assert 0 < np.abs(found - exact).max() < 0.2 * np.abs(exact).max()


def test_a_bundle_without_is_whole(tmp_path, caplog):
    catalog = write_catalog(tmp_path / "catalog", 60)
    with caplog.at_level(logging.INFO):
        bundle = Bundle.open(train(_settings("tiny"), catalog, tmp_path / "run"))
    assert "No int8 model: the network has no convolution but the first" in caplog.messages
    assert "int8_agreement" not in bundle.metrics
    assert not (bundle.path / "model.int8.onnx").exists()
    assert Tagger.open(bundle.path)
