from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest
from drawn import make_part

from tagger.config import AugmentationConfig, TrainingConfig
from tagger.training.batches import photo_size

NOTHING = AugmentationConfig(flip=False, shift=0, scale=0, brightness=0, contrast=0)
CONFIG = TrainingConfig(batch_size=16, augmentation=NOTHING)


def _seen(part, batches):
    """Row of the part for each photo of the batches, in order."""
    rows = {photo.tobytes(): row for row, photo in enumerate(part.pixels)}
    return [rows[photo.tobytes()] for batch in batches for photo in batch.photos]


def _workers():
    return [thread for thread in threading.enumerate() if thread.name == "batches"]


@pytest.mark.parametrize("products", [1, 5, 16, 17, 40])
def test_every_product_comes_once_an_epoch(space, products):
    part = make_part(space, products)
    batches = list(part.epoch(0, CONFIG))
    assert sorted(_seen(part, batches)) == list(range(products))
    sizes = [len(batch.photos) for batch in batches]
    assert len(sizes) == part.steps(16) and max(sizes) <= 16
    assert max(sizes) - min(sizes) <= 1


def test_targets_and_weights_belong_to_the_photos(space):
    part = make_part(space, 40, missing=0.3)
    for batch in part.epoch(0, CONFIG):
        rows = _seen(part, [batch])
        for name, value in part.targets.values.items():
            expected = value[rows] if value.ndim == 2 else np.eye(3)[value[rows]] * (value[rows] >= 0)[:, None]
            np.testing.assert_array_equal(batch.targets[name], expected)
            assert batch.targets[name].dtype == np.float32
            np.testing.assert_array_equal(batch.weights[name], part.targets.weights[name][rows])


def test_a_sample_keeps_order_and_targets(space):
    part = make_part(space, 30)
    assert part.sample(30, seed=0) is part
    some = part.sample(10, seed=0)
    assert len(some.rows) == 10 and (np.diff(some.rows) > 0).all()
    places = [list(part.rows).index(row) for row in some.rows]
    for name, values in some.targets.values.items():
        np.testing.assert_array_equal(values, part.targets.values[name][places])
        np.testing.assert_array_equal(some.targets.weights[name], part.targets.weights[name][places])
    assert list(part.sample(10, seed=1).rows) != list(some.rows)


def test_seed_and_epoch_alone_decide(space):
    part = make_part(space, 40)
    config = CONFIG.model_copy(update={"augmentation": AugmentationConfig()})

    def photos(number, seed=0):
        epoch = part.epoch(number, config.model_copy(update={"seed": seed}))
        return np.concatenate([batch.photos for batch in epoch])

    np.testing.assert_array_equal(photos(3), photos(3))
    assert (photos(3) != photos(4)).any()
    assert (photos(3) != photos(3, seed=1)).any()


def test_the_first_epochs_see_smaller_photos(space):
    part = make_part(space, 5)
    config = TrainingConfig(epochs=4, small_share=0.5, small_scale=0.5, small_sizes=1)
    shapes = [next(part.epoch(number, config)).photos.shape for number in range(3)]
    assert shapes == [(5, 16, 12, 3), (5, 16, 12, 3), (5, 32, 24, 3)]
    assert photo_size(80, 60, 0, config) == (40, 30) and photo_size(80, 60, 2, config) == (80, 60)


def test_photos_grow_in_even_steps():
    config = TrainingConfig(epochs=10, small_share=0.6, small_scale=0.6, small_sizes=2)
    sizes = [photo_size(80, 60, epoch, config) for epoch in range(10)]
    assert sizes == [(48, 36)] * 3 + [(64, 48)] * 3 + [(80, 60)] * 4


def test_an_error_in_the_background_reaches_the_consumer(space):
    part = make_part(space, 40)
    broken = dataclasses.replace(part, rows=part.rows + 20)  # the later ones are out of range
    with pytest.raises(IndexError, match="out of bounds"):
        list(broken.epoch(0, CONFIG))
    assert not _workers()


def test_a_consumer_that_stops_early_stops_the_background(space):
    epoch = make_part(space, 64).epoch(0, CONFIG.model_copy(update={"batch_size": 2}))
    next(epoch)
    assert _workers()
    epoch.close()
    assert not _workers()


def test_an_epoch_that_nobody_reads_starts_nothing(space):
    make_part(space, 5).epoch(0, CONFIG)
    assert not _workers()


def test_the_last_epochs_see_no_mixtures(space):
    part = make_part(space, 20)
    mixing = NOTHING.model_copy(update={"mixup": 0.5, "cutmix": 0.5, "mixed_share": 0.5})
    config = CONFIG.model_copy(update={"augmentation": mixing, "epochs": 4})
    plain = {photo.tobytes() for photo in part.pixels}
    mixtures = [
        sum(photo.tobytes() not in plain for batch in part.epoch(number, config) for photo in batch.photos)
        for number in range(4)
    ]
    assert min(mixtures[:2]) > 5 and mixtures[2:] == [0, 0]
