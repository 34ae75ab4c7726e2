"""A catalog with 2,000 classes: its report takes seconds of work, stays small, and says what it leaves out."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from tagger.report.metrics import label_rows, set_metrics
from tagger.report.write import write_report

CLASSES = tuple(f"class {i}" for i in range(2000))
#: Seconds of work, not of waiting: several times what each takes, and a fraction of what a call for every class would.
_REPORT, _ROWS = 60, 5


def test_the_report_of_2_000_classes(judged, tmp_path):
    start = time.process_time()
    write_report(judged(CLASSES, count=6000), tmp_path / "report")
    assert time.process_time() - start < _REPORT

    sizes = {path.name: path.stat().st_size for path in (tmp_path / "report").iterdir()}
    assert sizes["report.html"] < 6_000_000
    assert sum(sizes.values()) < 12_000_000
    rows = pd.read_csv(tmp_path / "report" / "per_class_gender.csv")
    assert (rows["head"] == "sigmoid").sum() == 2000
    html = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "the 30 most confused of" in html
    assert "The 30 most frequent of 2,000 labels" in (tmp_path / "report" / "summary.md").read_text(encoding="utf-8")


def test_2_000_labels_of_a_sigmoid_head_are_judged_at_once():
    rng = np.random.default_rng(0)
    targets = rng.random((4000, 2000)) < 0.001
    scores = (targets * 0.5 + rng.random(targets.shape) * 0.5).astype(np.float32)
    start = time.process_time()
    rows = label_rows(targets, scores >= 0.5, scores, CLASSES, np.full(2000, 0.5))
    assert time.process_time() - start < _ROWS
    assert rows["recall"].dropna().eq(1).all()


def test_2_000_labels_of_products_with_several_are_judged_at_once():
    rng = np.random.default_rng(0)
    cells = np.array(["|".join(rng.choice(CLASSES, 3, replace=False)) for _ in range(4000)], dtype=object)
    start = time.process_time()
    measured = set_metrics(cells, cells)
    assert time.process_time() - start < _ROWS
    assert (measured["accuracy"], measured["macro_f1"]) == (1, 1)
