from __future__ import annotations

import keras
import numpy as np
import pytest

from tagger.errors import ConfigError
from tagger.network.pooled import pooled_network

PHOTOS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


def test_a_file_of_weights_is_read_and_the_last_map_is_pooled_by_the_maximum(tmp_path):
    network = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3))
    path = tmp_path / "mobilenet_notop.weights.h5"
    network.save_weights(path)
    maps = network.predict_on_batch(keras.applications.mobilenet.preprocess_input(PHOTOS.astype(np.float32)))
    features = pooled_network("mobilenet", str(path), 32, 32, seed=0)(PHOTOS)
    assert features.shape == (3, 1024) and features.dtype == np.float32
    assert features == pytest.approx(np.asarray(maps).max(axis=(1, 2)), abs=1e-5)


def test_random_weights_are_those_of_the_seed():
    first, again, other = (pooled_network("mobilenet_v3_small", "none", 32, 32, seed)(PHOTOS) for seed in (1, 1, 2))
    assert first.shape == (3, 576)
    assert np.array_equal(first, again) and not np.allclose(first, other, atol=0)


def test_an_own_trunk_is_taken_as_it_is():
    assert pooled_network("cnn_gap", "none", 32, 32, seed=0)(PHOTOS).shape == (3, 128)


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("mobilenett", "none", 'No network is called "mobilenett". Did you mean "MobileNet"'),
        ("xception", "none", "xception can't take photos of 32x32"),
        ("mobilenet", "nowhere.h5", "there is no file nowhere.h5"),
        ("cnn_gap", "imagenet", "has no published weights"),
    ],
)
def test_what_can_not_be_built(name, weights, message):
    with pytest.raises(ConfigError, match=message):
        pooled_network(name, weights, 32, 32, seed=0)
