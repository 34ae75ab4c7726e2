from __future__ import annotations

from tagger.config import Config
from tagger.labels import Attribute, LabelSpace
from tagger.report.card import bundle_facts, render_card, validation_evaluation

SPACE = LabelSpace(
    {
        "articleType": Attribute("articleType", ("Cups", "Belts | <b>"), (), ("softmax",), "softmax", "masterCategory"),
        "gender": Attribute("gender", ("Men",), ("Men",), ("softmax", "sigmoid"), "sigmoid"),
    }
)
METRICS = {
    "part": "validation",
    "photos": 1234,
    "tag_accuracy": {"articleType": 0.875, "gender": 0.9},
    "tag_majority_accuracy": {"articleType": 0.16, "gender": 0.5},
    "tag_coverage": {"articleType": 0.7, "gender": 0.0},
    "tag_accepted_accuracy": {"articleType": 0.951, "gender": None},
    "tag_ece": {"articleType": 0.012, "gender": 0.02},
    "articleType_macro_f1": 0.5,
    "gender_macro_f1": 0.7,
}
ABOUT = {"command": "tagger train --out runs/x", "seed": 7, "products": 2000}


def card(metrics: dict, about: dict = ABOUT, **changes) -> str:
    facts = bundle_facts(Config(), SPACE, about, ["train"] * 3 + ["test"], "fashion")
    return render_card({**facts, "evaluation": validation_evaluation(metrics), **changes})


def test_the_figures_are_those_of_metrics_json():
    text = card(METRICS)
    row = [line for line in text.splitlines() if line.startswith("| articleType")][-1]
    figures = [cell.strip() for cell in row.split("|")][2:8]
    assert figures == ["0.875", "0.160", "0.500", "0.700", "0.951", "0.012"]
    assert "1,234 products" in text
    assert "slightly lower" in " ".join(text.split())


def test_what_is_undefined_is_not_0():
    gender = [line for line in card(METRICS).splitlines() if line.startswith("| gender")][-1]
    assert [cell.strip() for cell in gender.split("|")][2:8] == ["0.900", "0.500", "0.700", "0.000", "–", "0.020"]


def test_it_says_where_the_model_came_from():
    text = card(METRICS, bytes=3_500_000)
    for expected in ("# Model card: fashion", "tagger train --out runs/x", "2,000 products. Split: train 3, test 1",
                     "3.5 MB", "random weights", "## Licence", "articleType and gender"):  # fmt: skip
        assert expected in text
    assert "| seed" in text and "| 7" in text
    assert r"Belts \| <b>" in text  # stays in its cell
    fine_tuned = card(METRICS, {**ABOUT, "started_from": {"model": "fashion", "id": "0"}})
    assert "started from the model fashion)" in fine_tuned and "random weights" not in fine_tuned


def test_a_model_without_a_validation_part_says_so():
    assert "the model was TRAINED on these products" in card({**METRICS, "part": "train"})


def test_a_bundle_of_an_older_program():
    old = {"part": "validation", "photos": 5, "tag_accuracy": {"gender": 0.9}}
    gender = [line for line in card(old).splitlines() if line.startswith("| gender")][-1]
    assert [cell.strip() for cell in gender.split("|")][2:8] == ["0.900", "–", "–", "–", "–", "–"]
