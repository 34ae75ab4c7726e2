from __future__ import annotations

import numpy as np
import pytest

from tagger.config import Composite
from tagger.labels import Attribute
from tagger.report.heads import compare_heads, heads_sentence

pytestmark = pytest.mark.filterwarnings("error")

GENDER = Attribute(
    "gender", ("Men", "Women", "Unisex"), ("Men", "Women"), ("softmax", "sigmoid"), "softmax",
    composites=(Composite(label="Unisex", means=("Men", "Women")),),
)  # fmt: skip
LIMITS = np.array([0.5, 0.5], dtype=np.float32)


def compared(truth: str, softmax: str, sigmoid: list[tuple[int, int]]) -> dict:
    """What the heads say: a class each, and the labels (Men, Women) over their thresholds."""
    scores = np.array([np.eye(3)[GENDER.classes.index(label)] for label in softmax.split()], dtype=np.float32)
    given = np.array(sigmoid, dtype=np.float32)
    return compare_heads(GENDER, np.array(truth.split(), dtype=object), scores, given, LIMITS)


def test_by_hand():
    found = compared("Men Women Unisex Men", "Men Women Men Women", [(1, 0), (0, 0), (1, 1), (0, 1)])
    assert found["softmax"]["accuracy"] == found["sigmoid"]["accuracy"] == 0.5
    assert found["agreement"] == 0.5  # the first and the last product
    assert found["agreed_accuracy"] == 0.5
    assert found["undecided"] == 0.25
    assert (found["softmax"]["differing_accuracy"], found["sigmoid"]["differing_accuracy"]) == (0.5, 0.5)
    assert found["softmax"]["decided_accuracy"] == pytest.approx(1 / 3)
    assert (found["common_classes"], found["rare_classes"]) == (0, 3)
    assert found["softmax"]["macro_f1_common"] is None


def test_the_sentence_names_the_better_head():
    right = {"Men": (1, 0), "Women": (0, 1)}
    truth = ["Men", "Women"] * 20
    worse = [right[t] if i % 4 else (0, 0) for i, t in enumerate(truth)]
    text = heads_sentence(compared(" ".join(truth), " ".join(truth), worse))
    assert text.startswith(
        "Trust the softmax head for one label a product: softmax is right for 100.0\N{NO-BREAK SPACE}%"
    )
    assert "names no class, or several, for 25.0" in text
    swapped = " ".join("Men" if i % 4 else "Women" for i in range(40))
    assert "Trust the sigmoid head" in heads_sentence(compared(" ".join(truth), swapped, [right[t] for t in truth]))


def test_a_difference_within_chance_is_called_none():
    truth = "Men Women " * 20
    sigmoid = [(1, 0), (0, 1)] * 20
    softmax = ["Women", *truth.split()[1:]]
    text = heads_sentence(compared(truth, " ".join(softmax), sigmoid))
    assert text.startswith("The heads are equally good")


def test_heads_that_never_differ_or_never_agree():
    same = compared("Men Men", "Men Men", [(1, 0), (1, 0)])
    assert same["softmax"]["differing_accuracy"] is None
    assert "Where they differ" not in heads_sentence(same)
    never = compared("Men Men", "Men Men", [(0, 0), (0, 0)])
    assert never["agreed_accuracy"] is None and never["sigmoid"]["decided_accuracy"] is None
    assert "Where both say the same" not in heads_sentence(never)


def test_a_single_rare_class_is_spoken_of_as_one():
    truth = "Men " * 12 + "Women"
    text = heads_sentence(compared(truth, truth, [(1, 0)] * 12 + [(0, 1)]))
    assert "On the only class with fewer than 10 products here" in text
