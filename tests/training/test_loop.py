from __future__ import annotations

import keras
import numpy as np
import pytest
from drawn import SETTINGS, make_part

from tagger.config import NetworkConfig, PhotoConfig, TrainingConfig
from tagger.errors import TrainingError
from tagger.network.model import build_network
from tagger.training.loop import Trainer
from tagger.training.optimization import compile_model
from tagger.training.validation import predict_logits, validation_metrics


@pytest.fixture
def make_trainer(space, tmp_path):
    """A trainer of the tiny network on 48 drawn products."""

    def make(config: TrainingConfig, validation: int = 24) -> Trainer:
        keras.utils.set_random_seed(config.seed)
        model = build_network(space, NetworkConfig(trunk="tiny"), PhotoConfig(height=32, width=24), any_size=True)
        training = make_part(space, 48)
        compile_model(model, space, SETTINGS, config, training.steps(config.batch_size))
        model.run_eagerly = True  # tracing would take longer than these few steps
        return Trainer(model, space, training, make_part(space, validation, seed=1), config, tmp_path)

    return make


@pytest.fixture
def scores(monkeypatch):
    """Let validation give these scores, one an epoch."""

    def let(*values):
        left = iter(values)
        monkeypatch.setattr("tagger.training.loop.validation_metrics", lambda *_: {"mean_macro_f1": next(left)})

    return let


@pytest.fixture
def idle(monkeypatch):
    """Let epochs pass without any work."""
    monkeypatch.setattr(Trainer, "_learn", lambda *_: 1.0)
    monkeypatch.setattr("tagger.training.loop.predict_logits", lambda *_: {})


def _update(config, **changes):
    return TrainingConfig(**{**config.model_dump(), **changes})


def test_learns_what_can_be_seen(make_trainer, quick, space):
    trainer = make_trainer(_update(quick, epochs=15, learning_rate=0.02, patience=0))
    history = trainer.fit()
    assert [row["epoch"] for row in history] == list(range(1, 16))
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert history[-1]["colour_accuracy"] > 0.9
    assert 0 <= history[-1]["learning_rate"] < history[3]["learning_rate"]


def test_the_best_epoch_is_in_the_network_at_the_end(make_trainer, quick, scores, monkeypatch):
    trainer = make_trainer(_update(quick, epochs=4))
    judged = []
    monkeypatch.setattr("tagger.training.loop.predict_logits", lambda model, *_: judged.append(model.get_weights()))
    scores(0.2, 0.9, 0.3, 0.9)
    trainer.fit()
    assert trainer.state.best_epoch == 2  # the first of the equals
    for ours, theirs in zip(trainer.model.get_weights(), judged[1], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert any((a != b).any() for a, b in zip(judged[1], judged[3], strict=True))


def test_the_last_epoch_may_be_kept_whatever_validation_says(make_trainer, quick, scores, monkeypatch):
    trainer = make_trainer(_update(quick, epochs=3, keep="last"))
    judged = []
    monkeypatch.setattr("tagger.training.loop.predict_logits", lambda model, *_: judged.append(model.get_weights()))
    scores(0.9, 0.5, 0.2)
    trainer.fit()
    assert trainer.state.best_epoch == 3
    for ours, theirs in zip(trainer.model.get_weights(), judged[2], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_validation_judges_the_averaged_weights(make_trainer, quick, space):
    trainer = make_trainer(_update(quick, epochs=1, ema=0.5))
    history = trainer.fit()
    # After the fit the network holds the best epoch's weights, which are the averaged ones.
    metrics = validation_metrics(predict_logits(trainer.model, trainer.validation), trainer.validation, space)
    assert metrics["validation_loss"] == pytest.approx(history[0]["validation_loss"], rel=1e-5)
    without = make_trainer(_update(quick, epochs=1, ema=0)).fit()
    assert without[0]["validation_loss"] != pytest.approx(history[0]["validation_loss"], rel=1e-5)
    assert without[0]["loss"] == pytest.approx(history[0]["loss"], rel=1e-5)  # training itself is the same


@pytest.mark.parametrize(("patience", "epochs"), [(2, 4), (3, 5), (0, 8)])
def test_patience_counts_from_the_best_epoch(make_trainer, quick, idle, scores, patience, epochs):
    trainer = make_trainer(_update(quick, epochs=8, patience=patience))
    scores(0.3, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4)
    assert len(trainer.fit()) == epochs
    assert trainer.state.best_epoch == 2


def test_only_epochs_at_full_size_can_be_the_best(make_trainer, quick, idle, scores):
    trainer = make_trainer(_update(quick, epochs=7, small_share=0.45, small_scale=0.5, patience=2))
    scores(0.9, 0.8, 0.8, 0.4, 0.5, 0.3, 0.2)
    history = trainer.fit()
    assert trainer.state.best_epoch == 5
    assert len(history) == 7  # patience counts from the fifth


def test_validation_sees_the_size_of_its_epoch(make_trainer, quick, monkeypatch):
    sizes = []

    def predict(model, part, size):
        sizes.append(size)
        return predict_logits(model, part, size)

    monkeypatch.setattr("tagger.training.loop.predict_logits", predict)
    make_trainer(_update(quick, epochs=3, small_share=0.7, small_scale=0.5)).fit()
    assert sizes == [(16, 12), (24, 18), (32, 24)]


def test_some_epochs_must_be_at_full_size():
    assert [TrainingConfig(epochs=n, small_share=0.99).small_epochs for n in (1, 2, 22)] == [0, 1, 21]
    with pytest.raises(ValueError, match="less than 1"):
        TrainingConfig(small_share=1)


def test_without_validation_the_last_epoch_wins(make_trainer, quick):
    trainer = make_trainer(_update(quick, epochs=3), validation=0)
    history = trainer.fit()
    assert trainer.state.best_epoch == 3
    assert "mean_macro_f1" not in history[0]


def test_fewer_products_than_one_batch(make_trainer, quick):
    history = make_trainer(_update(quick, batch_size=512)).fit()
    assert len(history) == 2


def test_a_loss_that_explodes_is_said(make_trainer, quick):
    trainer = make_trainer(quick)
    trainer.model.get_layer("use_sigmoid").bias.assign([np.nan] * 3)
    with pytest.raises(
        TrainingError, match=r"loss became nan in epoch 1/2\. Lower training\.learning_rate \(now 0\.002"
    ):
        trainer.fit()


def test_the_run_says_how_it_goes(make_trainer, quick, caplog):
    caplog.set_level("INFO", logger="tagger")
    steps = []
    make_trainer(quick).fit(lambda done, total, what: steps.append((done, total, what)))
    assert steps == [(done, 3, f"epoch {epoch}/2") for epoch in (1, 2) for done in (1, 2, 3)]
    lines = [record.message for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  loss ") and "(best)" in lines[0] and "colour " in lines[0]
