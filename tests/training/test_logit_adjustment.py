"""Frequent classes lose what rare ones gain, in softmax heads alone."""

from __future__ import annotations

import numpy as np
import pytest
from bundles import bundle_config
from drawn import make_part

from tagger.labels import LabelSpace
from tagger.network.model import build_network
from tagger.training.logit_adjustment import adjust_logits, class_frequency


def test_the_frequency_of_a_class_counts_one_more_product_and_weights() -> None:
    index = np.array([0, 0, 0, 2, -1])
    even = np.ones(5, dtype=np.float32)
    assert class_frequency(index, even, 3).tolist() == pytest.approx([4 / 7, 1 / 7, 2 / 7])
    heavier = np.array([1, 1, 1, 4, 9], dtype=np.float32)
    assert class_frequency(index, heavier, 3).tolist() == pytest.approx([4 / 10, 1 / 10, 5 / 10])
    assert class_frequency(np.array([-1]), even[:1], 2).tolist() == [0.5, 0.5]


@pytest.mark.usefixtures("_tiny_trunk")
@pytest.mark.parametrize("strength", [0.0, 0.3])
def test_softmax_heads_lose_a_share_of_the_log_frequency(space: LabelSpace, strength: float) -> None:
    config, part = bundle_config("tiny"), make_part(space, 40)
    model = build_network(space, config.network, config.photo)
    before = {name: np.asarray(logits) for name, logits in model(part.pixels).items()}
    adjust_logits(model, space, part.targets, strength)
    after = {name: np.asarray(logits) for name, logits in model(part.pixels).items()}
    index = part.targets.values["colour_softmax"]
    expected = strength * np.log((np.bincount(index[index >= 0]) + 1) / ((index >= 0).sum() + 3))
    np.testing.assert_allclose(after.pop("colour_softmax"), before["colour_softmax"] - expected, atol=1e-5)
    for name, logits in after.items():
        np.testing.assert_array_equal(logits, before[name])
