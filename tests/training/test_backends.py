"""The same run with every backend of Keras that is installed."""

from __future__ import annotations

import importlib.util
import json
import re

import keras
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from children import need, run_python, train
from drawn import draw, make_part, write_catalog

from tagger.bundle import Bundle
from tagger.config import NetworkConfig, PhotoConfig
from tagger.errors import MissingDependencyError, TrainingError
from tagger.inference import Tagger
from tagger.network import onnx as exporting
from tagger.network.model import build_network

OTHERS = ["jax", "torch"]

STEPS = """
import json, sys
import keras, numpy as np
from drawn import SETTINGS, make_part, make_table
from tagger.config import NetworkConfig, PhotoConfig, TrainingConfig
from tagger.labels import fit_label_space
from tagger.network.model import build_network
from tagger.training.optimization import WeightAverage, compile_model
from tagger.training.validation import predict_logits

space = fit_label_space(make_table(60, missing=0), SETTINGS)
part = make_part(space, 12)
values, weights = part.targets.batch(np.arange(12), part.classes)
model = build_network(space, NetworkConfig(trunk="resnet_small", dropout=0), PhotoConfig(height=32, width=24))
with np.load(sys.argv[1]) as start:
    model.set_weights([start[name] for name in start.files])
compile_model(model, space, SETTINGS, TrainingConfig(epochs=2, warmup_epochs=0, learning_rate=1e-4), 5)
average = WeightAverage(model, 0.9)
losses = []
for _ in range(3):
    losses.append(float(model.train_on_batch(part.pixels, values, sample_weight=weights, return_dict=True)["loss"]))
    average.update()
average.swap()
logits = predict_logits(model, part)
print(json.dumps({"losses": losses, "logits": {name: value.tolist() for name, value in logits.items()}}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHERS)
def test_steps_are_those_of_tensorflow(backend, space, tmp_path):
    need("tensorflow")
    need(backend)
    keras.utils.set_random_seed(0)
    network = NetworkConfig(trunk="resnet_small", dropout=0)
    np.savez(tmp_path / "start.npz", *build_network(space, network, PhotoConfig(height=32, width=24)).get_weights())
    results = []
    for name in ("tensorflow", backend):
        done = run_python(name, STEPS, tmp_path / "start.npz")
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout.splitlines()[-1]))
    ours, theirs = results
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=2e-3)
    for name, value in ours["logits"].items():
        np.testing.assert_allclose(theirs["logits"][name], value, atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHERS)
def test_a_run_ends_with_a_bundle_that_tags(backend, tmp_path):
    need(backend)
    out = tmp_path / "run"
    settings = ["training.epochs=12", "training.learning_rate=0.02", "training.patience=0"]
    done = train(backend, write_catalog(tmp_path / "catalog", 60), out, *settings)
    assert done.returncode == 0, done.stderr
    assert f"float32, {backend}\n" in done.stderr
    bundle = Bundle.open(out)
    assert bundle.metrics["onnx_difference"] < 1e-4
    tagger = Tagger.open(out, "onnxruntime")
    rng = np.random.default_rng(5)
    shown = ["red", "green", "blue"] * 10
    tags = tagger.tag_pixels(np.stack([draw(colour, rng) for colour in shown]))
    assert np.mean([tag["colour"].label == colour for tag, colour in zip(tags, shown, strict=True)]) > 0.9

    graph = onnx.load(bundle.path / "model.onnx").graph
    assert {output.name for output in graph.output} == {"colour_softmax", "use_sigmoid", "embedding"}
    batches = [value.type.tensor_type.shape.dim[0] for value in (*graph.input, *graph.output)]
    assert [size.dim_value for size in batches] == [0] * 4  # unknown


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHERS)
def test_an_interrupted_run_goes_on(backend, tmp_path):
    need(backend)
    catalog, out, whole = write_catalog(tmp_path / "catalog", 60), tmp_path / "run", tmp_path / "whole"
    stop = (
        "import sys, tagger.training.loop as loop\n"
        "epoch = loop.Trainer._epoch\n"
        "loop.Trainer._epoch = lambda self, *a: sys.exit(9) if self.state.epoch == 2 else epoch(self, *a)\n"
    )
    assert train(backend, catalog, out, before=stop).returncode == 9
    for folder, more in ((out, ["--resume"]), (whole, [])):
        done = train(backend, catalog, folder, *more)
        assert done.returncode == 0, done.stderr
    resumed, uninterrupted = (pd.read_csv(folder / "history.csv")["loss"] for folder in (out, whole))
    np.testing.assert_allclose(resumed, uninterrupted, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "trunk", ["cnn_deep", "resnet_small", "resnet_se", "mobilenet_v3_small", "resnet50", "efficientnet_v2_b0"]
)
def test_pytorch_exports_every_trunk(trunk):
    need("torch")
    code = f"""
import keras, numpy as np, tempfile
from pathlib import Path
from drawn import SETTINGS, make_table
from tagger.config import NetworkConfig, PhotoConfig
from tagger.labels import fit_label_space
from tagger.network import onnx
from tagger.network.model import build_network, with_embedding
from tagger.training.export import _compare, _run_onnx

for large in ("ResNet50", "EfficientNetV2B0"):  # what is asked is whether all around them can be exported
    setattr(keras.applications, large, keras.applications.MobileNetV3Small)
space = fit_label_space(make_table(60, missing=0), SETTINGS)
model = with_embedding(build_network(space, NetworkConfig(trunk={trunk!r}), PhotoConfig(height=64, width=48)), space)
photos = np.random.default_rng(0).integers(0, 256, (5, 64, 48, 3), dtype=np.uint8)
path = Path(tempfile.mkdtemp()) / "model.onnx"
onnx._write_with_torch(model, path)
print(max(_compare(model.predict_on_batch(p), _run_onnx(path, p)) for p in (photos, photos[:1])))
"""
    done = run_python("torch", code)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-3


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("pytorch", r'KERAS_BACKEND: expected tensorflow, jax or torch, got "pytorch"\. Did you mean "torch"\?'),
        ("nonsense", r"KERAS_BACKEND: expected tensorflow, jax or torch"),
    ],
)
def test_an_unknown_backend_is_one_sentence(backend, message, tmp_path):
    done = train(backend, tmp_path, tmp_path / "run")
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert re.match(f"Error: {message}", said)


def test_the_child_writes_what_this_process_would(space, tmp_path):
    backend = keras.backend.backend()
    network = build_network(space, NetworkConfig(trunk="tiny"), PhotoConfig(height=32, width=24))
    photos = make_part(space, 3).pixels
    expected = network.predict_on_batch(photos)
    exporting._write_elsewhere(network, tmp_path / "network.onnx", backend)
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert set(names) == set(expected)
    for name, value in zip(names, session.run(names, {"photos": photos}), strict=True):
        np.testing.assert_allclose(value, expected[name], atol=1e-4)
    with pytest.raises(TrainingError, match=r"could not be written with the .* backend of Keras \(.*\)"):
        exporting._write_elsewhere(network, tmp_path / "network.onnx" / "below a file", backend)


@pytest.mark.parametrize(
    ("installed", "exporter"),
    [({"tensorflow", "tf2onnx", "torch"}, "tensorflow"), ({"tensorflow", "torch"}, "torch"), ({"torch"}, "torch")],
)
def test_the_exporter_is_the_best_that_is_installed(installed, exporter, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in installed or None)
    assert exporting.find_exporter() == exporter


@pytest.mark.parametrize(
    ("installed", "message"),
    [({"tensorflow"}, "^tf2onnx is needed .*'catalog-tagger.train.'"), ({"jax"}, "^TensorFlow or PyTorch is needed")],
)
def test_without_an_exporter_it_is_said(installed, message, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in installed or None)
    with pytest.raises(MissingDependencyError, match=message):
        exporting.find_exporter()
