"""Bootstrap intervals: beside what a plain loop gives, and where nothing is defined."""

import time

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tagger.report.bootstrap import intervals
from tagger.report.metrics import Tags

pytestmark = pytest.mark.filterwarnings("error")


def tags(labels, needs_review=None) -> Tags:
    n = len(labels)
    return Tags(np.array(labels, dtype=object), np.full(n, 0.8), np.array(needs_review or [False] * n), [()] * n)


def drawn(products: int, classes: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.zipf(1.4, products) % classes
    found = np.where(rng.random(products) < 0.8, truth, rng.integers(0, classes, products))
    names = np.array([f"class {i}" for i in range(classes)], dtype=object)
    return names[truth], tags(names[found], (rng.random(products) < 0.3).tolist())


def test_a_plain_loop_over_resamples_gives_the_same():
    truth, found = drawn(150, 6)
    rng = np.random.default_rng(1)
    figures = []
    for _ in range(1500):
        rows = rng.integers(0, 150, 150)
        right, kept = truth[rows] == found.label[rows], ~found.needs_review[rows]
        f1 = f1_score(truth[rows], found.label[rows], average="macro", zero_division=0)
        figures.append([kept.mean(), right[kept].mean(), right.mean(), f1])
    expected = np.percentile(figures, [2.5, 97.5], axis=0).T
    measured = intervals(truth, found, multi_valued=False)
    assert list(measured) == [
        "coverage_interval", "accepted_accuracy_interval", "accuracy_interval", "macro_f1_interval",
    ]  # fmt: skip
    np.testing.assert_allclose(list(measured.values()), expected, atol=0.015)


def test_several_labels_count_one_by_one():
    truth = np.array(["a|b", "a", "b", "c"] * 50, dtype=object)
    found = tags(["a", "a", "b", "c"] * 50)
    low, high = intervals(truth, found, multi_valued=True)["macro_f1_interval"]
    # a is always found, b half the time, c always: F1 1, 2/3 and 1.
    assert low < 8 / 9 < high and high - low < 0.1


def test_the_same_seed_gives_the_same_numbers_in_blocks_of_any_size(monkeypatch):
    truth, found = drawn(300, 20)
    whole = intervals(truth, found, multi_valued=False)
    assert whole == intervals(truth, found, multi_valued=False)
    monkeypatch.setattr("tagger.report.bootstrap._BLOCK", 1000)
    assert intervals(truth, found, multi_valued=False)["macro_f1_interval"] == whole["macro_f1_interval"]


def test_the_interval_of_macro_f1_holds_the_figure_although_rare_labels_are_not_drawn():
    names = np.array([f"rare {i}" for i in range(60)], dtype=object)
    truth = np.concatenate([names, np.full(300, "common", dtype=object)])
    found = np.concatenate([np.full(50, "common", dtype=object), names[50:], truth[60:]])
    figure = f1_score(truth, found, average="macro", zero_division=0)
    low, high = intervals(truth, tags(found.tolist()), multi_valued=False)["macro_f1_interval"]
    assert low <= figure <= high and high - low < 0.1


@pytest.mark.parametrize("multi_valued", [False, True])
def test_one_product(multi_valued):
    measured = intervals(np.array(["a"], dtype=object), tags(["a"], [True]), multi_valued=multi_valued)
    assert measured["accuracy_interval"] == measured["macro_f1_interval"] == [1, 1]
    assert measured["coverage_interval"] == [0, 0] and measured["accepted_accuracy_interval"] is None


def test_no_label_given_and_labels_that_are_wrong():
    measured = intervals(np.array(["a", "b"], dtype=object), tags(["", "a"]), multi_valued=True)
    assert measured["accuracy_interval"] == measured["macro_f1_interval"] == [0, 0]


def test_a_test_part_and_two_thousand_classes_take_seconds():
    truth, found = drawn(3738, 2000)
    started = time.process_time()
    measured = intervals(truth, found, multi_valued=False)
    assert time.process_time() - started < 10
    low, high = measured["accuracy_interval"]
    assert low < (truth == found.label).mean() < high
