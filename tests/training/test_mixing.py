from __future__ import annotations

import numpy as np
import pytest

from tagger.config import AugmentationConfig, TrainingConfig
from tagger.training.mixing import mix

COUNT = 64


def _batch():
    """Photos that are all of one value, which is different for each; targets that tell which photo it was."""
    photos = np.broadcast_to(np.arange(COUNT, dtype=np.uint8)[:, None, None, None] * 4, (COUNT, 16, 12, 3)).copy()
    targets = {"a": np.eye(COUNT, dtype=np.float32), "b": np.eye(COUNT, dtype=np.float32)}
    weights = {"a": np.ones(COUNT, dtype=np.float32), "b": np.ones(COUNT, dtype=np.float32)}
    return photos, targets, weights


def _mixed(seed=0, weights=None, **shares):
    photos, targets, plain = _batch()
    return mix(photos, targets, weights or plain, AugmentationConfig(**shares), np.random.default_rng(seed))


def _value(target):
    """The mean brightness of photos mixed as the targets say."""
    return target @ (np.arange(COUNT) * 4)


@pytest.mark.parametrize("shares", [{"mixup": 1.0}, {"cutmix": 1.0}, {"mixup": 0.3, "cutmix": 0.3}])
def test_targets_are_mixed_as_the_photos_are(shares):
    photos, targets, weights = _mixed(**shares)
    assert photos.dtype == np.uint8
    np.testing.assert_allclose(photos.mean(axis=(1, 2, 3)), _value(targets["a"]), atol=0.51)
    np.testing.assert_allclose(targets["a"].sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(weights["a"], 1)
    assert targets["a"].dtype == weights["a"].dtype == np.float32


def test_blends_are_even_and_rectangles_are_whole():
    blended, _, _ = _mixed(mixup=1.0)
    assert all(len(np.unique(photo)) == 1 for photo in blended)
    cut, targets, _ = _mixed(cutmix=1.0)
    kinds = [len(np.unique(photo)) for photo in cut]
    assert max(kinds) == 2
    for photo, target in zip(cut, targets["a"], strict=True):
        for row in np.flatnonzero(target):
            assert np.isclose((photo == row * 4).mean(), target[row], atol=1e-6)


def test_the_shares_say_how_many_are_mixed():
    counts = [sum((_mixed(seed, mixup=0.2, cutmix=0.3)[1]["a"] > 0).sum(axis=1) > 1) for seed in range(40)]
    # A few rectangles are empty, and a few photos meet themselves.
    assert 0.4 < np.mean(counts) / COUNT < 0.51
    photos, targets, _ = _mixed()
    np.testing.assert_array_equal(photos, _batch()[0])
    np.testing.assert_array_equal(targets["a"], np.eye(COUNT))


def test_a_missing_label_takes_no_part():
    weights = {"a": np.ones(COUNT, dtype=np.float32), "b": np.ones(COUNT, dtype=np.float32)}
    weights["b"][::2] = 0
    _, targets, mixed = _mixed(weights=weights, mixup=1.0)
    assert (targets["b"][:, ::2] == 0).all()
    # What is seen of photos with a label is how much the rest counts.
    np.testing.assert_allclose(mixed["b"], targets["a"][:, 1::2].sum(axis=1), atol=1e-6)
    known = mixed["b"] > 0
    np.testing.assert_allclose(targets["b"][known].sum(axis=1), 1, rtol=1e-5)
    assert not targets["b"][~known].any()
    assert np.isfinite(targets["b"]).all()


def test_what_came_in_stays_as_it_was():
    photos, targets, weights = _batch()
    mix(photos, targets, weights, AugmentationConfig(mixup=0.5, cutmix=0.5), np.random.default_rng(0))
    for given, expected in zip(
        (photos, targets["a"], weights["a"]), (_batch()[0], np.eye(COUNT), np.ones(COUNT)), strict=True
    ):
        np.testing.assert_array_equal(given, expected)


def test_shares_of_more_than_all_photos_are_refused():
    with pytest.raises(ValueError, match=r"mixup \+ cutmix: expected at most 1, got 1.2"):
        TrainingConfig(augmentation={"mixup": 0.6, "cutmix": 0.6})
