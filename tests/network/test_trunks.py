"""Every trunk builds, answers and learns; what is wrong with its weights is said in a sentence."""

from __future__ import annotations

import re
import urllib.error

import keras
import numpy as np
import pytest

from tagger.config import NetworkConfig, PhotoConfig
from tagger.errors import ConfigError
from tagger.network.model import EMBEDDING, build_network
from tagger.network.trunks import TRUNKS, find_trunk, trunk

PHOTO = PhotoConfig(height=64, width=48)
SCRATCH = [
    "cnn_baseline",
    "cnn_deep",
    "cnn_gap",
    "resnet_small",
    "resnet_se",
    "resnet_deep_stem",
    "resnet_wide",
    "resnet_fine",
]
PUBLISHED = ["mobilenet_v3_small", "mobilenet_v3_large", "resnet50", "efficientnet_v2_b0"]
WIDTHS = {"kind_softmax": 2, "kind_sigmoid": 2, "use_sigmoid": 3}


def test_the_registry_holds_what_these_tests_know():
    assert sorted(TRUNKS) == sorted(SCRATCH + PUBLISHED)


@pytest.mark.parametrize("name", SCRATCH + [pytest.param(name, marks=pytest.mark.slow) for name in PUBLISHED])
def test_builds_answers_and_learns(name, space):
    keras.utils.set_random_seed(0)
    model = build_network(space, NetworkConfig(trunk=name), PHOTO)
    assert model.input_shape == (None, 64, 48, 3)
    assert model.input.dtype == "uint8"
    assert model.get_layer(EMBEDDING).output.shape == (None, TRUNKS[name].embedding)

    photos = np.random.default_rng(0).integers(0, 256, (2, 64, 48, 3), dtype=np.uint8)
    outputs = model(photos)
    assert {key: tuple(value.shape) for key, value in outputs.items()} == {k: (2, n) for k, n in WIDTHS.items()}
    assert {keras.backend.standardize_dtype(value.dtype) for value in outputs.values()} == {"float32"}

    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("adam", loss=dict.fromkeys(WIDTHS, loss), run_eagerly=True)
    before = [w.numpy() for w in model.trainable_weights]
    logs = model.train_on_batch(photos, {key: np.ones((2, n)) for key, n in WIDTHS.items()}, return_dict=True)
    assert np.isfinite(logs["loss"])
    changed = [not np.array_equal(a, b.numpy()) for a, b in zip(before, model.trainable_weights, strict=True)]
    assert np.mean(changed) > 0.9


@pytest.mark.parametrize("name", SCRATCH)
def test_computes_in_bfloat16_and_answers_in_float32(name, space):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = build_network(space, NetworkConfig(trunk=name), PHOTO)
    assert model.get_layer(EMBEDDING).output.dtype == "bfloat16"
    assert {output.dtype for output in model.output.values()} == {"float32"}
    assert {w.dtype for w in model.trainable_weights} == {"float32"}


def _caffe(pixels):
    return keras.applications.resnet50.preprocess_input(pixels)


def _torch(pixels):
    return keras.applications.imagenet_utils.preprocess_input(pixels, mode="torch")


@pytest.mark.parametrize(("name", "expected"), [("resnet50", _caffe), ("efficientnet_v2_b0", _torch)])
def test_the_preprocessing_is_the_published_one(name, expected, monkeypatch):
    """The layers before the network itself, for which a smaller one stands in."""
    for application in ("ResNet50", "EfficientNetV2B0"):
        monkeypatch.setattr(keras.applications, application, keras.applications.MobileNetV3Small)
    photos = keras.Input((32, 32, 3), dtype="uint8")
    model = keras.Model(photos, find_trunk(name).build(photos, "none"))
    before = keras.Model(photos, next(layer for layer in model.layers if "rescaling" in layer.name).output)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_allclose(before(pixels), expected(pixels.astype(np.float32)), atol=1e-4)


def test_a_new_trunk_is_one_function(space, monkeypatch):
    monkeypatch.setattr("tagger.network.trunks.TRUNKS", TRUNKS.copy())

    @trunk(embedding=5)
    def mean_colour(photos, weights):
        return keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(photos))

    assert find_trunk("mean_colour").embedding == 5


def test_an_unknown_trunk_is_named_with_the_nearest():
    with pytest.raises(
        ConfigError, match=r'No trunk is called "resnet_smal"\. Did you mean "resnet_small"\? There are'
    ):
        find_trunk("resnet_smal")


@pytest.mark.parametrize("name", SCRATCH)
def test_trunks_from_scratch_have_no_weights(name, space):
    with pytest.raises(ConfigError, match=f'{name} has no published weights: .* got "imagenet"'):
        build_network(space, NetworkConfig(trunk=name, weights="imagenet"), PHOTO)


@pytest.mark.parametrize("name", PUBLISHED)
def test_offline_the_file_to_fetch_is_named(name, space, tmp_path, monkeypatch, capsys):
    asked = []

    def fail(url, *_):
        asked.append(url)
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", fail)
    monkeypatch.setattr("keras.src.backend.config.keras_home", lambda: str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="no route to host") as raised:
        build_network(space, NetworkConfig(trunk=name, weights="imagenet"), PHOTO)
    file = asked[0].rpartition("/")[2]
    assert f"Put the file {file} into {tmp_path / 'models'}, or give its path as network.weights." in str(raised.value)
    assert capsys.readouterr().out == ""


def test_a_weights_file_that_is_missing(space, tmp_path):
    network = NetworkConfig(trunk="mobilenet_v3_small", weights=str(tmp_path / "no.h5"))
    with pytest.raises(ConfigError, match=r"expected none, imagenet or a file such as .*no_top_v2\.h5, .* no file"):
        build_network(space, network, PHOTO)


@pytest.mark.parametrize("content", [b"", b"not hdf5"])
def test_a_weights_file_that_is_none(space, tmp_path, content):
    (tmp_path / "weights.h5").write_bytes(content)
    network = NetworkConfig(trunk="mobilenet_v3_small", weights=str(tmp_path / "weights.h5"))
    with pytest.raises(ConfigError, match=r"weights\.h5 doesn't fit MobileNetV3Small, expected its weights_mobilenet"):
        build_network(space, network, PHOTO)


@pytest.mark.slow
def test_a_weights_file_is_taken_or_refused(space, tmp_path):
    path = tmp_path / "small.weights.h5"
    trunk_network = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(64, 48, 3), pooling="avg"
    )
    trunk_network.save_weights(path)
    model = build_network(space, NetworkConfig(trunk="mobilenet_v3_small", weights=str(path)), PHOTO)
    inner = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    for ours, theirs in zip(inner.get_weights(), trunk_network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ConfigError, match=re.escape("small.weights.h5 doesn't fit MobileNetV3Large")):
        build_network(space, NetworkConfig(trunk="mobilenet_v3_large", weights=str(path)), PHOTO)
