from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from drawn import make_part

from tagger.config import AttributeConfig, Composite, NetworkConfig, PhotoConfig
from tagger.labels import fit_label_space
from tagger.network.model import build_network
from tagger.training.targets import class_weights, encode_targets


def test_class_weights_follow_the_inverse_frequency():
    index = np.array([0] * 9 + [1, -1])
    np.testing.assert_array_equal(class_weights(index, 0.0), [1] * 10 + [0])
    full = class_weights(index, 1.0)
    assert full[:9].sum() == pytest.approx(full[9])  # both classes count the same
    assert full[9] / full[0] == pytest.approx(9)
    half = class_weights(index, 0.5)
    assert half[9] / half[0] == pytest.approx(3)
    for weights in (full, half):
        assert weights.dtype == np.float32
        assert weights[:10].mean() == pytest.approx(1)
        assert weights[10] == 0


@pytest.mark.parametrize("index", [[], [-1, -1]])
def test_without_a_known_class_all_weights_are_zero(index):
    np.testing.assert_array_equal(class_weights(np.array(index, dtype=np.int64), 0.5), np.zeros(len(index)))


def test_missing_and_unknown_labels_are_masked():
    settings = {"kind": AttributeConfig(heads="both")}
    space = fit_label_space(pd.DataFrame({"kind": ["cup", "mug", "cup"]}), settings)
    targets = encode_targets(space, pd.DataFrame({"kind": ["mug", "", "jug"]}), settings)
    np.testing.assert_array_equal(targets.values["kind_softmax"], [1, -1, -1])
    np.testing.assert_array_equal(targets.values["kind_sigmoid"], [[0, 1], [0, 0], [0, 0]])
    for name in ("kind_softmax", "kind_sigmoid"):
        np.testing.assert_array_equal(targets.weights[name], [1, 0, 0])
    values, weights = targets.batch(np.array([2, 0]), {"kind_softmax": 2, "kind_sigmoid": 2})
    np.testing.assert_array_equal(values["kind_softmax"], [[0, 0], [0, 1]])
    np.testing.assert_array_equal(weights["kind_sigmoid"], [0, 1])


def test_composites_are_several_labels_of_the_sigmoid_head():
    composites = (
        Composite(label="Unisex", means=("Boys", "Girls"), where={"ageGroup": "Kids"}),
        Composite(label="Unisex", means=("Men", "Women")),
    )
    settings = {"gender": AttributeConfig(heads="both", composites=composites)}
    table = pd.DataFrame(
        {"gender": ["Men", "Women", "Unisex", "Unisex", "Boys"], "ageGroup": ["", "Adult", "Adult", "Kids", "Kids"]}
    )
    space = fit_label_space(table, settings)
    gender = space["gender"]
    targets = encode_targets(space, table, settings)
    hot = targets.values["gender_sigmoid"]
    given = [{label for label, value in zip(gender.labels, row, strict=True) if value} for row in hot]
    assert given == [{"Men"}, {"Women"}, {"Men", "Women"}, {"Boys", "Girls"}, {"Boys"}]
    assert [gender.classes[i] for i in targets.values["gender_softmax"]] == list(table["gender"])


def test_a_product_with_several_labels_counts_as_its_rarest():
    settings = {"use": AttributeConfig(heads="sigmoid", class_weight_power=1.0)}
    table = pd.DataFrame({"use": ["home"] * 8 + ["home|work", "work"]})
    weights = encode_targets(fit_label_space(table, settings), table, settings).weights["use_sigmoid"]
    assert weights[8] == weights[9] == pytest.approx(4 * weights[0])


def test_odd_names_reach_keras_in_a_form_that_it_takes():
    settings = {"Base colour": AttributeConfig()}
    table = pd.DataFrame({"Base colour": ["red", "blue"]})
    targets = encode_targets(fit_label_space(table, settings), table, settings)
    values, weights = targets.batch(np.array([0]), {"Base colour_softmax": 2})
    assert list(values) == list(weights) == ["Base-20-colour_softmax"]


def test_a_head_learns_nothing_from_masked_products(space):
    """Its gradient is that of the products whose label is known, whatever the photos and targets of the others."""
    part = make_part(space, 12, missing=0.0)
    name = "colour_softmax"
    model = build_network(space, NetworkConfig(trunk="tiny", dropout=0), PhotoConfig(height=32, width=24))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    masked = np.arange(12) < 5

    def gradient(targets):
        weights = part.targets.weights[name] * ~masked
        with tf.GradientTape() as tape:
            value = loss(targets, model(part.pixels)[name], sample_weight=weights)
        return tape.gradient(value, model.get_layer(name).kernel.value)

    values, _ = part.targets.batch(np.arange(12), part.classes)
    wrong = np.where(masked[:, None], np.roll(values[name], 1, axis=1), values[name])
    assert np.abs(gradient(values[name])).max() > 0
    np.testing.assert_array_equal(gradient(values[name]), gradient(wrong))
