"""Devices share a batch; the processor stands in for two of them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from children import TWO_DEVICES, need, run_python, train
from drawn import make_part, write_catalog

from tagger.bundle import Bundle
from tagger.config import TrainingConfig, parse_config
from tagger.errors import ConfigError
from tagger.training.devices import shared_by

BACKENDS = ["tensorflow", "jax"]

STEPS = """
import json, sys
import keras, numpy as np
from drawn import SETTINGS, make_part, make_table
from tagger.config import NetworkConfig, PhotoConfig, TrainingConfig
from tagger.labels import fit_label_space
from tagger.network.model import build_network
from tagger.training.devices import as_shared, shared_by
from tagger.training.optimization import compile_model
from tagger.training.validation import predict_logits

trunk = sys.argv[1]
space = fit_label_space(make_table(60, missing=0), SETTINGS)
part = make_part(space, 12)
values, weights = part.targets.batch(np.arange(12), part.classes)
results = []
for devices in (1, 2):
    with shared_by(devices):
        keras.utils.set_random_seed(0)
        model = as_shared(build_network(space, NetworkConfig(trunk=trunk, dropout=0), PhotoConfig(height=32, width=24)))
        if results:
            model.set_weights(results[0]["start"])
        start = model.get_weights()
        compile_model(model, space, SETTINGS, TrainingConfig(epochs=2, devices=devices, warmup_epochs=0), 5)
        losses = [
            model.train_on_batch(part.pixels, values, sample_weight=weights, return_dict=True)["loss"] for _ in range(3)
        ]
        logits = predict_logits(model, part)
        results.append({"start": start, "losses": losses, "end": model.get_weights(), "logits": logits})
one, two = results
print(json.dumps({
    "losses": [[float(loss) for loss in result["losses"]] for result in results],
    "moved": float(np.mean([np.abs(a - b).mean() for a, b in zip(one["start"], one["end"])])),
    "difference": float(np.mean([np.abs(a - b).mean() for a, b in zip(one["end"], two["end"])])),
    "logits": max(float(np.abs(two["logits"][name] - value).max()) for name, value in one["logits"].items()),
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("trunk", ["cnn_baseline", "cnn_gap"])
def test_shared_steps_are_those_of_one_device(backend, trunk):
    need(backend)
    done = run_python(backend, TWO_DEVICES + STEPS, trunk)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    # Where each device takes the moments of its own share, the steps are not quite the same.
    own_moments = backend == "tensorflow" and trunk == "cnn_gap"
    np.testing.assert_allclose(*found["losses"], rtol=0.05 if own_moments else 1e-4)
    assert found["difference"] < found["moved"] * (0.5 if own_moments else 0.01)
    assert found["logits"] < (0.5 if own_moments else 1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_is_shared_and_resumed(backend, tmp_path):
    need(backend)
    catalog = write_catalog(tmp_path / "catalog", 60)
    out, whole = tmp_path / "run", tmp_path / "whole"
    stop = (
        "import tagger.training.loop as loop\n"
        "epoch = loop.Trainer._epoch\n"
        "loop.Trainer._epoch = lambda self, *a: sys.exit(9) if self.state.epoch == 2 else epoch(self, *a)\n"
    )
    stopped = train(backend, catalog, out, "training.devices=2", before=TWO_DEVICES + "import sys\n" + stop)
    assert stopped.returncode == 9, stopped.stderr
    for folder, more in ((out, ["--resume"]), (whole, [])):
        done = train(backend, catalog, folder, "training.devices=2", *more, before=TWO_DEVICES)
        assert done.returncode == 0, done.stderr
        assert f"float32, {backend} on 2 devices" in done.stderr
    resumed, uninterrupted = (pd.read_csv(folder / "history.csv")["loss"] for folder in (out, whole))
    np.testing.assert_allclose(resumed, uninterrupted, rtol=1e-3)
    assert Bundle.open(out).metrics["onnx_difference"] < 1e-4


def test_more_devices_than_there_are(monkeypatch):
    few = r"training.devices: expected at most \d, got 99\. .* sees .pu:0"
    with pytest.raises(ConfigError, match=few), shared_by(99):
        pass
    monkeypatch.setattr("keras.backend.backend", lambda: "torch")
    with pytest.raises(ConfigError, match="expected 1 with the torch backend of Keras, got 2"), shared_by(2):
        pass


def test_batches_can_be_shared_and_no_product_is_left_out(space):
    part = make_part(space, 11, missing=0)
    config = TrainingConfig(batch_size=5, devices=4)
    sizes, seen = [], []
    for batch in part.epoch(0, config):
        sizes.append(len(batch.photos))
        seen.extend(batch.targets["colour_softmax"].argmax(axis=1))
    assert all(size % 4 == 0 for size in sizes) and sum(sizes) == 12
    truth = part.targets.values["colour_softmax"]
    assert (np.bincount(seen, minlength=3) >= np.bincount(truth, minlength=3)).all()


def test_a_batch_smaller_than_its_devices_is_refused():
    with pytest.raises(ConfigError, match="training: a batch of 2 can't be shared by 4 devices"):
        parse_config({"training": {"batch_size": 2, "devices": 4}}, "the test")
