"""What is learned of colours, and when they get no say."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from bundles import bundle_config
from drawn import COLOURS, draw, write_catalog

from tagger.colours import CELLS, cells
from tagger.config import ColoursConfig
from tagger.training.batches import TrainingPart
from tagger.training.colours import learn_colours, learn_palette, logits_of
from tagger.training.prepare import Prepared, prepare
from tagger.training.shares import best_share, losses_of_shares
from tagger.training.targets import Targets

EIGHT = ColoursConfig(count=8)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    config = bundle_config("cnn_gap")
    config = config.model_copy(update={"split": config.split.model_copy(update={"train": 0.5, "validation": 0.4})})
    return prepare(write_catalog(tmp_path_factory.mktemp("drawn") / "catalog", 300), config)


def _ignorant(prepared: Prepared) -> dict[str, np.ndarray]:
    targets = prepared.training_part("validation").targets
    columns = prepared.training_part("validation").classes
    return {name: np.zeros((len(weights), columns[name]), np.float32) for name, weights in targets.weights.items()}


def test_colours_are_learned_where_heads_know_nothing(prepared: Prepared, caplog: pytest.LogCaptureFixture) -> None:
    steps: list[str] = []
    outputs = _ignorant(prepared)
    with caplog.at_level(logging.INFO):
        found = learn_colours(prepared, outputs, EIGHT, 0, lambda done, of, what: steps.append(what))
    assert found is not None and found.shares == {"colour_softmax": 0.5, "colour_sigmoid": 0.5, "use_sigmoid": 0.5}
    assert "a palette of 8, learned after" in caplog.text and steps[-1] == "colours, epoch 12/12"
    held_out = prepared.training_part("validation")
    blended = found.blend(outputs, logits_of(found, held_out))
    known = held_out.targets.weights["colour_softmax"] > 0
    right = blended["colour_softmax"].argmax(axis=1) == held_out.targets.values["colour_softmax"]
    assert right[known].mean() > 0.98


def test_the_same_seed_gives_the_same(prepared: Prepared) -> None:
    outputs = _ignorant(prepared)
    first, second = (learn_colours(prepared, outputs, EIGHT, 3) for _ in range(2))
    np.testing.assert_array_equal(first.palette, second.palette)
    np.testing.assert_allclose(first.hidden.weights, second.hidden.weights, atol=1e-2)


def test_heads_that_know_already_are_left_alone(prepared: Prepared) -> None:
    targets = prepared.training_part("validation").targets
    outputs = {}
    for name, logits in _ignorant(prepared).items():
        values = targets.values[name]
        given = values if values.ndim > 1 else np.arange(logits.shape[1]) == values[:, None]
        outputs[name] = (20 * (2 * given.astype(np.float32) - 1)).astype(np.float32)
    assert learn_colours(prepared, outputs, EIGHT, 0) is None


def test_none_are_asked_for(prepared: Prepared) -> None:
    assert learn_colours(prepared, _ignorant(prepared), ColoursConfig(count=0), 0) is None


def _part(photos: np.ndarray) -> TrainingPart:
    return TrainingPart(photos, np.arange(len(photos)), Targets({}, {}), {})


def test_a_palette_tells_apart_what_photos_show() -> None:
    rng = np.random.default_rng(0)
    shown = _part(np.stack([draw(name, rng) for name in COLOURS for _ in range(10)]))
    palette = learn_palette(shown, 3, 0)
    assert palette.shape == (CELLS,) and palette.max() == 3 and palette[-1] == 3
    means = np.uint8([list(COLOURS.values())])[None]
    assert sorted(palette[cells(means)].ravel()) == [0, 1, 2]


def test_photos_with_fewer_colours_than_asked_for_and_none() -> None:
    one = _part(np.full((4, 6, 5, 3), 40, np.uint8))
    assert set(learn_palette(one, 128, 0)) == {0, 1}
    white = _part(np.full((4, 6, 5, 3), 255, np.uint8))
    assert not learn_palette(white, 128, 0).any()


def test_an_opinion_that_only_makes_a_head_less_sure_gains_nothing() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 2000)
    sure = 4 * np.eye(3, dtype=np.float32)[np.where(rng.random(2000) < 0.6, truth, rng.integers(0, 3, 2000))]
    shares = (0.0, 0.25, 0.5)
    mixtures = [(1 - share) * sure for share in shares]  # the other opinion is that all are alike
    assert best_share(shares, losses_of_shares(mixtures, truth)) == 0.5
    temperatures = (1.0, 4 / 3, 2.0, 2.8, 4.0)
    assert best_share(shares, losses_of_shares(mixtures, truth, temperatures)) == 0.0


def test_no_share_that_makes_fewer_answers_right() -> None:
    truth = np.array([0, 1, 1, 0])
    head = np.float32([[0.01, 0], [0, 0.01], [0, 0.01], [0.01, 0]])
    other = np.float32([[5, 0], [0, 5], [0, 5], [0, 0.5]])
    losses = losses_of_shares([head, (head + other) / 2], truth)
    assert losses[1] == np.inf and best_share((0.0, 0.5), losses) == 0.0


def test_more_must_be_right_than_chance_may_bring() -> None:
    truth = np.zeros(100, dtype=np.int64)
    head = np.tile(np.float32([0, 1]), (100, 1))  # all wrong

    def other(right: int) -> np.ndarray:
        return np.where(np.arange(100)[:, None] < right, np.float32([1, 0]), np.float32([0, 0.9]))

    # One that becomes right is one standard error of one change, four are two of theirs.
    for right, clear in ((1, False), (2, False), (3, True), (4, True)):
        losses = losses_of_shares([head, other(right)], truth, errors=1.5)
        assert np.isfinite(losses[1]) == clear
    # Of several labels all must be right: the second of those that stay is, the first is not.
    labels = np.tile(np.float32([1, 0]), (100, 1))
    for right, clear in ((2, False), (4, True)):
        losses = losses_of_shares([head, other(right)], labels, errors=1.5)
        assert np.isfinite(losses[1]) == clear


def test_a_run_writes_them_into_its_bundle(tmp_path: Path) -> None:
    from tagger.bundle import Bundle
    from tagger.config import Config
    from tagger.inference.tagger import Tagger
    from tagger.training.run import train

    data = write_catalog(tmp_path / "catalog", 300)
    config = Config.model_validate(
        {
            "photo": {"height": 32, "width": 24},
            "attributes": {"colour": {"heads": "softmax"}},
            "network": {"trunk": "cnn_gap"},
            "split": {"train": 0.5, "validation": 0.4, "test": 0.1},
            "training": {"epochs": 1, "batch_size": 64, "learning_rate": 1e-6, "ema": 0, "precision": "float32"},
            "flags": {"columns": []},
            "neighbours": {"count": 0},
            "colours": {"count": 8},
        }
    )
    bundle = Bundle.open(train(config, data, tmp_path / "run"))
    assert bundle.colours is not None and bundle.colours.shares == {"colour_softmax": 0.5}
    rng = np.random.default_rng(5)
    photos = np.stack([draw(name, rng) for name in COLOURS for _ in range(5)])
    tagger = Tagger.open(bundle.path, "onnxruntime", "float32")
    said = [tags["colour"].label for tags in tagger.tag_pixels(photos, top_k=1)]
    assert said == [name for name in COLOURS for _ in range(5)]
    assert bundle.metrics["colour_accuracy"] > 0.95
