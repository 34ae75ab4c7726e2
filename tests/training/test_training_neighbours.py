"""Which share the neighbours get, and when there are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tagger.config import AttributeConfig, NeighboursConfig
from tagger.decoding import softmax
from tagger.labels import fit_label_space
from tagger.training.neighbours import learn_neighbours
from tagger.training.targets import encode_targets

SETTINGS = {"use": AttributeConfig(heads="both"), "fit": AttributeConfig()}


def _products(rng, count):
    """The use can be read from fine groups of the embedding, the fit is chance."""
    group = rng.integers(0, 20, count)
    centres = np.random.default_rng(7).normal(size=(20, 16))
    embeddings = (centres[group] + 0.1 * rng.normal(size=(count, 16))).astype(np.float32)
    table = pd.DataFrame({"use": np.array(["Casual", "Sports"])[group % 2], "fit": rng.choice(["S", "M"], count)})
    return embeddings, table


FIVE = NeighboursConfig(count=5, dimensions=8)


def _learn(rng, config=FIVE, held_out=200):
    train, table = _products(rng, 600)
    space = fit_label_space(table, SETTINGS)
    unseen, truth = _products(rng, held_out)
    outputs = {name: np.zeros((held_out, 2), np.float32) for name in ("use_softmax", "use_sigmoid", "fit_softmax")}
    outputs["embedding"] = unseen
    targets = encode_targets(space, truth, SETTINGS)
    found = learn_neighbours(train, encode_targets(space, table, SETTINGS), outputs, targets, space, config)
    return found, outputs, targets


def test_neighbours_get_a_share_where_they_know_better():
    found, outputs, targets = _learn(np.random.default_rng(0))
    assert found.shares["use_softmax"] == found.shares["use_sigmoid"] == 0.3
    assert found.shares["fit_softmax"] < 0.2
    assert found.codes.shape == (600, 8) and np.abs(found.codes.astype(int)).max() == 127
    blended = found.blend(outputs)
    truth = targets.values["use_softmax"]
    assert (blended["use_softmax"].argmax(axis=1) == truth).mean() > 0.98
    assert softmax(blended["use_softmax"]).max() == pytest.approx(0.65, abs=0.01)


def test_a_head_that_knows_already_is_left_alone():
    rng = np.random.default_rng(1)
    train, table = _products(rng, 600)
    space = fit_label_space(table, SETTINGS)
    unseen, truth = _products(rng, 200)
    targets = encode_targets(space, truth, SETTINGS)
    sure = 20.0 * (2 * np.eye(2, dtype=np.float32) - 1)
    outputs = {
        "use_softmax": sure[targets.values["use_softmax"]],
        "use_sigmoid": (targets.values["use_sigmoid"] * 2 - 1) * 20,
        "fit_softmax": sure[targets.values["fit_softmax"]],
        "embedding": unseen,
    }
    training = encode_targets(space, table, SETTINGS)
    assert learn_neighbours(train, training, outputs, targets, space, FIVE) is None


def test_no_share_that_makes_fewer_answers_right():
    # The head is right, but hardly more sure than a coin; neighbours are right four times in five, and sure.
    rng = np.random.default_rng(3)
    train, table = _products(rng, 600)
    space = fit_label_space(table, SETTINGS)
    unseen, truth = _products(rng, 400)
    training, targets = encode_targets(space, table, SETTINGS), encode_targets(space, truth, SETTINGS)
    wrong = rng.random(400) < 0.2
    unseen[wrong] = train[training.values["use_softmax"] == 0][: wrong.sum()]
    head = 0.02 * (2 * np.eye(2, dtype=np.float32) - 1)[targets.values["use_softmax"]]
    outputs = {"use_softmax": head, "use_sigmoid": head, "fit_softmax": np.zeros((400, 2), np.float32)}
    found = learn_neighbours(train, training, {**outputs, "embedding": unseen}, targets, space, FIVE)
    assert found.shares["use_softmax"] == 0
    assert found.shares["use_sigmoid"] > 0


def test_a_label_that_is_missing_is_nobodys():
    rng = np.random.default_rng(2)
    train, table = _products(rng, 100)
    table.loc[:49, "use"] = ""
    space = fit_label_space(table, SETTINGS)
    targets = encode_targets(space, table, SETTINGS)
    outputs = {name: np.zeros((100, 2), np.float32) for name in ("use_softmax", "use_sigmoid", "fit_softmax")}
    found = learn_neighbours(train, targets, {**outputs, "embedding": train}, targets, space, FIVE)
    assert (found.labels["use_softmax"][:50] == -1).all() and (found.labels["use_softmax"][50:] >= 0).all()
    assert not found.labels["use_sigmoid"][:50].any() and found.labels["use_sigmoid"][50:, 0].all()


@pytest.mark.parametrize(
    ("config", "held_out"),
    [(NeighboursConfig(count=0), 200), (NeighboursConfig(count=601), 200), (FIVE, 40)],
)
def test_without_neighbours(config, held_out):
    assert _learn(np.random.default_rng(0), config, held_out)[0] is None
