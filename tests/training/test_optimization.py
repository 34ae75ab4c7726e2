from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from drawn import SETTINGS, make_part

from tagger.config import AttributeConfig, NetworkConfig, PhotoConfig, TrainingConfig
from tagger.labels import fit_label_space
from tagger.network.model import build_network
from tagger.training.muon import orthogonalized
from tagger.training.optimization import WeightAverage, compile_model, numeric_precision
from tagger.training.targets import encode_targets

PHOTO = PhotoConfig(height=32, width=24)


def _compiled(space, settings=SETTINGS, **training):
    keras.utils.set_random_seed(0)
    model = build_network(space, NetworkConfig(trunk="tiny"), PHOTO)
    config = TrainingConfig(**{"epochs": 10, "learning_rate": 0.01, "warmup_epochs": 2, **training})
    compile_model(model, space, settings, config, steps_per_epoch=5)
    return model


def test_the_learning_rate_warms_up_and_falls_along_a_cosine(space):
    schedule = _compiled(space).optimizer._learning_rate
    rates = [float(schedule(step)) for step in (0, 5, 10, 30, 50)]
    assert rates == pytest.approx([0.0001, 0.00505, 0.01, 0.005, 0.0], abs=1e-6)


@pytest.mark.parametrize("training", [{"warmup_epochs": 0}, {"warmup_epochs": 30}, {"epochs": 1}])
def test_odd_warm_ups_still_learn(space, training):
    schedule = _compiled(space, **training).optimizer._learning_rate
    rates = np.array([float(schedule(step)) for step in range(5)])
    assert (rates > 0).all() and rates.max() <= 0.0100001


def test_only_kernels_decay(space):
    optimizer = _compiled(space, weight_decay=0.1).optimizer
    decays = {(v.name, bool(optimizer._use_weight_decay(v))) for v in optimizer._trainable_variables}
    assert decays == {("kernel", True), ("bias", False), ("gamma", False), ("beta", False)}


def test_loss_weights_reach_both_heads_of_their_attribute(space):
    settings = {"colour": AttributeConfig(heads="both", loss_weight=3.0), "use": AttributeConfig(heads="sigmoid")}
    part = make_part(space, 8)
    values, weights = part.targets.batch(np.arange(8), part.classes)
    logs = _compiled(space, settings, label_smoothing=0).test_on_batch(
        part.pixels, values, sample_weight=weights, return_dict=True
    )
    colour = logs["colour_softmax_loss"] + logs["colour_sigmoid_loss"]
    assert logs["loss"] == pytest.approx(3 * colour + logs["use_sigmoid_loss"], rel=1e-5)


def test_attributes_of_any_name_can_be_trained():
    names = ["Base colour", "größe", "价格", "a/b", "-x"]
    table = pd.DataFrame({name: ["S", "M", "S", "M"] for name in names})
    settings = dict.fromkeys(names, AttributeConfig())
    space = fit_label_space(table, settings)
    model = _compiled(space, settings)
    targets = encode_targets(space, table, settings)
    values, weights = targets.batch(np.arange(4), {f"{name}_softmax": 2 for name in names})
    photos = np.zeros((4, 32, 24, 3), dtype=np.uint8)
    assert np.isfinite(model.train_on_batch(photos, values, sample_weight=weights, return_dict=True)["loss"])


def test_the_average_follows_the_weights():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[0.0]])])
    average = WeightAverage(model, momentum=0.9)
    expected = 0.0
    for step in range(200):
        model.set_weights([np.array([[float(step)]])])
        average.update()
        rising = (1 + step) / (10 + step)
        if rising < 0.9 or step % 4 == 0:
            momentum = rising if rising < 0.9 else 0.9**4
            expected = expected * momentum + step * (1 - momentum)
    average.swap()
    assert model.get_weights()[0].item() == pytest.approx(expected, rel=1e-5)
    average.swap()
    assert model.get_weights()[0].item() == 199.0


def test_the_average_forgets_the_random_start():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[1000.0]])])
    average = WeightAverage(model, momentum=0.999)
    model.set_weights([np.array([[1.0]])])
    for _ in range(20):
        average.update()
    average.swap()
    assert model.get_weights()[0].item() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("precision", "faster", "policy"),
    [
        ("auto", True, "mixed_bfloat16"),
        ("auto", False, "float32"),
        ("bfloat16", False, "mixed_bfloat16"),
        ("float32", True, "float32"),
    ],
)
def test_precision(precision, faster, policy, monkeypatch):
    monkeypatch.setattr("tagger.training.optimization._on_cpu", lambda: True)
    monkeypatch.setattr("tagger.training.optimization.cpu_is_faster_in_bfloat16", lambda: faster)
    with numeric_precision(precision) as chosen:
        assert chosen == policy
        assert keras.layers.Dense(1).dtype_policy.name == policy
    assert keras.config.dtype_policy().name == "float32"


def test_trunk_and_embedding_may_learn_more_slowly(space):
    """Adam's first step is as long as the learning rate."""
    steps = {path: np.abs(step).max() for path, step in _first_steps(space, optimizer="adamw", trunk_rate=0.1).items()}
    whole = steps["colour_softmax/kernel"]
    assert steps["use_sigmoid/bias"] == pytest.approx(whole, rel=0.05)
    assert steps["embedding/kernel"] == pytest.approx(0.1 * whole, rel=0.05)
    assert next(step for path, step in steps.items() if path.startswith("conv2d")) == pytest.approx(
        0.1 * whole, rel=0.05
    )


def _first_steps(space, **training):
    """What one step with the learning rate 0.0001 takes off each weight, by its path."""
    part = make_part(space, 12)
    values, weights = part.targets.batch(np.arange(12), part.classes)
    model = _compiled(space, warmup_epochs=0, learning_rate=0.01, weight_decay=0, **training)
    before = model.get_weights()
    model.train_on_batch(part.pixels, values, sample_weight=weights)
    return {v.path: old - np.asarray(v) for v, old in zip(model.weights, before, strict=True)}


def test_muon_learns_all_directions_of_trunk_and_embedding_at_once(space):
    steps = _first_steps(space, optimizer="muon", trunk_rate=0.5)
    head = np.abs(steps["colour_softmax/kernel"]).max()  # AdamW's first step: the learning rate
    trunk = [step for path, step in steps.items() if path.startswith(("conv2d", "embedding")) and step.ndim > 1]
    assert len(trunk) >= 2
    for step in trunk:
        matrix = step.reshape(-1, step.shape[-1])
        lengths = np.linalg.svd(matrix, compute_uv=False) / (0.5 * head * 0.2 * max(matrix.shape) ** 0.5)
        assert (lengths < 1.3).all() and np.median(lengths) > 0.6
    assert np.abs(steps["use_sigmoid/bias"]).max() == pytest.approx(head, rel=0.05)


def test_orthogonalizing_keeps_directions():
    rng = np.random.default_rng(0)
    for shape in ((6, 40), (40, 6), (9, 9)):
        left, sizes, right = np.linalg.svd(rng.normal(size=shape).astype(np.float32), full_matrices=False)
        result = np.asarray(orthogonalized(keras.ops.convert_to_tensor((left * sizes) @ right)))
        inside = left.T @ result @ right.T  # diagonal where the directions are the same
        assert np.abs(inside - np.diag(np.diag(inside))).max() < 1e-3
        assert ((np.diag(inside) > 0.5) & (np.diag(inside) < 1.3)).all()


@pytest.mark.parametrize(
    ("cpuinfo", "faster"),
    [
        ("vendor_id : AuthenticAMD\nflags : avx512f avx512_bf16\n", True),
        ("vendor_id : GenuineIntel\nflags : avx512_bf16 amx_bf16 amx_tile\n", True),
        ("vendor_id : GenuineIntel\nflags : avx512f avx512_bf16\n", False),
        ("vendor_id : AuthenticAMD\nflags : avx512f\n", False),
    ],
)
def test_which_processors_are_faster_in_bfloat16(cpuinfo, faster, monkeypatch):
    monkeypatch.setattr("tagger.training.optimization._on_cpu", lambda: True)
    monkeypatch.setattr("tagger.cores.Path.read_text", lambda *_, **__: cpuinfo)
    with numeric_precision("auto") as chosen:
        assert chosen == ("mixed_bfloat16" if faster else "float32")
