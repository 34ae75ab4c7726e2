"""Changes and mixtures of photos with JAX are those of NumPy and Pillow."""

from __future__ import annotations

import numpy as np
import pytest

from tagger.config import AugmentationConfig
from tagger.training import augmentation, mixing

jax = pytest.importorskip("jax")

from tagger.training import device_augmentation as device  # noqa: E402 - needs JAX

NOTHING = AugmentationConfig(flip=False, shift=0, scale=0, brightness=0, contrast=0)
SIZE = (40, 30)


def _key(seed=0):
    return jax.random.key(seed)


def _photos(count=6):
    """Smooth ones: Pillow rounds between its two passes, which shows more where neighbours differ."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (count, 5, 4, 3), dtype=np.uint8)
    return augmentation.resize(small, SIZE)


def _squares(count=300):
    photos = np.full((count, *SIZE, 3), 255, dtype=np.uint8)
    photos[:, 10:30, 10:20] = 0
    return photos


def _changed(photos, size=SIZE, seed=0, **changes):
    return np.asarray(device.augment(_key(seed), photos, NOTHING.model_copy(update=changes), size))


def test_no_change_asked_for_none_made():
    np.testing.assert_array_equal(_changed(_photos()), _photos())


def test_the_same_key_makes_the_same_changes():
    every = {"flip": True, "shift": 0.1, "scale": 0.1, "aspect": 0.1, "contrast": 0.2, "erase": 0.5}
    np.testing.assert_array_equal(_changed(_photos(), **every), _changed(_photos(), **every))
    assert (_changed(_photos(), **every) != _changed(_photos(), seed=1, **every)).any()


@pytest.mark.parametrize("size", [(20, 15), (27, 22), (80, 60), SIZE])
def test_sizes_are_those_of_pillow(size):
    expected = augmentation.resize(_photos(), size).astype(float)
    np.testing.assert_allclose(np.asarray(device.resize(_photos(), size)), expected, atol=1.01)
    np.testing.assert_allclose(_changed(_photos(), size), expected, atol=1.01)


def test_flip_mirrors_about_half_of_the_photos():
    photos = np.repeat(_photos(), 40, axis=0)
    changed = _changed(photos, flip=True)
    mirrored = (changed == photos[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (mirrored | (changed == photos).all(axis=(1, 2, 3))).all()
    assert 90 < mirrored.sum() < 150


@pytest.mark.parametrize(
    "changes",
    [{"shift": 0.2}, {"scale": 0.3}, {"aspect": 0.3}, {"brightness": 0.4}, {"contrast": 0.4}, {"erase": 0.6}],
    ids=lambda changes: next(iter(changes)),
)
def test_changes_are_as_large_as_those_of_numpy(changes):
    """Means and spreads, over many photos, of how much darkness there is, and of where and how wide it is."""

    def describe(photos):
        dark = 1 - photos[..., 0].astype(float) / 255
        mass = dark.sum(axis=(1, 2))
        rows, columns = dark.sum(axis=2) / mass[:, None], dark.sum(axis=1) / mass[:, None]
        centres = rows @ np.arange(40), columns @ np.arange(30)
        return np.stack([mass, *centres, (dark.max(axis=1)).sum(axis=1), dark.max(axis=2).sum(axis=1)])

    photos = _squares(1200)
    photos[:] = np.where(photos == 255, 245, 40)  # room to become brighter and darker
    config = NOTHING.model_copy(update=changes)
    ours = describe(_changed(photos, **changes))
    theirs = describe(augmentation.augment(photos, config, SIZE, np.random.default_rng(0)))
    error = theirs.std(axis=1) * np.sqrt(2 / len(photos))
    assert (np.abs(ours.mean(axis=1) - theirs.mean(axis=1)) <= 4 * error + 0.02 * np.abs(theirs.mean(axis=1))).all()
    np.testing.assert_allclose(ours.std(axis=1), theirs.std(axis=1), rtol=0.12, atol=0.02 * theirs.mean())


def test_shifted_photos_are_filled_with_white():
    changed = _changed(_squares(), shift=0.2)
    np.testing.assert_allclose((255 - changed[..., 0]).sum(axis=(1, 2)), 255 * 200, rtol=0.02)


def test_erasing_puts_one_grey_rectangle_into_some_photos():
    photos = np.full((300, *SIZE, 3), (200, 100, 50), dtype=np.uint8)
    changed = _changed(photos, erase=0.4)
    erased = (changed != photos).any(axis=3)
    assert 0.3 < erased.any(axis=(1, 2)).mean() < 0.5
    assert erased.mean(axis=(1, 2)).max() < 0.22
    assert all(np.unique(photo[mask]).size == 1 for photo, mask in zip(changed, erased, strict=True) if mask.any())


@pytest.mark.parametrize("shares", [{"mixup": 0.5}, {"cutmix": 0.5}, {"mixup": 0.3, "cutmix": 0.4}])
def test_targets_are_mixed_as_much_as_photos(shares):
    photos = np.zeros((200, *SIZE, 3), dtype=np.float32)
    photos[:100] = 255
    target = np.eye(2, dtype=np.float32)[np.repeat([1, 0], 100)]
    mixed, partners, kept = device.mix(_key(), photos, NOTHING.model_copy(update=shares), 1.0)
    values, weights = device.mixed_targets(target, np.ones(200, dtype=np.float32), partners, kept)
    np.testing.assert_allclose(np.asarray(values)[:, 1], np.asarray(mixed).mean(axis=(1, 2, 3)) / 255, atol=0.003)
    np.testing.assert_allclose(np.asarray(weights), 1)
    changed = (np.asarray(kept) < 1).mean()
    assert sum(shares.values()) - 0.15 < changed < sum(shares.values()) + 0.15
    assert sorted(np.asarray(partners)) == list(range(200))


def test_no_mixtures_in_epochs_without_them():
    mixed, _, kept = device.mix(_key(), _photos().astype("f4"), NOTHING.model_copy(update={"mixup": 1.0}), 0.0)
    np.testing.assert_array_equal(mixed, _photos())
    np.testing.assert_array_equal(kept, 1)


def test_missing_labels_are_mixed_as_with_numpy(monkeypatch):
    rng = np.random.default_rng(3)
    target, weight = np.eye(4, dtype=np.float32)[rng.integers(0, 4, 30)], rng.integers(0, 2, 30).astype(np.float32)
    monkeypatch.setattr(mixing, "rectangle", lambda *_: (slice(0, 20), slice(0, 15)))
    config = NOTHING.model_copy(update={"mixup": 0.5, "cutmix": 0.5})
    spy = np.random.default_rng(1)
    _, targets, weights = mixing.mix(np.zeros((30, *SIZE, 3), "u1"), {"a": target}, {"a": weight}, config, spy)
    again = np.random.default_rng(1)
    kinds, partners, kept = again.random(30), again.permutation(30), again.random(30)
    kept = np.where(kinds < 0.5, kept, 0.75)
    ours = device.mixed_targets(target, weight, partners, kept.astype("f4"))
    np.testing.assert_allclose(ours[0], targets["a"], atol=1e-5)
    np.testing.assert_allclose(ours[1], weights["a"], atol=1e-5)
