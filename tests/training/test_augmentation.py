from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tagger.config import AugmentationConfig
from tagger.training.augmentation import augment, resize

NOTHING = AugmentationConfig(flip=False, shift=0, scale=0, brightness=0, contrast=0)
SIZE = (32, 24)


def _photos(count=6, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


def test_no_change_asked_for_none_made():
    photos = _photos()
    np.testing.assert_array_equal(augment(photos, NOTHING, SIZE, np.random.default_rng(0)), photos)


def test_the_same_generator_makes_the_same_changes():
    photos, config = _photos(), AugmentationConfig()
    first = augment(photos, config, SIZE, np.random.default_rng((3, 1)))
    np.testing.assert_array_equal(first, augment(photos, config, SIZE, np.random.default_rng((3, 1))))
    assert (first != augment(photos, config, SIZE, np.random.default_rng((3, 2)))).any()


def test_the_photos_given_are_left_alone():
    photos = _photos()
    before = photos.copy()
    augment(photos, AugmentationConfig(), SIZE, np.random.default_rng(0))
    np.testing.assert_array_equal(photos, before)


def test_flip_mirrors_about_half_of_the_photos():
    photos = _photos(200)
    changed = augment(photos, NOTHING.model_copy(update={"flip": True}), SIZE, np.random.default_rng(0))
    mirrored = (changed == photos[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (changed == photos).all(axis=(1, 2, 3))
    assert (mirrored | same).all()
    assert 70 < mirrored.sum() < 130


def test_shift_moves_the_product_and_fills_with_white():
    photos = np.full((200, 40, 40, 3), 255, dtype=np.uint8)
    photos[:, 10:30, 10:30] = 0
    config = NOTHING.model_copy(update={"shift": 0.2})
    changed = augment(photos, config, (40, 40), np.random.default_rng(0))
    rows = np.arange(40)
    centres = np.array([np.average(rows, weights=255.0 - p[..., 0].mean(axis=1)) for p in changed]) - 19.5
    assert -8.1 < centres.min() < -6 and 6 < centres.max() < 8.1
    dark = 255.0 - changed[..., 0]
    np.testing.assert_allclose(dark.sum(axis=(1, 2)), 255 * 400, rtol=0.01)  # nothing is cut off or repeated


def test_scale_shrinks_and_enlarges():
    photos = np.full((200, 40, 40, 3), 255, dtype=np.uint8)
    photos[:, 10:30, 10:30] = 0
    changed = augment(photos, NOTHING.model_copy(update={"scale": 0.3}), (40, 40), np.random.default_rng(0))
    scales = np.sqrt((255.0 - changed[..., 0]).sum(axis=(1, 2)) / (255 * 400))
    assert 0.68 < scales.min() < 0.76 and 1.24 < scales.max() < 1.32


def test_aspect_changes_the_width_alone():
    photos = np.full((200, 40, 40, 3), 255, dtype=np.uint8)
    photos[:, 10:30, 10:30] = 0
    changed = augment(photos, NOTHING.model_copy(update={"aspect": 0.2}), (40, 40), np.random.default_rng(0))
    dark = 255.0 - changed[..., 0]
    widths, heights = dark.max(axis=1).sum(axis=1) / 255, dark.max(axis=2).sum(axis=1) / 255
    np.testing.assert_allclose(heights, 20)
    assert 16 < widths.min() < 17 and 23.7 < widths.max() < 24.6


def test_erasing_puts_one_grey_rectangle_into_some_photos():
    photos = np.full((300, 40, 30, 3), (200, 100, 50), dtype=np.uint8)
    changed = augment(photos, NOTHING.model_copy(update={"erase": 0.4}), (40, 30), np.random.default_rng(0))
    erased = (changed != photos).any(axis=3)
    assert 0.3 < erased.any(axis=(1, 2)).mean() < 0.5
    assert erased.mean(axis=(1, 2)).max() < 0.22
    for photo, mask in zip(changed, erased, strict=True):
        if mask.any():
            assert np.unique(photo[mask]).size == 1  # one grey
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            assert mask.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


@settings(max_examples=40, deadline=None)
@given(
    config=st.builds(
        AugmentationConfig,
        flip=st.booleans(),
        shift=st.floats(0, 0.5),
        scale=st.floats(0, 0.5),
        aspect=st.floats(0, 0.5),
        erase=st.floats(0, 1),
        brightness=st.floats(0, 1),
        contrast=st.floats(0, 1),
    ),
    size=st.tuples(st.integers(4, 40), st.integers(4, 40)),
    seed=st.integers(0, 1000),
)
def test_any_settings_give_photos_of_the_size_asked_for(config, size, seed):
    changed = augment(_photos(3), config, size, np.random.default_rng(seed))
    assert changed.shape == (3, *size, 3) and changed.dtype == np.uint8


@settings(max_examples=40, deadline=None)
@given(
    colour=st.tuples(*[st.integers(0, 255)] * 3),
    brightness=st.floats(0, 1),
    contrast=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_the_channels_keep_their_order_and_so_the_hue(colour, brightness, contrast, seed):
    photo = np.full((1, 4, 4, 3), colour, dtype=np.uint8)
    config = AugmentationConfig(flip=True, shift=0, scale=0, brightness=brightness, contrast=contrast)
    changed = augment(photo, config, (4, 4), np.random.default_rng(seed))[0, 0, 0].astype(int)
    order = np.argsort(colour, kind="stable")
    assert (np.diff(changed[order]) >= 0).all()


def test_grey_stays_grey():
    photos = np.repeat(_photos()[..., :1], 3, axis=3)
    changed = augment(photos, AugmentationConfig(brightness=0.5, contrast=0.5), SIZE, np.random.default_rng(0))
    np.testing.assert_array_equal(changed[..., 0], changed[..., 1])
    np.testing.assert_array_equal(changed[..., 0], changed[..., 2])


@pytest.mark.parametrize("size", [None, SIZE])
def test_resize_leaves_photos_of_that_size(size):
    photos = _photos()
    assert resize(photos, size) is photos


def test_resize_uses_the_filter_of_augment():
    photos = _photos()
    expected = augment(photos, NOTHING, (16, 12), np.random.default_rng(0))
    resized = resize(photos, (16, 12))
    assert resized.shape == (6, 16, 12, 3)
    np.testing.assert_array_equal(resized, expected)
    np.testing.assert_array_equal(resized[0], Image.fromarray(photos[0]).resize((12, 16), Image.Resampling.BILINEAR))
