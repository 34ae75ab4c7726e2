from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from tagger.config import AttributeConfig, Composite
from tagger.decoding import softmax
from tagger.labels import fit_label_space
from tagger.training.calibration import best_f1_threshold, calibrate, judge_tags
from tagger.training.targets import encode_targets


def _sampled(rng, logits):
    """Classes drawn with the probabilities of these logits: a network that says them is calibrated."""
    return (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


def _case(columns, settings):
    table = pd.DataFrame(columns)
    space = fit_label_space(table, settings)
    return space, encode_targets(space, table, settings)


@pytest.fixture
def kinds():
    """400 products of three kinds, and logits that say how likely each kind was."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (400, 3)).astype(np.float32)
    truth = _sampled(rng, logits)
    space, targets = _case({"kind": np.array(["a", "b", "c"])[truth]}, {"kind": AttributeConfig()})
    order = [("a", "b", "c").index(name) for name in space["kind"].classes]
    return logits[:, order], targets, space


@pytest.mark.parametrize(("factor", "temperature"), [(1.0, 1.0), (3.0, 3.0), (0.4, 0.4)])
def test_the_temperature_undoes_false_confidence(kinds, factor, temperature):
    logits, targets, space = kinds
    calibration = calibrate({"kind_softmax": factor * logits}, targets, space, 0.95)
    assert calibration.temperatures["kind_softmax"] == pytest.approx(temperature, rel=0.2)
    truth = targets.values["kind_softmax"]

    def loss(t):
        return -np.log(softmax(factor * logits, t)[np.arange(len(truth)), truth]).mean()

    assert loss(calibration.temperatures["kind_softmax"]) <= loss(1.0) + 1e-6


def test_the_temperature_of_a_sigmoid_head():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (600, 2)).astype(np.float32)
    given = rng.random((600, 2)) < 1 / (1 + np.exp(-logits))
    cells = ["|".join(np.array(["x", "y"])[row]) for row in given]
    space, targets = _case({"use": cells}, {"use": AttributeConfig(heads="sigmoid")})
    order = [("x", "y").index(label) for label in space["use"].labels]
    known = given.any(axis=1)  # a product without any label counts as missing, which shifts the others
    calibration = calibrate({"use_sigmoid": 4 * logits[:, order]}, targets, space, 0.9)
    assert calibration.temperatures["use_sigmoid"] == pytest.approx(4, rel=0.35)
    assert known.sum() > 300


def test_the_threshold_with_the_highest_f1():
    rng = np.random.default_rng(0)
    truth = rng.random(300) < 0.2
    scores = np.clip(0.15 + 0.3 * truth + rng.normal(0, 0.1, 300), 0, 1).astype(np.float32)
    threshold = best_f1_threshold(truth, scores)
    best = max(f1_score(truth, scores >= t) for t in np.linspace(0.02, 0.98, 97))
    assert f1_score(truth, scores >= threshold) >= best - 1e-9
    assert threshold < 0.5


@pytest.mark.parametrize("truth", [[0] * 30, [1] * 30, [1] * 4 + [0] * 26])
def test_too_few_positives_or_negatives_keep_the_neutral_threshold(truth):
    scores = np.linspace(0, 1, 30).astype(np.float32)
    assert best_f1_threshold(np.array(truth), scores) == 0.5


@pytest.mark.parametrize("wanted", [0.7, 0.9, 0.99])
def test_above_the_review_confidence_enough_tags_are_right(kinds, wanted):
    logits, targets, space = kinds
    calibration = calibrate({"kind_softmax": logits}, targets, space, wanted)
    tags = judge_tags({"kind_softmax": logits}, targets, space, calibration)["kind"]
    limit = calibration.review["kind"]
    sure = tags.confidence.round(4) >= limit
    assert tags.right[sure].mean() >= wanted - 0.01
    assert tags.right.mean() < wanted or limit == pytest.approx(tags.confidence.min(), abs=1e-4)
    # One more tag below the limit would not do, or there is none.
    assert sure.sum() < len(sure) or tags.right.mean() >= wanted


def test_where_no_tag_is_right_all_need_review(kinds):
    _, targets, space = kinds
    wrong = -100 * np.eye(3, dtype=np.float32)[targets.values["kind_softmax"]]
    assert calibrate({"kind_softmax": wrong}, targets, space, 0.95).review["kind"] == 1.0


def _gender():
    composites = (Composite(label="Unisex", means=("Men", "Women")),)
    settings = {"gender": AttributeConfig(heads="sigmoid", composites=composites)}
    return _case({"gender": ["Men", "Women", "Unisex", ""] * 10}, settings)


def test_the_class_of_an_attribute_with_a_sigmoid_head_only():
    space, targets = _gender()
    logits = {"gender_sigmoid": 20 * targets.values["gender_sigmoid"] - 10}
    calibration = calibrate(logits, targets, space, 0.95)
    tags = judge_tags(logits, targets, space, calibration)["gender"]
    assert len(tags.right) == 30 and tags.right.all()
    logits["gender_sigmoid"][0] *= -1  # Men becomes Women
    assert judge_tags(logits, targets, space, calibration)["gender"].right.sum() == 29


def test_a_tag_of_several_labels_is_right_where_all_are():
    space, targets = _case({"use": ["x|y", "x", "y", ""] * 10}, {"use": AttributeConfig(heads="sigmoid")})
    logits = {"use_sigmoid": 8 * targets.values["use_sigmoid"] - 4}
    calibration = calibrate(logits, targets, space, 0.95)
    tags = judge_tags(logits, targets, space, calibration)["use"]
    assert len(tags.right) == 30 and tags.right.all()
    logits["use_sigmoid"][0, 0] *= -1
    assert judge_tags(logits, targets, space, calibration)["use"].right.sum() == 29


def test_an_attribute_with_one_class():
    settings = {"kind": AttributeConfig(heads="both")}
    space, targets = _case({"kind": ["cup"] * 30}, settings)
    logits = {"kind_softmax": np.full((30, 1), 3, np.float32), "kind_sigmoid": np.full((30, 1), 3, np.float32)}
    calibration = calibrate(logits, targets, space, 0.95)
    assert calibration.temperatures["kind_softmax"] == 1.0
    assert calibration.thresholds == {"kind": {"cup": 0.5}}
    assert calibration.review["kind"] == 1.0


def test_labels_that_validation_never_shows(space):
    table = pd.DataFrame({"colour": [""] * 30, "use": [""] * 30})
    settings = {"colour": AttributeConfig(heads="both"), "use": AttributeConfig(heads="sigmoid")}
    targets = encode_targets(space, table, settings)
    rng = np.random.default_rng(0)
    logits = {name: rng.normal(size=(30, 3)).astype(np.float32) for name in targets.values}
    calibration = calibrate(logits, targets, space, 0.95)
    assert calibration.temperatures == {}
    assert {value for limits in calibration.thresholds.values() for value in limits.values()} == {0.5}
    assert calibration.review == {"colour": 1.0, "use": 1.0}  # nothing speaks for them
