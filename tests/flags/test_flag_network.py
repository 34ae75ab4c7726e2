from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tagger.config import FlagsConfig
from tagger.errors import TrainingError
from tagger.flags import network
from tagger.flags.features import EncodedTable
from tagger.flags.network import FlagBatches, build_network, export_network, fit_network
from tagger.progress import silent


def _encoded(products: int = 40) -> EncodedTable:
    """Feature 0 and 1 take turns; feature 2 is always there."""
    active = np.array([[n % 2, 2] for n in range(products)], np.int32).ravel()
    starts = np.arange(products + 1, dtype=np.int64) * 2
    return EncodedTable(active, starts, np.zeros((products, 2), np.float32), 5)


def _targets(products: int = 40) -> np.ndarray:
    return np.array([[n % 2, np.nan] for n in range(products)], np.float32)


def test_one_probability_for_each_flag() -> None:
    model = build_network(5, 3, FlagsConfig(hidden=(4,)))
    assert model.output_shape == (None, 3, 1)


def test_a_policy_that_others_have_set_does_not_reach_it() -> None:
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_network(5, 3, FlagsConfig(hidden=(4,)))
    finally:
        keras.config.set_dtype_policy(policy)
    assert {layer.compute_dtype for layer in model.layers if layer.weights} == {"float32"}
    assert model.output.dtype == "float32"


def test_missing_flags_weigh_nothing() -> None:
    batches = FlagBatches(_encoded(), _targets(), 0, 16, 0)
    assert len(batches) == 3
    for index in range(3):
        features, targets, weights = batches[index]
        assert features.shape == (len(targets), 5)
        assert np.isfinite(targets).all()
        assert (weights == [1, 0]).all()


def test_a_missing_flag_leaves_its_output_as_it_was() -> None:
    config = FlagsConfig(hidden=(), epochs=3)
    model = fit_network(_encoded(), _targets(), 0, config, 0, silent)
    kernel = model.get_layer("probabilities").get_weights()[0]
    keras.utils.set_random_seed(0)
    before = build_network(5, 2, config).get_layer("probabilities").get_weights()[0]
    assert np.abs(kernel[:, 0] - before[:, 0]).max() > 1e-2
    # Weight decay alone touches it.
    np.testing.assert_allclose(kernel[:, 1], before[:, 1], rtol=1e-3)


def test_categories_are_hidden_at_times_and_nothing_else() -> None:
    batch = FlagBatches(_encoded(1000), _targets(1000), 2, 1000, 0)[0][0]
    shown = batch[:, :2].sum(axis=1)
    assert 1 - shown.mean() == pytest.approx(network.HIDDEN_SHARE, abs=0.05)
    assert (batch[:, 2] == 1).all()


def test_each_epoch_has_another_order_of_the_same_products() -> None:
    batches = FlagBatches(_encoded(), _targets(), 0, 40, 0)
    first = batches[0][1]
    assert (batches[0][1] == first).all()
    batches.on_epoch_end()
    second = batches[0][1]
    assert (first != second).any()
    assert first.sum() == second.sum()


def test_a_small_catalog_gets_smaller_batches() -> None:
    model = fit_network(_encoded(50), _targets(50), 0, FlagsConfig(hidden=(), epochs=2), 0, silent)
    assert int(model.optimizer.iterations) == 2 * network.MIN_STEPS


def test_an_export_that_differs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_network(5, 2, FlagsConfig(hidden=(4,)))
    monkeypatch.setattr(network, "FlagSession", lambda path: lambda sample: np.ones((len(sample), 2), np.float32))
    with pytest.raises(TrainingError, match="differs from Keras"):
        export_network(model, tmp_path / "flags.onnx", np.zeros((3, 5), np.float32))
