from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tagger.files import write_json
from tagger.report.compare import compare, read_report
from tagger.report.curves import BLOCK, most_confused
from tagger.report.evaluation import ISSUE_COLUMNS, Evaluation
from tagger.report.html_attribute import _confused
from tagger.report.html_report import report_page, write_report_page
from tagger.report.mistakes import confident_mistakes, share_photos
from tagger.report.page import Fold, Plot, Section, Table, render_page

NASTY = """<b>"O'Hara"</b> & </script><script>document.title = "broken into"</script> $x$ שלום"""
CLASSES = (NASTY, "Cups", "Belts", "|")


def with_issues(evaluation: Evaluation) -> Evaluation:
    image = evaluation.predictions["image"].iloc[0]
    rows = [
        ("0", image, "gender", NASTY, "Cups", 0.01, "model", ""),
        ("1", image, "gender", "Cups", NASTY, 0.5, "near-duplicate", "2"),
        ("3", image, "gender", "Belts", "Cups", 0.5, "near-duplicate", "4"),
    ]
    return replace(evaluation, label_issues=pd.DataFrame(rows, columns=list(ISSUE_COLUMNS)), in_sample=5)


def compared(evaluation: Evaluation, folder: Path) -> Evaluation:
    write_json(folder / "metrics.json", evaluation.to_json())
    evaluation.predictions.to_csv(folder / "predictions.csv", index=False)
    return replace(evaluation, comparison=compare(evaluation, read_report(folder)))


@pytest.mark.parametrize("width", [360, 1400])
def test_opens_from_disk_with_nasty_labels_shown_as_they_are(judged, open_page, tmp_path, width):
    evaluation = compared(
        with_issues(replace(judged(CLASSES), notes=(NASTY, "more"), command=NASTY)), tmp_path / NASTY[:3]
    )
    write_report_page(evaluation, tmp_path / "report.html")
    page = open_page(tmp_path / "report.html", width=width)
    assert page.title() == "What the tags are worth"
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    page.evaluate("Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode(); }))")
    assert NASTY in page.locator("#gender .table").first.locator("tbody th").all_inner_texts()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for words in (
        "What changed",
        "no clear change",
        "trained on 5 of these 120 products",
        "Where both say the same",
        "score 0.01",
    ):
        assert page.get_by_text(words).count(), words


def test_classes_are_sorted_and_found_with_their_photos(judged, open_page, tmp_path):
    names = tuple(f"class {i}" for i in range(20))
    evaluation = judged(names, count=300)
    write_report_page(evaluation, tmp_path / "report.html")
    page = open_page(tmp_path / "report.html")
    table = page.locator("#gender .table").first
    table.get_by_role("button", name="F1").click()
    rows = evaluation.attributes["gender"].per_class
    best = rows[rows["head"] == "softmax"].sort_values("f1", ascending=False)["f1"]
    assert table.locator("tbody tr td").first.inner_text() == f"{best.iloc[0]:.2f}"
    mistakes = confident_mistakes(evaluation.predictions, "gender")
    mistake = mistakes.iloc[0]
    table.get_by_label("Search").fill(f"id {mistake['id']}")
    shown = table.locator("tbody tr:visible").filter(has_text=mistake["truth"])
    assert mistake["tag"] in shown.inner_text() and f"{mistake['confidence']:.2f}" in shown.inner_text()
    assert shown.locator("img").count() == min(3, (mistakes["truth"] == mistake["truth"]).sum())


def test_a_class_that_is_never_tagged_has_no_precision(judged, open_page, tmp_path):
    evaluation = judged(("Cups", "Belts", "Hats"), accuracy=1)
    table = evaluation.predictions.copy()
    metrics = evaluation.attributes["gender"]
    rows = metrics.per_class.copy()
    rows.loc[rows["label"] == "Hats", ["precision", "predicted"]] = [np.nan, 0]
    evaluation = replace(evaluation, predictions=table, attributes={"gender": replace(metrics, per_class=rows)})
    write_report_page(evaluation, tmp_path / "report.html")
    page = open_page(tmp_path / "report.html")
    hats = page.locator("#gender .table").first.locator("tbody tr", has_text="Hats").locator("td")
    assert hats.all_inner_texts()[1] == "–"
    assert page.get_by_text("No tag of this attribute is wrong.").count() == 1


def test_photos_that_are_gone_by_now(judged, tmp_path):
    evaluation = judged(CLASSES)
    for image in set(evaluation.predictions["image"]):
        Path(image).unlink()
    assert "no photo" in render_page(report_page(with_issues(evaluation)))


def test_a_single_product_of_a_single_class(judged):
    html = render_page(report_page(judged(("Cups",), count=1)))
    assert "Cups" in html


@pytest.mark.parametrize(("classes", "whole"), [(20, False), (60, True), (2000, False)])
def test_a_page_of_many_classes_stays_small(judged, classes, whole):
    evaluation = judged(tuple(f"class {i}" for i in range(classes)), count=250, accuracy=0.3)
    page = report_page(evaluation)
    html = render_page(page)
    assert len(html) < 5_000_000
    part = next(part for part in page.sections[1].parts if isinstance(part, Fold))
    assert [isinstance(plot, Plot) and plot.full_size for plot in part.parts] == [False, True][: 1 + whole]
    assert all(isinstance(section, Section) for section in page.sections)


def test_photos_are_shared_between_the_classes(judged, monkeypatch):
    monkeypatch.setattr("tagger.report.mistakes.MAX_PHOTOS", 20)
    evaluation = judged(tuple(f"class {i}" for i in range(12)), accuracy=0)
    mistakes = {"gender": confident_mistakes(evaluation.predictions, "gender")}
    chosen = share_photos(mistakes, evaluation)["gender"]
    assert len(chosen) == 20
    counts = chosen.groupby("truth").size()
    # Each class has its most confident mistake before any has its second.
    assert set(counts.index) == set(mistakes["gender"]["truth"]) and counts.max() == 2


def test_the_most_confused_classes_stand_side_by_side():
    labels = [f"c{i}" for i in range(50)]
    counts = pd.DataFrame(np.diag(np.full(50, 10)), index=labels, columns=labels)
    counts.loc["c7", "c40"], counts.loc["c40", "c7"], counts.loc["c3", "c4"] = 9, 8, 7
    assert most_confused(counts, BLOCK) == ["c7", "c40", "c3", "c4"]
    assert most_confused(counts.iloc[:5, :5], BLOCK) == labels[:5]


def test_metrics_hold_what_the_page_shows(judged, tmp_path):
    found = json.loads(json.dumps(compared(with_issues(judged(CLASSES)), tmp_path / "old").to_json(), allow_nan=False))
    assert found["label_issues"] == 3
    assert found["comparison"]["changes"]["gender"]["accuracy"]["difference"] == 0
    assert found["attributes"]["gender"]["heads"]["support"] == 120


def test_a_rare_confusion_is_not_rounded_to_nothing():
    counts = pd.DataFrame([[999, 1], [20, 80]], index=["a", "b"], columns=["a", "b"])
    assert _confused(counts) == {"a": "b <1\N{NO-BREAK SPACE}%", "b": "a 20\N{NO-BREAK SPACE}%"}


def test_likely_errors_are_counted_by_source_and_the_share_is_that_of_the_model(judged):
    page = report_page(with_issues(judged(CLASSES)))
    table = next(part for part in page.sections[-1].parts if isinstance(part, Table))
    assert [column.title for column in table.columns] == ["attribute", "model", "model, share", "near-duplicate"]
    assert table.rows == [["gender", 1, 1 / 120, 2]]
