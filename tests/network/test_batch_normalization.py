"""The fused layer does what Keras does."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tagger.network.layers import FusedBatchNormalization

SHAPE = (8, 6, 5, 7)


def _run(layer, photos, training):
    """Output, gradients to input, gamma and beta, and the moving statistics after one step."""
    layer.build(photos.shape)
    layer.gamma.assign(np.linspace(0.5, 1.5, SHAPE[-1]))
    layer.beta.assign(np.linspace(-1, 1, SHAPE[-1]))
    x = tf.constant(photos)
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = layer(x, training=training)
        loss = tf.reduce_sum(tf.cast(output, "float32") ** 3)
    gradients = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
    moments = [keras.ops.convert_to_numpy(v) for v in (layer.moving_mean, layer.moving_variance)]
    return output, *gradients, *moments


@pytest.fixture
def photos():
    return np.random.default_rng(0).normal(2, 3, SHAPE).astype(np.float32)


@pytest.mark.parametrize(("policy", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 1e-2)])
@pytest.mark.parametrize("training", [True, False])
def test_equals_the_keras_layer(photos, policy, tolerance, training):
    fused = _run(FusedBatchNormalization(momentum=0.9, dtype=keras.DTypePolicy(policy)), photos, training)
    plain = _run(keras.layers.BatchNormalization(momentum=0.9, dtype=keras.DTypePolicy(policy)), photos, training)
    assert fused[0].dtype == plain[0].dtype
    for ours, theirs in zip(fused[:-1], plain[:-1], strict=True):
        ours, theirs = np.asarray(ours, np.float32), np.asarray(theirs, np.float32)
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max())


def test_the_moving_variance_learns_from_the_unbiased_one(photos):
    n = SHAPE[0] * SHAPE[1] * SHAPE[2]
    *_, fused = _run(FusedBatchNormalization(momentum=0.9), photos, training=True)
    *_, plain = _run(keras.layers.BatchNormalization(momentum=0.9), photos, training=True)
    np.testing.assert_allclose(fused - 0.9, (plain - 0.9) * n / (n - 1), rtol=1e-4)


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [((4, 6), {}), ((4, 6, 5, 3), {"axis": 1}), ((4, 6, 5, 3), {"scale": False}), ((4, 6, 5, 3), {"center": False})],
)
def test_what_the_kernel_does_not_know_goes_through_keras(shape, arguments):
    photos = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    fused, plain = FusedBatchNormalization(**arguments), keras.layers.BatchNormalization(**arguments)
    np.testing.assert_allclose(fused(photos, training=True), plain(photos, training=True), rtol=1e-5, atol=1e-5)


def test_a_frozen_layer_does_not_learn(photos):
    layer = FusedBatchNormalization()
    layer.build(SHAPE)
    layer.trainable = False
    layer(photos, training=True)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), np.zeros(SHAPE[-1]))


def test_a_saved_model_loads_and_gives_the_same(photos, tmp_path):
    inputs = keras.Input(SHAPE[1:])
    model = keras.Model(inputs, FusedBatchNormalization(momentum=0.9)(inputs))
    model(photos, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.layers[1], FusedBatchNormalization)
    np.testing.assert_array_equal(loaded(photos), model(photos))
