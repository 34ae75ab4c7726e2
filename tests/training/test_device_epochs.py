"""Epochs that never leave an accelerator, with JAX: here on the processor, which stands in for one."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from bundles import write_random_bundle
from children import need, run_python, train
from drawn import make_part, write_catalog

from tagger.bundle import Bundle
from tagger.labels import LabelSpace

ON_DEVICE = "import tagger.training.device_epochs as d\nd.fits_on_device = lambda *_: True\n"

#: Two epochs on the host and on the device, without any chance in them.
BOTH = """
import dataclasses, json, sys
import keras, numpy as np
from pathlib import Path
from drawn import SETTINGS, make_part, make_table
from tagger.config import AugmentationConfig, DistillationConfig, NetworkConfig, PhotoConfig, TrainingConfig
from tagger.labels import fit_label_space
from tagger.network.model import build_network
from tagger.training import device_epochs
from tagger.training.distillation import as_teachers, open_teachers
from tagger.training.loop import Trainer
from tagger.training.optimization import compile_model
from tagger.training.validation import predict_logits

folder, teacher = Path(sys.argv[1]), sys.argv[2:]
space = fit_label_space(make_table(60, missing=0), SETTINGS)
distillation = DistillationConfig(teachers=teacher, share=0.7)
config = TrainingConfig(
    epochs=3, batch_size=16, small_share=0.4, small_scale=0.5, small_sizes=1, learning_rate=0.01, ema=0.8,
    precision="float32", distillation=distillation,
    augmentation=AugmentationConfig(flip=False, shift=0, scale=0, brightness=0, contrast=0),
)
results = []
for on_device in (False, True):
    device_epochs.fits_on_device = lambda *_: on_device
    part = make_part(space, 48)
    photo = PhotoConfig(height=32, width=24)
    part = dataclasses.replace(part, teachers=as_teachers(open_teachers(distillation), space, photo, distillation))
    keras.utils.set_random_seed(0)
    model = build_network(space, NetworkConfig(trunk="cnn_gap", dropout=0), photo, any_size=True)
    compile_model(model, space, SETTINGS, config, part.steps(16))
    trainer = Trainer(model, space, part, make_part(space, 24, seed=1), config, folder)
    history = trainer.fit()
    logits = {name: value.tolist() for name, value in predict_logits(model, part).items()}
    results.append({"history": history, "logits": logits, "iterations": int(model.optimizer.iterations)})
    for file in folder.glob("*.npz"):
        file.unlink()
print(json.dumps(results))
"""


@pytest.mark.slow
@pytest.mark.parametrize("taught", [False, True], ids=["labels", "teachers"])
def test_steps_are_those_of_ordinary_epochs(taught: bool, space: LabelSpace, tmp_path: Path) -> None:
    need("jax")
    teachers = [write_random_bundle(tmp_path / "teacher", space, "cnn_gap").path] if taught else []
    done = run_python("jax", BOTH, tmp_path, *teachers)
    assert done.returncode == 0, done.stderr
    host, device = json.loads(done.stdout.splitlines()[-1])
    assert host["iterations"] == device["iterations"] == 9
    for ours, theirs in zip(device["history"], host["history"], strict=True):
        assert ours.keys() == theirs.keys()
        np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=0.01)
        np.testing.assert_allclose(ours["learning_rate"], theirs["learning_rate"])
        np.testing.assert_allclose(ours["validation_loss"], theirs["validation_loss"], rtol=0.03)
    for name, values in host["logits"].items():
        np.testing.assert_allclose(device["logits"][name], values, atol=0.1)


@pytest.mark.slow
def test_a_run_learns_and_goes_on_after_an_interruption(tmp_path: Path) -> None:
    need("jax")
    catalog, out, whole = write_catalog(tmp_path / "catalog", 60), tmp_path / "run", tmp_path / "whole"
    settings = ["training.epochs=12", "training.learning_rate=0.02", "training.patience=0", "training.keep=last"]
    stop = (
        "import sys, tagger.training.loop as loop\n"
        "epoch = loop.Trainer._epoch\n"
        "loop.Trainer._epoch = lambda self, *a: sys.exit(9) if self.state.epoch == 5 else epoch(self, *a)\n"
    )
    assert train("jax", catalog, out, *settings, before=ON_DEVICE + stop).returncode == 9
    for folder, more in ((out, ["--resume"]), (whole, [])):
        done = train("jax", catalog, folder, *settings, *more, before=ON_DEVICE)
        assert done.returncode == 0, done.stderr
        assert "Whole epochs on cpu" in done.stderr
    resumed, uninterrupted = (pd.read_csv(folder / "history.csv") for folder in (out, whole))
    np.testing.assert_allclose(resumed["loss"], uninterrupted["loss"], rtol=1e-4)
    assert uninterrupted["colour_accuracy"].iloc[-1] > 0.9
    assert Bundle.open(whole).metrics["onnx_difference"] < 1e-4


@pytest.mark.slow
def test_a_loss_that_is_no_number_is_said(tmp_path: Path) -> None:
    need("jax")
    catalog = write_catalog(tmp_path / "catalog", 60)
    done = train("jax", catalog, tmp_path / "run", "training.learning_rate=1e30", before=ON_DEVICE)
    assert done.returncode == 1
    assert "Error: The loss became nan in epoch " in done.stderr
    assert "Lower training.learning_rate (now 1e+30)." in done.stderr


@pytest.mark.parametrize(
    ("platform", "memory", "devices", "fits"),
    [
        ("gpu", 10**6, 1, True),
        ("gpu", 10**6, 2, False),  # the program is that of one
        ("gpu", 4 * 10**5, 1, False),
        ("gpu", None, 1, False),
        ("cpu", 10**6, 1, False),  # slower than batch after batch
    ],
)
def test_where_photos_fit(
    platform: str, memory: int | None, devices: int, fits: bool, space: LabelSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    jax = pytest.importorskip("jax")
    from tagger.training import device_epochs

    stats = {"bytes_limit": memory} if memory else None
    device = SimpleNamespace(platform=platform, memory_stats=lambda: stats)
    monkeypatch.setattr(jax, "devices", lambda: [device])
    assert device_epochs.fits_on_device(make_part(space, 48), devices) is fits  # 48 * 32 * 24 * 3 = 110,592 bytes
