"""What the confidence of tags is worth."""

import numpy as np
import pytest

from tagger.calibration import Calibration, Scale
from tagger.decoding import choose_classes, class_probabilities, probabilities, sigmoid, softmax
from tagger.labels import Attribute, Family, LabelSpace
from tagger.report.confidence import reliability, uncalibrated_answers
from tagger.report.families import family_metrics
from tagger.report.metrics import Tags, expected_calibration_error
from tagger.report.predict import Predictions

PARENT = Attribute("parent", ("a", "b"), (), ("softmax",), "softmax")
CHILD = Attribute("child", ("x", "y", "z"), (), ("softmax",), "softmax", "parent")
USE = Attribute("use", ("u", "v"), ("u", "v"), ("sigmoid",), "sigmoid", multi_valued=True)
TREE = LabelSpace(
    {"parent": PARENT, "child": CHILD}, (Family(("parent", "child"), np.array([[0, 0], [0, 1], [1, 2]])),)
)


def decoded(space: LabelSpace, logits: dict, calibration: Calibration) -> Predictions:
    """Predictions with the tags that `choose_classes` gives."""
    scores = probabilities(logits, space, calibration)
    classes = class_probabilities(scores, space)
    tags = {}
    for name, chosen in choose_classes(classes, space).items():
        labels = np.array(space[name].classes, dtype=object)[chosen]
        n = len(labels)
        tags[name] = Tags(labels, classes[name][range(n), chosen].astype(float), np.zeros(n, bool), [()] * n)
    return Predictions([str(i) for i in range(len(next(iter(scores.values()))))], tags, scores, {})


def test_the_reliability_of_each_bin_adds_up_to_the_error():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.2, 1, 500)
    correct = rng.random(500) < confidence**2
    bins = reliability(confidence, correct)
    assert sum(b["products"] for b in bins) == 500 and len(bins) == 12
    gaps = sum(b["products"] * abs(b["accuracy"] - b["confidence"]) for b in bins)
    assert gaps / 500 == pytest.approx(expected_calibration_error(confidence, correct))


def test_answers_before_calibration_are_those_of_the_plain_scores():
    rng = np.random.default_rng(1)
    logits = {
        f"{name}_softmax": rng.normal(0, 3, (200, n)).astype(np.float32) for name, n in (("parent", 2), ("child", 3))
    }
    calibration = Calibration({"parent_softmax": 3.0, "child_softmax": 0.5})
    answers = uncalibrated_answers(decoded(TREE, logits, calibration), TREE, calibration)
    plain = decoded(TREE, logits, Calibration())
    for name in ("parent", "child"):
        assert (answers[name].label == plain.tags[name].label).all()
        np.testing.assert_allclose(answers[name].confidence, plain.tags[name].confidence, atol=1e-4)


def test_several_labels_before_calibration():
    space = LabelSpace({"use": USE})
    calibration = Calibration(
        {"use_sigmoid": 2.0}, {"use_sigmoid": {"u": Scale(0.5, 1.0)}}, {"use": Scale(0.8, -0.5)}, {"use": {"u": 0.6}}
    )
    logits = np.float32([[2.0, 3.0], [-4.0, 1.0], [-3.0, -2.0]])
    scores = probabilities({"use_sigmoid": logits}, space, calibration)
    labels = np.array(["u|v", "v", ""], dtype=object)
    tags = Tags(labels, np.zeros(3), np.zeros(3, bool), [()] * 3)
    (answers,) = uncalibrated_answers(
        Predictions(["1", "2", "3"], {"use": tags}, scores, {}), space, calibration
    ).values()
    assert answers.label is labels
    raw = sigmoid(logits)
    np.testing.assert_allclose(answers.confidence, [raw[0, 0], raw[1, 1], 1 - raw[2, 1]], atol=1e-5)


def test_families_before_and_after_they_are_decoded_together():
    rng = np.random.default_rng(2)
    truth = rng.choice([0, 1, 2], 400)
    labels = {
        "parent": np.array(["a", "a", "b"], dtype=object)[truth],
        "child": np.array(["x", "y", "z"], dtype=object)[truth],
    }
    logits = {
        "parent_softmax": (2 * np.eye(2)[[0, 0, 1]][truth] + rng.normal(0, 1, (400, 2))).astype(np.float32),
        "child_softmax": (4 * np.eye(3)[truth] + rng.normal(0, 1, (400, 3))).astype(np.float32),
    }
    predictions = decoded(TREE, logits, Calibration())
    labels["child"][:40] = ""
    (family,) = family_metrics(predictions, TREE, labels)
    parents, children = (softmax(logits[f"{name}_softmax"]).argmax(axis=1) for name in ("parent", "child"))
    assert family["attributes"] == ["parent", "child"]
    assert family["contradictions_alone"] == pytest.approx(((children == 2) != (parents == 1)).mean()) != 0
    assert family["contradictions"] == 0
    assert family["accuracy_alone"]["child"] == pytest.approx((children == truth)[40:].mean())
    assert family["accuracy"]["parent"] > family["accuracy_alone"]["parent"]


def test_a_parent_without_labels_in_the_catalog():
    predictions = decoded(
        TREE,
        {"parent_softmax": np.zeros((1, 2), np.float32), "child_softmax": np.zeros((1, 3), np.float32)},
        Calibration(),
    )
    (family,) = family_metrics(predictions, TREE, {"child": np.array(["x"], dtype=object)})
    assert family["accuracy"] == {"child": 1.0}
    (family,) = family_metrics(predictions, TREE, {"child": np.array([""], dtype=object)})
    assert family["accuracy"] == family["accuracy_alone"] == {}
