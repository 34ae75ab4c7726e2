import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tagger.calibration import Calibration
from tagger.config import Config
from tagger.errors import OutputError
from tagger.labels import Attribute, Family, LabelSpace
from tagger.report.evaluation import Evaluation
from tagger.report.judge import judge
from tagger.report.metrics import Tags
from tagger.report.predict import Predictions
from tagger.report.summary import summary_markdown, summary_text
from tagger.report.write import write_report

pytestmark = pytest.mark.filterwarnings("error")

NAMES = ("masterCategory", "subCategory", "gender", "season", "usage", "displayCategories")
FAMILY = Family(("masterCategory", "subCategory"), np.stack(np.mgrid[0:8, 0:8]).reshape(2, -1).T)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """A model that is right about four times in five, and one product without a photo."""
    rng = np.random.default_rng(3)
    classes = tuple(f"class {letter}" for letter in "abcdefgh")
    names = np.array(classes, dtype=object)
    ids = [f"{i}" for i in range(200)]
    table = pd.DataFrame({"image": "x.jpg"}, index=pd.Index([*ids, "broken"], name="id"))
    tags, scores, space = {}, {}, {}
    for name in NAMES:
        truth = rng.integers(0, 8, 200)
        found = np.where(rng.random(200) < 0.8, truth, rng.integers(0, 8, 200))
        table[name] = [*names[truth], "class a"]
        best = [(classes[i], classes[(i + 1) % 8], classes[(i + 2) % 8]) for i in found]
        tags[name] = Tags(names[found], rng.uniform(0.6, 1, 200), rng.random(200) < 0.1, best)
        scores[f"{name}_softmax"] = scores[f"{name}_sigmoid"] = np.eye(8, dtype=np.float32)[found] * 0.8 + 0.025
        space[name] = Attribute(name, classes, classes, ("softmax", "sigmoid"), "softmax")
    predictions = Predictions(ids, tags, scores, {"broken": "x.jpg is not a photo."})
    return judge(
        predictions, table, LabelSpace(space, (FAMILY,)), Calibration(), Config(),
        part="test", notes=["Mind the gap."], bundle="0123456789abcdef", command="tagger evaluate --split test",
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(evaluation, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reports") / "report"
    write_report(evaluation, folder)
    return folder


@pytest.fixture
def small(evaluation) -> Evaluation:
    return replace(evaluation, attributes={"gender": evaluation.attributes["gender"]})


def test_the_report_holds_what_it_promises(report):
    found = {path.name for path in report.iterdir()}
    assert found == {
        "metrics.json", "summary.md", "predictions.csv", "confused_pairs.csv", "reliability.png",
        "report.html", "label_issues.csv",
        *(f"per_class_{name}.csv" for name in NAMES), *(f"confusion_{name}.png" for name in NAMES),
    }  # fmt: skip


def test_metrics_are_json_that_says_the_same(evaluation, report):
    read = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    assert read == evaluation.to_json()
    assert read["products"] == 200
    assert read["unreadable"] == 1
    assert read["command"] == "tagger evaluate --split test"
    accuracies = [values["macro_f1"] for values in read["attributes"].values()]
    assert read["mean_macro_f1"] == pytest.approx(np.mean(accuracies))


def test_tables_can_be_read_back(evaluation, report):
    rows = pd.read_csv(report / "per_class_gender.csv")
    classes = rows[rows["head"] == "softmax"]
    metrics = evaluation.attributes["gender"].metrics
    assert classes["f1"].mean() == pytest.approx(metrics["macro_f1"], abs=1e-3)
    assert classes["support"].sum() == 200
    predictions = pd.read_csv(report / "predictions.csv")
    written = pd.read_csv(report / "predictions.csv", dtype=str)["gender_needs_review"].dropna()
    assert set(written) <= {"true", "false"} and len(written) == 200
    right = (predictions["gender"] == predictions["gender_truth"]).sum() / 200
    assert right == pytest.approx(metrics["accuracy"])
    pairs = pd.read_csv(report / "confused_pairs.csv")
    assert pairs.groupby("attribute").size().max() == 20


def test_an_older_report_is_replaced(small, tmp_path):
    folder = tmp_path / "report"
    write_report(small, folder)
    (folder / "per_class_old.csv").write_text("old")
    write_report(small, folder)
    assert not (folder / "per_class_old.csv").exists()


def test_a_folder_with_other_things_is_left_alone(small, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds other files"):
        write_report(small, tmp_path)
    assert (tmp_path / "thesis.txt").exists()
    (tmp_path / "metrics.json").write_text("{}")  # as a bundle has it, too
    with pytest.raises(OutputError, match="holds other files"):
        write_report(small, tmp_path)
    with pytest.raises(OutputError, match="a file of that name"):
        write_report(small, tmp_path / "thesis.txt")


def test_the_terminal_summary_fits_a_terminal(evaluation):
    text = summary_text(evaluation)
    assert max(map(len, text.splitlines())) <= 100
    assert [line.split()[0] for line in text.splitlines()[1:7]] == list(NAMES)
    assert "All 5 at once (masterCategory, subCategory, gender, season, usage)" in text


def test_the_markdown_summary_names_everything(evaluation):
    text = summary_markdown(evaluation)
    accuracy = evaluation.attributes["season"].metrics["accuracy"]
    season = next(line for line in text.splitlines() if line.startswith("| season"))
    assert f"{accuracy:.3f}" in season
    for expected in ("the test part: 200 products", "Mind the gap.", "## Sigmoid heads", "## Most frequent confusions"):
        assert expected in text
    assert "no readable photo" in text


def test_the_markdown_summary_says_what_can_be_accepted(evaluation):
    text = summary_markdown(evaluation).split("## What can be accepted without review")[1]
    season = next(line for line in text.splitlines() if line.startswith("| season"))
    metrics = evaluation.attributes["season"].metrics
    low, high = metrics["coverage_interval"]
    assert f"{metrics['coverage']:.3f} | [{low:.3f}, {high:.3f}]" in season
    assert f"{metrics['ece_uncalibrated']:.3f} → {metrics['ece']:.3f}" in season
    assert "masterCategory, subCategory: the most probable classes" in text
    assert "on 0.00 %." in text
    assert "look like none" not in text
    assert "1.50 % of these products look like none" in summary_markdown(replace(evaluation, not_a_product=0.015))


def test_where_nothing_can_be_accepted(small):
    gender = small.attributes["gender"]
    nothing = {"coverage": 0.0, "accepted_accuracy": None, "accepted_accuracy_interval": None}
    judged = replace(gender, metrics={**gender.metrics, **nothing})
    line = next(
        line
        for line in summary_markdown(replace(small, attributes={"gender": judged})).splitlines()
        if line.startswith("| gender") and "→" in line
    )
    assert "0.000" in line and "| –" in line.replace("  ", " ").replace("  ", " ")


def test_attribute_names_that_no_file_can_have(small, tmp_path):
    predictions = small.predictions.rename(columns=lambda column: column.replace("gender", "a/b"))
    odd = replace(small, attributes={"a/b": small.attributes["gender"]}, predictions=predictions)
    write_report(odd, tmp_path / "report")
    assert (tmp_path / "report" / "per_class_a_b.csv").exists()
