from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tagger.errors import ReportError
from tagger.files import write_json
from tagger.report.compare import compare, read_report
from tagger.report.compare_text import comparison_markdown, comparison_text

CLASSES = ("Men", "Women", "Unisex")


@pytest.fixture
def earlier(judged, tmp_path):
    """A folder with the report of a worse model."""
    evaluation = judged(CLASSES, accuracy=0.4)
    write_json(tmp_path / "earlier" / "metrics.json", evaluation.to_json())
    evaluation.predictions.to_csv(tmp_path / "earlier" / "predictions.csv", index=False)
    return tmp_path / "earlier"


def test_a_better_model_on_the_same_products(judged, earlier):
    now = judged(CLASSES, accuracy=0.95, seed=1)
    for path in (earlier, earlier / "metrics.json"):
        comparison = compare(now, read_report(path))
        change = comparison.changes["gender"]["accuracy"]
        before = read_report(earlier).metrics["attributes"]["gender"]["accuracy"]
        assert change.difference == pytest.approx(now.attributes["gender"].metrics["accuracy"] - before)
        assert change.interval and change.interval[0] < change.difference < change.interval[1]
        assert change.verdict == "better"
        assert comparison.notes == comparison.added == comparison.removed == ()
    json.dumps(comparison.to_json(), allow_nan=False)


def test_a_report_compared_with_itself(judged, earlier):
    changes = compare(judged(CLASSES, accuracy=0.4), read_report(earlier)).changes["gender"]
    assert {(c.difference, c.interval, c.verdict) for c in changes.values()} == {(0, (0, 0), "no clear change")}


def test_marks_are_read_as_a_report_writes_them_now_and_wrote_them_once(judged, earlier):
    file = earlier / "predictions.csv"
    once = compare(judged(CLASSES, accuracy=0.95), read_report(earlier)).changes
    assert "True" in file.read_text()
    file.write_text(file.read_text().replace("True", "true").replace("False", "false"))
    assert compare(judged(CLASSES, accuracy=0.95), read_report(earlier)).changes == once


def test_other_products_get_a_plain_difference_and_are_told_so(judged, earlier):
    comparison = compare(judged(CLASSES, count=60), read_report(earlier))
    assert comparison.changes["gender"]["accuracy"].interval is None
    assert comparison.changes["gender"]["accuracy"].difference is not None
    assert "not the same products" in comparison.notes[0]


def test_a_report_without_predictions_gets_a_plain_difference(judged, earlier):
    (earlier / "predictions.csv").unlink()
    comparison = compare(judged(CLASSES), read_report(earlier))
    assert comparison.changes["gender"]["macro_f1"].interval is None
    assert "no readable predictions.csv" in comparison.notes[0]


def test_other_attributes_are_listed(judged, earlier):
    comparison = compare(judged(CLASSES, name="season"), read_report(earlier))
    assert (comparison.changes, comparison.added, comparison.removed) == ({}, ("season",), ("gender",))


def test_another_part_and_changed_labels_are_noted(judged, earlier):
    now = judged(CLASSES)
    table = now.predictions.assign(
        gender_truth=now.predictions["gender_truth"].where(now.predictions["id"] != "3", "Pets")
    )
    comparison = compare(replace(now, part="validation", predictions=table), read_report(earlier))
    assert "another part (test)" in comparison.notes[0]
    assert "1 label(s) of the catalog changed" in comparison.notes[1]
    assert comparison.changes["gender"]["accuracy"].interval is not None


def test_coverage_of_reports_that_only_have_the_share_of_marks(judged, earlier):
    metrics = json.loads((earlier / "metrics.json").read_text())
    del metrics["attributes"]["gender"]["coverage"]
    (earlier / "metrics.json").write_text(json.dumps(metrics))
    before = compare(judged(CLASSES), read_report(earlier)).changes["gender"]["coverage"].before
    assert before == pytest.approx(1 - metrics["attributes"]["gender"]["needs_review"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is no report: expected a folder"),
        ("{", "holds no JSON"),
        ("[]", "is no report of `tagger evaluate`"),
        ('{"tag_accuracy": {"gender": 0.5}}', "the metrics.json of a bundle is another file"),
        ('{"attributes": {"gender": {"accuracy": "high", "macro_f1": 1}}}', "expected attributes with their accuracy"),
        ("[" * 100_000, "holds no JSON"),
    ],
)  # fmt: skip
def test_what_is_no_report(tmp_path, content, words):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(ReportError, match=words):
        read_report(tmp_path)


def test_a_path_that_does_not_exist(tmp_path):
    with pytest.raises(ReportError, match="is no report"):
        read_report(tmp_path / "nowhere")


def test_the_comparison_in_words(judged, earlier):
    comparison = compare(judged(CLASSES, accuracy=0.95, seed=1), read_report(earlier))
    row = next(line for line in comparison_text(comparison).splitlines() if "accuracy" in line)
    assert row.split()[:2] == ["gender", "accuracy"]
    assert row.endswith("better") and "+0." in row
    other = replace(comparison, changes={}, removed=("usage",))
    assert comparison_markdown(other).splitlines()[-1] == "- Only in the earlier report: usage."
