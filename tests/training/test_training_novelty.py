"""Fitting what tells photos that are unlike a catalog."""

from __future__ import annotations

import numpy as np
import pytest

from tagger.novelty import Novelty
from tagger.training.novelty import fit_novelty


def _photos(rng, count, classes=4, width=16):
    """Embeddings around a centre for each class, of lengths that say nothing."""
    centres = np.random.default_rng(99).normal(size=(classes, width))
    truth = rng.integers(0, classes, count)
    length = rng.uniform(1, 20, (count, 1))
    return ((centres[truth] + rng.normal(0, 0.1, (count, width))) * length).astype(np.float32), truth


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_what_is_unlike_all_classes_is_told_from_new_photos(rng):
    novelty = fit_novelty(*_photos(rng, 2000), _photos(rng, 1000)[0])
    assert (novelty.scores(_photos(rng, 4000)[0]) > 1).mean() < 0.008
    assert (novelty.scores(rng.normal(size=(500, 16)).astype(np.float32)) > 1).mean() > 0.99
    assert novelty.centres.shape == (4, 16)


def test_products_without_a_class_are_left_out_and_none_at_all_are_one_class(rng):
    embeddings, truth = _photos(rng, 400)
    held_out = _photos(rng, 200)[0]
    some = fit_novelty(embeddings, np.where(np.arange(400) < 100, -1, truth), held_out)
    assert some.centres.shape == (4, 16)
    none = fit_novelty(embeddings, np.full(400, -1), held_out)
    assert none.centres.shape == (1, 16)
    assert (none.scores(held_out) > 1).mean() < 0.02


def test_few_held_out_photos_push_the_limit_out(rng):
    alarms = [
        (fit_novelty(*_photos(rng, 1000), _photos(rng, 40)[0]).scores(_photos(rng, 2000)[0]) > 1).mean()
        for _ in range(5)
    ]
    assert np.mean(alarms) < 0.015  # the farthest of 40 alone would give 1 / 41


@pytest.mark.parametrize("count", [0, 1, 19])
def test_too_few_held_out_photos(rng, count):
    assert fit_novelty(*_photos(rng, 100), _photos(rng, count)[0]) is None


def test_fewer_photos_than_dimensions_classes_of_one_and_units_that_never_react(rng):
    embeddings = rng.normal(size=(30, 64)).astype(np.float32)
    embeddings[:, 40:] = 0
    novelty = fit_novelty(embeddings, np.arange(30), embeddings[:20] + 0.01)
    assert np.isfinite(novelty.scores(rng.normal(size=(5, 64)).astype(np.float32))).all()


def test_all_photos_alike(rng):
    embeddings = np.ones((50, 8), np.float32)
    novelty = fit_novelty(embeddings, np.zeros(50, np.int64), embeddings)
    assert np.isfinite(novelty.scores(embeddings)).all()
    assert not (novelty.scores(embeddings) > 1).any()


def test_only_the_most_frequent_of_two_thousand_classes_have_centres(rng, tmp_path):
    embeddings, _ = _photos(rng, 4000, classes=50, width=32)
    truth = np.concatenate([np.arange(2000), rng.integers(0, 100, 2000)])
    novelty = fit_novelty(embeddings, truth, embeddings[:200])
    assert novelty.centres.shape == (200, 32)
    novelty.write(tmp_path / "novelty.npy")
    assert Novelty.read(tmp_path / "novelty.npy").width == 32
