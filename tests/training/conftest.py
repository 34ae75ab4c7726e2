"""A network small enough to learn the drawn products in a moment."""

from __future__ import annotations

import keras
import pytest
from drawn import SETTINGS, make_table

from tagger.config import TrainingConfig
from tagger.labels import LabelSpace, fit_label_space
from tagger.network.layers import FusedBatchNormalization
from tagger.network.trunks import TRUNKS, Trunk


@pytest.fixture(autouse=True)
def _float32():
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(autouse=True)
def _tiny_trunk(monkeypatch):
    """`network.trunk: tiny`, with all that a checkpoint must know: batch normalization and dropout."""

    def tiny(photos, weights):
        x = keras.layers.Rescaling(1 / 255)(photos)
        x = keras.layers.Conv2D(8, 5, strides=4, use_bias=False)(x)
        x = keras.layers.Activation("relu")(FusedBatchNormalization(momentum=0.9)(x))
        return keras.layers.GlobalAveragePooling2D()(x)

    monkeypatch.setitem(TRUNKS, "tiny", Trunk(tiny, embedding=16, dropout=0.2, any_size=True))


@pytest.fixture(scope="session")
def space() -> LabelSpace:
    return fit_label_space(make_table(60, missing=0), SETTINGS)


@pytest.fixture
def quick() -> TrainingConfig:
    """Two epochs in float32, whose numbers don't depend on the processor."""
    return TrainingConfig(epochs=2, batch_size=16, precision="float32", warmup_epochs=0.5, ema=0.8)
