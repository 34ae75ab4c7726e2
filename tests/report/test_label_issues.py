from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tagger.config import PhotoConfig
from tagger.labels import Attribute, LabelSpace
from tagger.report.evaluation import ISSUE_COLUMNS
from tagger.report.label_issues import label_issues, near_duplicate_groups
from tagger.report.predict import Predictions

pytestmark = pytest.mark.filterwarnings("error")

TYPE = Attribute("type", ("Cups", "Belts", "Hats", "Rings"), (), ("softmax",), "softmax")


def issues(
    truth: list[str], seen: list[str], groups: list[int] | None = None, attribute: Attribute = TYPE
) -> pd.DataFrame:
    """Products of which the model is nearly sure what it sees."""
    scores = np.full((len(seen), len(attribute.classes)), 0.02, dtype=np.float32)
    scores[np.arange(len(seen)), [attribute.classes.index(label) for label in seen]] = 0.94
    predictions = Predictions([f"p{i}" for i in range(len(truth))], {}, {f"{attribute.name}_softmax": scores}, {})
    images = [f"{i}.jpg" for i in range(len(truth))]
    labels = {attribute.name: np.array(truth, dtype=object)}
    numbers = np.array(groups or range(len(truth)), dtype=np.int64)
    return label_issues(predictions, images, labels, LabelSpace({attribute.name: attribute}), numbers)


def test_labels_that_the_model_surely_contradicts_are_found():
    truth = ["Cups"] * 20 + ["Belts"] * 20
    seen = [*truth]
    truth[3], truth[30] = "Belts", "Cups"
    found = issues(truth, seen)
    assert list(found.columns) == list(ISSUE_COLUMNS)
    assert {tuple(row) for row in found[["id", "image", "given", "suggested", "source", "twin"]].to_numpy()} == {
        ("p3", "3.jpg", "Belts", "Cups", "model", ""), ("p30", "30.jpg", "Cups", "Belts", "model", ""),
    }  # fmt: skip
    assert found["score"].tolist() == pytest.approx([0.02, 0.02])


def test_absent_classes_missing_labels_unknown_ones_and_a_class_with_one_product():
    truth = ["Cups"] * 20 + ["Belts"] * 20 + ["Rings", "", "Spoons"]  # no Hats
    seen = [*truth[:40], "Rings", "Hats", "Cups"]
    assert issues(truth, seen).empty
    truth[5] = "Belts"
    assert issues(truth, seen)["id"].tolist() == ["p5"]


@pytest.mark.parametrize("truth", [["Cups"] * 5, ["", ""], ["Cups"]])
def test_nothing_to_compare(truth):
    assert issues(truth, ["Cups"] * len(truth)).empty


def test_near_duplicates_that_disagree():
    truth = ["Cups", "Cups", "Belts", "Hats", "Hats", "", "Rings"]
    seen = ["Cups", "Cups", "Belts", "Hats", "Hats", "Cups", "Rings"]
    found = issues(truth, seen, groups=[0, 0, 0, 1, 1, 1, 2])
    assert found[["id", "given", "suggested", "source", "twin"]].to_numpy().tolist() == [
        ["p2", "Belts", "Cups", "near-duplicate", "p0"]
    ]
    assert found["score"].iloc[0] == pytest.approx(1 / 3)


def test_of_two_near_duplicates_the_model_says_which_is_likelier():
    found = issues(["Cups", "Belts"], ["Belts", "Belts"], groups=[7, 7])
    twins = found[found["source"] == "near-duplicate"]
    assert twins[["id", "given", "suggested", "score", "twin"]].to_numpy().tolist() == [
        ["p0", "Cups", "Belts", 0.5, "p1"]
    ]


def test_attributes_with_several_labels_are_compared_between_near_duplicates():
    shown = Attribute("shown", ("Sale", "Home"), ("Sale", "Home"), ("sigmoid",), "sigmoid", multi_valued=True)
    predictions = Predictions(["1", "2"], {}, {"shown_sigmoid": np.full((2, 2), 0.5, dtype=np.float32)}, {})
    truth = {"shown": np.array(["Home|Sale", "Home"], dtype=object)}
    found = label_issues(predictions, ["a", "b"], truth, LabelSpace({"shown": shown}), np.zeros(2, dtype=np.int64))
    assert found[["given", "suggested"]].to_numpy().tolist() == [["Home|Sale", "Home"]]


def test_groups_of_photos(tmp_path):
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 255, (80, 60, 3), dtype=np.uint8)
    for name, pixels in {"a": photo, "b": photo[:, ::-1], "c": photo}.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    images = [str(tmp_path / f"{name}.png") for name in ("a", "gone", "b", "c", "gone too")]
    groups = near_duplicate_groups(images, PhotoConfig(), 1)
    assert groups[0] == groups[3]
    assert len(set(groups.tolist())) == 4
    assert len(near_duplicate_groups(images[1:2], PhotoConfig(), 1)) == 1
