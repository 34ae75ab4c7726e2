from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tagger.calibration import Calibration
from tagger.config import AttributeConfig, Config
from tagger.errors import CatalogError
from tagger.labels import Attribute, LabelSpace
from tagger.report.judge import FIVE, judge
from tagger.report.metrics import Tags
from tagger.report.predict import Predictions

pytestmark = pytest.mark.filterwarnings("error")

GENDER = Attribute("gender", ("Men", "Women"), ("Men", "Women"), ("softmax", "sigmoid"), "softmax")
SHOWN_IN = Attribute("shownIn", ("Sale", "Home"), ("Sale", "Home"), ("sigmoid",), "sigmoid", multi_valued=True)
NEUTRAL = Calibration()


def tags(*labels: str) -> Tags:
    n = len(labels)
    return Tags(np.array(labels, dtype=object), np.full(n, 0.8), np.zeros(n, bool), [(label,) for label in labels])


def one_hot(*columns: int, width: int = 2) -> np.ndarray:
    return np.eye(width, dtype=np.float32)[list(columns)] * 0.8 + 0.1


def example() -> tuple[Predictions, pd.DataFrame]:
    table = pd.DataFrame(
        {
            "image": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"],
            "gender": ["Men", "Women", "", "Men"],
            "shownIn": ["Home|Sale", "Sale", "Home", ""],
        },
        index=pd.Index(["1", "2", "3", "4"], name="id"),
    )
    predictions = Predictions(
        ids=["1", "2", "3"],
        tags={"gender": tags("Men", "Men", "Men"), "shownIn": tags("Sale|Home", "Sale", "Sale")},
        scores={
            "gender_softmax": one_hot(0, 1, 0),
            "gender_sigmoid": one_hot(0, 1, 0),
            "shownIn_sigmoid": np.array([[0.9, 0.9], [0.9, 0.1], [0.9, 0.1]], dtype=np.float32),
        },
        problems={"4": "4.jpg is no photo"},
    )
    return predictions, table


def judged(
    predictions: Predictions,
    table: pd.DataFrame,
    *attributes: Attribute,
    config: Config | None = None,
    calibration: Calibration = NEUTRAL,
):
    space = LabelSpace({a.name: a for a in attributes or (GENDER, SHOWN_IN)})
    return judge(predictions, table, space, calibration, config or Config(), part="test", bundle="0123")


def test_tags_count_and_the_heads_are_reported_beside_them():
    gender = judged(*example()).attributes["gender"].metrics
    assert (gender["support"], gender["missing"]) == (2, 1)
    assert gender["accuracy"] == 0.5  # the tags say Men, Men
    assert gender["softmax"]["accuracy"] == 1  # the head alone says Men, Women
    assert gender["sigmoid"]["subset_accuracy"] == 1
    assert gender["primary_head"] == "softmax"


def test_rows_of_both_heads_are_in_one_table():
    rows = judged(*example()).attributes["gender"].per_class
    assert rows["head"].tolist() == ["softmax", "softmax", "sigmoid", "sigmoid"]
    assert rows["threshold"].isna().tolist() == [True, True, False, False]


def test_rows_of_tags_that_come_from_a_sigmoid_head_are_called_tag():
    rows = judged(*example(), replace(GENDER, primary="sigmoid")).attributes["gender"].per_class
    assert rows["head"].tolist() == ["tag", "tag", "sigmoid", "sigmoid"]


def test_several_labels_are_right_in_any_order():
    shown = judged(*example()).attributes["shownIn"]
    assert shown.metrics["accuracy"] == pytest.approx(2 / 3)
    assert shown.metrics["top_3_accuracy"] is None
    assert shown.metrics["sigmoid"]["hamming_loss"] == pytest.approx(2 / 6)
    assert shown.confusion is None


def test_unreadable_photos_are_counted_and_left_out():
    evaluation = judged(*example())
    assert evaluation.products == 3
    assert evaluation.to_json()["unreadable"] == 1
    assert evaluation.predictions["error"].tolist() == ["", "", "", "4.jpg is no photo"]
    assert any("1 product(s) have no readable photo" in note for note in evaluation.notes)


def test_predictions_hold_truth_and_tag():
    row = judged(*example()).predictions.iloc[1]
    assert row["id"] == "2"
    assert (row["gender_truth"], row["gender"], row["gender_confidence"]) == ("Women", "Men", 0.8)


def test_a_label_that_the_model_does_not_know_is_wrong_and_named():
    predictions, table = example()
    table.loc["2", "gender"] = "Pets"
    evaluation = judged(predictions, table)
    gender = evaluation.attributes["gender"].metrics
    assert gender["unknown_labels"] == {"Pets": 1}
    assert gender["accuracy"] == gender["softmax"]["accuracy"] == 0.5
    assert gender["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert any('"Pets"' in note and "count as wrong" in note for note in evaluation.notes)


def test_unknown_labels_are_merged_where_training_merged_rare_ones():
    predictions, table = example()
    table.loc["2", "gender"] = "Pets"
    predictions.tags["gender"].label[1] = "Other"
    attribute = replace(GENDER, classes=("Men", "Other"), labels=(), heads=("softmax",))
    config = Config(attributes={"gender": AttributeConfig(rare="merge")})
    assert judged(predictions, table, attribute, config=config).attributes["gender"].metrics["accuracy"] == 1
    assert judged(predictions, table, attribute).attributes["gender"].metrics["accuracy"] == 0.5


def test_attributes_without_truth_are_noted():
    predictions, table = example()
    evaluation = judged(predictions, table.assign(gender="").drop(columns="shownIn").assign(shownIn="Sale"))
    assert list(evaluation.attributes) == ["shownIn"]
    assert "No product of this part has a known gender: not judged." in evaluation.notes
    evaluation = judged(predictions, table.drop(columns="gender"))
    assert "The catalog has no gender: not judged." in evaluation.notes
    assert "gender_truth" not in evaluation.predictions
    assert "gender" in evaluation.predictions


def test_no_truth_at_all():
    predictions, table = example()
    with pytest.raises(CatalogError, match="Nothing to compare with"):
        judged(predictions, table.assign(gender="", shownIn=""))


def test_all_attributes_at_once_where_the_five_are_not_there():
    together = judged(*example()).all_at_once
    assert together == {
        "attributes": ["gender", "shownIn"], "support": 2, "accuracy": 0.5, "majority_accuracy": 0.5,
    }  # fmt: skip


def test_the_five_at_once_leave_out_the_others():
    names = (*FIVE, "baseColour")
    n = len(names)
    table = pd.DataFrame({"image": [""], **{name: ["x"] for name in names}}, index=["1"])
    predictions = Predictions(
        ["1"],
        {name: tags("y" if name == "baseColour" else "x") for name in names},
        {f"{name}_softmax": one_hot(0) for name in names},
        {},
    )
    space = [Attribute(name, ("x", "y"), (), ("softmax",), "softmax") for name in names]
    together = judged(predictions, table, *space).all_at_once
    assert together["attributes"] == list(FIVE)
    assert together["accuracy"] == 1
    assert n == 6


def test_one_class_and_one_product():
    attribute = Attribute("gender", ("Men",), ("Men",), ("softmax", "sigmoid"), "softmax")
    table = pd.DataFrame({"image": [""], "gender": ["Men"]}, index=["1"])
    scores = {"gender_softmax": np.ones((1, 1), np.float32), "gender_sigmoid": np.ones((1, 1), np.float32)}
    gender = judged(Predictions(["1"], {"gender": tags("Men")}, scores, {}), table, attribute).attributes["gender"]
    assert gender.metrics["accuracy"] == gender.metrics["macro_f1"] == gender.metrics["sigmoid"]["macro_f1"] == 1


def test_a_sigmoid_head_that_knows_no_label_of_the_part_has_no_figures():
    predictions, table = example()
    evaluation = judged(predictions, table.assign(gender="Pets", shownIn="Cellar|Attic"))
    for name, row_count in (("gender", 2), ("shownIn", 0)):  # Men and Pets; nothing
        attribute = evaluation.attributes[name]
        assert attribute.metrics["sigmoid"] is None
        assert attribute.metrics["accuracy"] == 0
        assert len(attribute.per_class) == row_count


def test_what_can_be_accepted():
    predictions, table = example()
    predictions.tags["gender"].needs_review[:] = [False, True, True]
    evaluation = judged(predictions, table, config=Config.model_validate({"review": {"target_precision": 0.9}}))
    gender = evaluation.attributes["gender"].metrics
    assert gender["target_precision"] == 0.9
    assert (gender["coverage"], gender["needs_review"], gender["accepted_accuracy"]) == (0.5, 0.5, 1)
    assert gender["coverage_interval"] == [0, 1] and gender["accepted_accuracy_interval"] == [1, 1]
    assert gender["reliability"] == [{"confidence": pytest.approx(0.8), "accuracy": 0.5, "products": 2}]
    predictions.tags["gender"].needs_review[:] = True
    gender = judged(predictions, table).attributes["gender"].metrics
    assert gender["coverage"] == 0 and gender["accepted_accuracy"] is gender["accepted_accuracy_interval"] is None


def test_products_that_look_like_none():
    predictions, table = example()
    assert judged(predictions, table).to_json()["not_a_product"] is None
    predictions.scores["novelty"] = np.float32([[0.5], [1.5], [0.9]])
    evaluation = judged(predictions, table)
    assert evaluation.to_json()["not_a_product"] == pytest.approx(1 / 3)
    assert evaluation.predictions["not_a_product"].tolist()[:3] == [False, True, False]
