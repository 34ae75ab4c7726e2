"""The network around the trunk: sizes, names, embedding."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest

from tagger.config import AttributeConfig, NetworkConfig, PhotoConfig
from tagger.errors import ConfigError
from tagger.labels import fit_label_space
from tagger.network.model import EMBEDDING, build_network, keras_name, with_embedding

PHOTO = PhotoConfig(height=32, width=24)


def test_embedding_and_dropout_follow_the_config(space):
    model = build_network(space, NetworkConfig(trunk="cnn_gap", embedding=17, dropout=0.4), PHOTO)
    assert model.get_layer(EMBEDDING).units == 17
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == [0.4]


@pytest.mark.parametrize("name", ["cnn_gap", "resnet_small", "resnet_se"])
def test_one_network_for_photos_of_any_size(name, space):
    model = build_network(space, NetworkConfig(trunk=name), PHOTO, any_size=True)
    for height, width in ((32, 24), (19, 14)):
        photos = np.zeros((2, height, width, 3), dtype=np.uint8)
        assert model(photos)["use_sigmoid"].shape == (2, 3)
    fixed = build_network(space, NetworkConfig(trunk=name), PHOTO)
    fixed.set_weights(model.get_weights())
    photos = np.random.default_rng(0).integers(0, 256, (2, 32, 24, 3), dtype=np.uint8)
    np.testing.assert_allclose(fixed(photos)["use_sigmoid"], model(photos)["use_sigmoid"], atol=1e-5)


@pytest.mark.parametrize("name", ["cnn_baseline", "cnn_deep"])
def test_a_trunk_that_flattens_takes_one_size_only(name, space):
    with pytest.raises(ConfigError, match=rf"{name} takes photos of one size only.* training\.small_share: 0"):
        build_network(space, NetworkConfig(trunk=name), PHOTO, any_size=True)


@pytest.mark.parametrize("name", ["cnn_baseline", "mobilenet_v3_small"])
def test_photos_too_small_for_the_trunk(name, space):
    with pytest.raises(ConfigError, match=rf"{name} can't take photos of 16x16 \(.+\)\. Raise photo\.height"):
        build_network(space, NetworkConfig(trunk=name), PhotoConfig(height=16, width=16))


def test_with_embedding_adds_the_features_of_the_heads(space):
    model = build_network(space, NetworkConfig(trunk="cnn_gap"), PHOTO)
    complete = with_embedding(model, space)
    photos = np.random.default_rng(0).integers(0, 256, (3, 32, 24, 3), dtype=np.uint8)
    outputs = complete(photos)
    assert list(outputs) == ["kind_softmax", "kind_sigmoid", "use_sigmoid", "embedding"]
    assert outputs["embedding"].shape == (3, 256)
    kernel, bias = model.get_layer("kind_softmax").get_weights()
    np.testing.assert_allclose(outputs["kind_softmax"], outputs["embedding"] @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_any_attribute_name_becomes_a_name_that_keras_takes():
    names = ["Base colour_softmax", "Base_colour_softmax", "größe_sigmoid", "a/b_softmax", "a-20-b", "a b", "价格"]
    taken = [keras_name(name) for name in names]
    assert len(set(taken)) == len(names)
    assert all(name.isascii() and not set(name) & set(" /:") for name in taken)
    assert keras_name("gender_softmax") == "gender_softmax"


def test_outputs_of_the_bundle_keep_the_names_of_the_attributes():
    table = pd.DataFrame({"Base colour": ["red", "blue"], "größe/size": ["S", "M"]})
    space = fit_label_space(table, dict.fromkeys(table, AttributeConfig()))
    complete = with_embedding(build_network(space, NetworkConfig(trunk="cnn_gap"), PHOTO), space)
    assert list(complete.output) == ["Base colour_softmax", "größe/size_softmax", "embedding"]
