from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from tagger.calibration import ALL_NEED_REVIEW, lowest_confidence
from tagger.config import AttributeConfig, Composite
from tagger.decoding import softmax
from tagger.labels import fit_label_space
from tagger.training.calibration import (
    best_f1_threshold,
    calibrate,
    fit_scales,
    judge_tags,
    precision_curve,
    wilson_bound,
)
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


def test_precision_that_new_tags_reach():
    """The plain share of right tags keeps its promise one time in two; the curve nine times in ten."""
    rng = np.random.default_rng(0)
    kept, covered = [], []
    for _ in range(60):
        confidence = rng.beta(8, 0.6, 1000).astype(np.float32)
        limit = lowest_confidence(precision_curve(confidence, rng.random(1000) < confidence), 0.95)
        new = rng.beta(8, 0.6, 20_000)
        kept.append(new[new >= limit].mean() >= 0.95)
        covered.append((new >= limit).mean())
    assert 0.8 <= np.mean(kept) <= 0.99
    assert np.mean(covered) > 0.78  # 0.91 for who knows the probabilities


def test_the_curve_by_hand():
    # Wilson's lower end for 30 of 30 is 30 / (30 + 1.2816²) = 0.948, for 30 of 40 it is 0.653.
    confidence = np.array([0.9] * 30 + [0.4] * 10, np.float32)
    right = np.array([True] * 30 + [False] * 10)
    assert precision_curve(confidence, right) == [(0.65, 0.4), (0.945, 0.9)]
    assert lowest_confidence([(0.65, 0.4), (0.945, 0.9)], 0.65) == 0.4
    assert lowest_confidence([(0.65, 0.4), (0.945, 0.9)], 0.7) == 0.9
    assert lowest_confidence([(0.65, 0.4), (0.945, 0.9)], 0.95) == ALL_NEED_REVIEW


def test_the_curve_rises_and_speaks_of_confidences_as_tags_hold_them(kinds):
    logits, targets, space = kinds
    calibration = calibrate({"kind_softmax": logits}, targets, space, 0.8)
    curve = calibration.curves["kind"]
    tags = judge_tags({"kind_softmax": logits}, targets, space, calibration)["kind"]
    held = tags.confidence.astype(float).round(4)
    assert curve == sorted(curve) and len({p for p, _ in curve}) == len({c for _, c in curve}) == len(curve) > 5
    assert {confidence for _, confidence in curve} <= set(held)
    for precision, confidence in curve:
        assert tags.right[held >= confidence].mean() > precision
    assert calibration.review["kind"] == calibration.review_at("kind", 0.8)
    # The lowest that does: one confidence lower, the bound falls short.
    lower = held[held < calibration.review["kind"]].max()
    chosen = held >= lower
    assert wilson_bound(tags.right[chosen].sum(), chosen.sum()) < 0.8


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_few_tags_prove_nothing(count):
    curve = precision_curve(np.full(count, 0.99, np.float32), np.ones(count, bool))
    assert lowest_confidence(curve, 0.95) == ALL_NEED_REVIEW


def test_where_no_tag_is_right_all_need_review(kinds):
    _, targets, space = kinds
    wrong = -100 * np.eye(3, dtype=np.float32)[targets.values["kind_softmax"]]
    assert calibrate({"kind_softmax": wrong}, targets, space, 0.95).review["kind"] == ALL_NEED_REVIEW > 1


# ---- Scales of single labels ----


def _drawn(rng, count, slope, offset):
    """Logits whose right probability is sigmoid(slope * logit + offset), and what was drawn with it."""
    logits = rng.normal(0, 2, count).astype(np.float32)
    return logits, (rng.random(count) < 1 / (1 + np.exp(-slope * logits - offset))).astype(np.float32)


def test_scales_undo_what_each_label_does_to_its_scores():
    rng = np.random.default_rng(0)
    columns = [_drawn(rng, 4000, 0.4, 0.0), _drawn(rng, 4000, 1.0, -2.0), _drawn(rng, 4000, 2.0, 1.0)]
    scales = fit_scales(*(np.stack(column, axis=1) for column in zip(*columns, strict=True)))
    assert [scale.slope for scale in scales] == pytest.approx([0.4, 1.0, 2.0], rel=0.15)
    assert [scale.offset for scale in scales] == pytest.approx([0.0, -2.0, 1.0], abs=0.2)


def _log_loss(logits, truth, scale):
    scaled = logits if scale is None else scale.slope * logits + scale.offset
    return float((np.logaddexp(0, scaled) - truth * scaled).sum())


@pytest.mark.parametrize("seed", range(8))
def test_a_scale_never_raises_the_loss_and_few_examples_move_it_little(seed):
    rng = np.random.default_rng(seed)
    logits, truth = _drawn(rng, 40, 1.0, 0.0)
    (scale,) = fit_scales(logits[:, None], truth[:, None])
    assert _log_loss(logits, truth, scale) <= _log_loss(logits, truth, None)
    assert scale is None or (0.3 < scale.slope < 2.2 and abs(scale.offset) < 1.6)


def test_scores_that_mislead_still_keep_their_order():
    logits, truth = np.linspace(-3, 3, 400, dtype=np.float32), np.repeat([1.0, 0.0], 200).astype(np.float32)
    (scale,) = fit_scales(logits[:, None], truth[:, None])
    assert 0 < scale.slope < 0.2


def test_rare_labels_share_the_temperature():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 3, (500, 3)).astype(np.float32)
    given = rng.random((500, 3)) < 1 / (1 + np.exp(-logits / 2))
    given[:, 2] = np.arange(500) < 9
    given[:, 0] |= ~given.any(axis=1)  # a product without any label counts as missing
    cells = ["|".join(np.array(["x", "y", "rare"])[row]) for row in given]
    space, targets = _case({"use": cells}, {"use": AttributeConfig(heads="sigmoid")})
    order = [("x", "y", "rare").index(label) for label in space["use"].labels]
    calibration = calibrate({"use_sigmoid": logits[:, order]}, targets, space, 0.9)
    assert set(calibration.scales["use_sigmoid"]) == {"x", "y"}
    slopes, offsets = calibration.line("use_sigmoid", ("rare",))
    assert (slopes[0], offsets[0]) == (pytest.approx(1 / calibration.temperatures["use_sigmoid"]), 0)


def test_the_confidence_of_a_set_is_that_all_its_labels_are_right():
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, (3000, 6)).astype(np.float32)
    given = rng.random((3000, 6)) < 1 / (1 + np.exp(-logits))
    given[~given.any(axis=1), 0] = True
    names = np.array(list("abcdef"))
    space, targets = _case({"use": ["|".join(names[row]) for row in given]}, {"use": AttributeConfig(heads="sigmoid")})
    logits = {"use_sigmoid": logits[:, [list(names).index(label) for label in space["use"].labels]]}
    calibration = calibrate(logits, targets, space, 0.5)
    after = judge_tags(logits, targets, space, calibration)["use"]
    before = judge_tags(logits, targets, space, replace(calibration, sets={}))["use"]
    assert abs(after.confidence.mean() - after.right.mean()) < 0.02
    assert before.confidence.mean() - before.right.mean() > 0.1


def test_two_thousand_labels_and_classes_of_one_product():
    rng = np.random.default_rng(4)
    names = [f"c{i}" for i in range(2000)]
    settings = {"kind": AttributeConfig(heads="both", min_count=1)}
    space, _ = _case({"kind": names}, settings)
    table = pd.DataFrame({"kind": rng.choice([*names[:20] * 50, *names], 400)})
    targets = encode_targets(space, table, settings)
    hot = np.eye(2000, dtype=np.float32)[targets.values["kind_softmax"]]
    logits = (rng.normal(0, 1, hot.shape) + 6 * hot).astype(np.float32)
    calibration = calibrate({"kind_softmax": logits, "kind_sigmoid": logits - 4}, targets, space, 0.5)
    assert 0 < len(calibration.scales["kind_sigmoid"]) <= 20
    assert len(calibration.thresholds["kind"]) == 2000
    assert calibration.curves["kind"]


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
    assert calibration.review["kind"] == ALL_NEED_REVIEW  # 30 right ones don't prove 0.95
    assert calibration.review_at("kind", 0.9) == 1.0


def test_labels_that_validation_never_shows(space):
    table = pd.DataFrame({"colour": [""] * 30, "use": [""] * 30})
    settings = {"colour": AttributeConfig(heads="both"), "use": AttributeConfig(heads="sigmoid")}
    targets = encode_targets(space, table, settings)
    rng = np.random.default_rng(0)
    logits = {name: rng.normal(size=(30, 3)).astype(np.float32) for name in targets.values}
    calibration = calibrate(logits, targets, space, 0.95)
    assert calibration.temperatures == {}
    assert {value for limits in calibration.thresholds.values() for value in limits.values()} == {0.5}
    assert calibration.review == dict.fromkeys(["colour", "use"], ALL_NEED_REVIEW)  # nothing speaks for them
    assert calibration.curves == {"colour": [], "use": []}
