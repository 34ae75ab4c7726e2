"""Decoding: probabilities that sum to 1, and parents and children that never contradict each other."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tagger.calibration import Calibration, Scale
from tagger.config import Composite, HeadKind
from tagger.decoding import (
    choose_classes,
    class_probabilities,
    pattern_probabilities,
    probabilities,
    set_confidence,
    sigmoid,
    softmax,
    uncalibrated,
)
from tagger.labels import Attribute, Family, LabelSpace, output_name

LOGITS = st.floats(-60, 60, width=32, allow_subnormal=False)
UNISEX = Composite(label="Unisex", means=("Men", "Women"))
GENDER = Attribute(
    "gender", ("Men", "Women", "Unisex"), ("Men", "Women"), ("softmax", "sigmoid"), "sigmoid", None, (UNISEX,)
)


def attribute(name: str, classes: int, primary: HeadKind = "softmax", parent: str | None = None) -> Attribute:
    names = tuple(f"{name}{i}" for i in range(classes))
    return Attribute(name, names, names if primary == "sigmoid" else (), (primary,), primary, parent)


def same(found: NDArray[np.float32], expected: object, tolerance: float = 1e-6) -> None:
    np.testing.assert_allclose(found, expected, atol=tolerance)


# ---- Heads ----


def test_softmax_of_known_logits() -> None:
    same(softmax(np.log([[1.0, 2.0, 5.0]])), [[0.125, 0.25, 0.625]])
    same(softmax(np.log([[1.0, 4.0]]), temperature=2.0), [[1 / 3, 2 / 3]])


def test_sigmoid_of_known_logits() -> None:
    same(sigmoid(np.array([0.0, np.log(3), -np.log(3)])), [0.5, 0.75, 0.25])
    same(sigmoid(np.array([np.log(9)]), temperature=2.0), [0.75])


@given(
    arrays.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False)),
    st.floats(0.1, 10),
)
def test_heads_give_probabilities_whatever_the_logits(logits: NDArray[np.float32], temperature: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p, q = softmax(logits, temperature), sigmoid(logits, temperature)
    assert p.dtype == q.dtype == np.float32
    assert ((p >= 0) & (p <= 1) & (q >= 0) & (q <= 1)).all()
    same(p.sum(axis=1), 1)


def test_each_output_has_its_own_temperature() -> None:
    logits = {"gender_softmax": np.log([[1.0, 4.0, 4.0]]), "gender_sigmoid": np.array([[0.0, np.log(9)]])}
    found = probabilities(logits, LabelSpace({"gender": GENDER}), Calibration({"gender_softmax": 2.0}))
    assert list(found) == ["gender_softmax", "gender_sigmoid"]
    same(found["gender_softmax"], [[0.2, 0.4, 0.4]])
    same(found["gender_sigmoid"], [[0.5, 0.9]])


def test_labels_with_a_scale_of_their_own() -> None:
    calibration = Calibration({"gender_sigmoid": 2.0}, {"gender_sigmoid": {"Women": Scale(3.0, np.log(9))}})
    logits = {"gender_softmax": np.zeros((1, 3), np.float32), "gender_sigmoid": np.array([[np.log(9), 0.0]])}
    same(probabilities(logits, LabelSpace({"gender": GENDER}), calibration)["gender_sigmoid"], [[0.75, 0.9]])


@given(arrays.arrays(np.float32, (4, 3), elements=st.floats(-9, 9, width=32)), st.floats(0.3, 5), st.floats(-2, 2))
def test_what_the_heads_said_before_calibration(logits: NDArray[np.float32], temperature: float, offset: float) -> None:
    space = LabelSpace({"gender": GENDER})
    calibration = Calibration(
        {"gender_softmax": temperature, "gender_sigmoid": 1.5}, {"gender_sigmoid": {"Men": Scale(0.7, offset)}}
    )
    raw = {"gender_softmax": logits, "gender_sigmoid": logits[:, :2]}
    found = uncalibrated(probabilities(raw, space, calibration), space, calibration)
    for name, expected in probabilities(raw, space, Calibration()).items():
        same(found[name], expected, 2e-4)


# ---- Single-valued attributes with a sigmoid head ----


def test_pattern_probabilities_by_hand() -> None:
    # Men alone .8 * .6, Women alone .2 * .4, both .8 * .4; neither is no class.
    same(pattern_probabilities(GENDER, np.float32([[0.8, 0.4]])), [np.array([0.48, 0.08, 0.32]) / 0.88])


def test_a_class_with_two_patterns_has_the_probability_of_both() -> None:
    children = Composite(label="Unisex", means=("Boys", "Girls"), where={"ageGroup": "Kids"})
    labels = ("Men", "Women", "Boys", "Girls")
    gender = Attribute("gender", (*labels, "Unisex"), labels, ("sigmoid",), "sigmoid", None, (children, UNISEX))
    p = pattern_probabilities(gender, np.float32([[0.5, 0.5, 0.5, 0.5]]))
    same(p, [[1 / 6, 1 / 6, 1 / 6, 1 / 6, 2 / 6]])


@given(arrays.arrays(np.float32, (2, 46), elements=st.floats(0, 1, width=32, allow_subnormal=False)))
def test_pattern_probabilities_sum_to_one_even_for_many_unlikely_labels(scores: NDArray[np.float32]) -> None:
    p = pattern_probabilities(attribute("colour", 46, "sigmoid"), scores)
    assert (p >= 0).all()
    same(p.sum(axis=1), 1, 1e-5)


def test_one_sure_label_among_many_wins() -> None:
    scores = np.full((1, 46), 1e-6, dtype=np.float32)
    scores[0, 30] = 0.9
    p = pattern_probabilities(attribute("colour", 46, "sigmoid"), scores)
    assert p.argmax() == 30
    assert p[0, 30] > 0.99


def test_an_attribute_with_one_class_is_certain() -> None:
    for primary in ("softmax", "sigmoid"):
        only = attribute("only", 1, primary)
        space = LabelSpace({"only": only})
        scores = {output_name(only, primary): np.float32([[1.0 if primary == "softmax" else 0.1]])}
        classes = class_probabilities(scores, space)
        same(classes["only"], [[1]])
        assert choose_classes(classes, space)["only"].tolist() == [0]


# ---- Families ----


@st.composite
def families(draw: st.DrawFn) -> tuple[LabelSpace, dict[str, NDArray[np.float32]]]:
    """A chain of two or three linked attributes, a sibling, an attribute apart, and scores of five photos."""
    depth, photos = draw(st.integers(2, 3)), 5
    attributes = [attribute("season", 3)]
    for level in range(depth):
        parent = f"level{level - 1}" if level else None
        attributes.append(attribute(f"level{level}", draw(st.integers(1, 5)), draw(st.sampled_from(HEADS)), parent))
    names = tuple(a.name for a in attributes[1:])
    sizes = [len(a.classes) for a in attributes[1:]]
    row = st.tuples(*[st.integers(0, size - 1) for size in sizes])
    combinations = draw(st.lists(row, min_size=1, max_size=8, unique=True))
    space = LabelSpace({a.name: a for a in attributes}, (Family(names, np.array(combinations, dtype=np.int64)),))
    logits = {
        output.name: draw(arrays.arrays(np.float32, (photos, len(output.values)), elements=LOGITS))
        for output in space.outputs()
    }
    return space, probabilities(logits, space, Calibration())


HEADS: tuple[HeadKind, ...] = ("softmax", "sigmoid")


@given(families())
def test_parents_and_children_never_contradict_each_other(
    drawn: tuple[LabelSpace, dict[str, NDArray[np.float32]]],
) -> None:
    space, scores = drawn
    classes = class_probabilities(scores, space)
    for p in classes.values():
        assert (p >= 0).all()
        same(p.sum(axis=1), 1, 1e-5)
    chosen = choose_classes(classes, space)
    (family,) = space.families
    seen = set(map(tuple, family.combinations.tolist()))
    assert set(zip(*(chosen[name].tolist() for name in family.attributes), strict=True)) <= seen
    assert (chosen["season"] == classes["season"].argmax(axis=1)).all()


@given(families())
def test_most_probable_classes_that_agree_are_the_answer(
    drawn: tuple[LabelSpace, dict[str, NDArray[np.float32]]],
) -> None:
    space, scores = drawn
    classes = class_probabilities(scores, space)
    chosen = choose_classes(classes, space)
    (family,) = space.families
    seen = set(map(tuple, family.combinations.tolist()))
    for row in range(5):
        best = tuple(int(classes[name][row].argmax()) for name in family.attributes)
        if best in seen:
            for name, column in zip(family.attributes, best, strict=True):
                assert classes[name][row, chosen[name][row]] == pytest.approx(classes[name][row, column], abs=1e-6)


@pytest.fixture
def tree() -> LabelSpace:
    """Parent a over x and y, parent b over z."""
    parent = Attribute("parent", ("a", "b"), (), ("softmax",), "softmax")
    child = Attribute("child", ("x", "y", "z"), (), ("softmax",), "softmax", "parent")
    family = Family(("parent", "child"), np.array([[0, 0], [0, 1], [1, 2]]))
    return LabelSpace({"parent": parent, "child": child}, (family,))


def test_a_sure_child_corrects_an_unsure_parent(tree: LabelSpace) -> None:
    scores = {"parent_softmax": np.float32([[0.6, 0.4]]), "child_softmax": np.float32([[0.05, 0.05, 0.9]])}
    classes = class_probabilities(scores, tree)
    same(classes["parent"], scores["parent_softmax"])  # confidences stay those of the heads
    assert choose_classes(classes, tree) == {"parent": [1], "child": [2]}


def test_classes_that_contradict_each_other_are_settled_by_the_expected_number_of_right_labels(
    tree: LabelSpace,
) -> None:
    classes = {"parent": np.float32([[0.6, 0.4]]), "child": np.float32([[0.3, 0.3, 0.4]])}
    # (a, x): .6 + .3, (b, z): .4 + .4.
    assert choose_classes(classes, tree) == {"parent": [0], "child": [0]}


# ---- Multi-valued attributes ----


def test_the_confidence_of_several_labels() -> None:
    scores = np.float32([[0.9, 0.3, 0.6], [0.2, 0.1, 0.4], [0.5, 0.25, 0.0]])
    given_ = scores >= np.float32([0.5, 0.25, 0.7])
    assert given_.tolist() == [[True, True, False], [False, False, False], [True, True, False]]
    same(set_confidence(scores, given_), [0.3, 0.6, 0.25])
    # The logit of 0.75 is log 3; 2 * log 3 - log 3 is the same again.
    same(set_confidence(np.float32([[0.75]]), np.array([[True]]), Scale(2.0, -np.log(3))), [0.75])
