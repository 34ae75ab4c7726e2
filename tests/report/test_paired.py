from __future__ import annotations

import numpy as np
import pytest

from tagger.report.metrics import class_metrics, set_metrics
from tagger.report.paired import Answers, _Measure, paired_intervals

pytestmark = pytest.mark.filterwarnings("error")


def answers(truth: str, tags: str, *, multi_valued: bool = False) -> Answers:
    given = np.array(tags.split(), dtype=object)
    return Answers(np.array(truth.split(), dtype=object), given, given == "b", multi_valued)


def noisy(accuracy: float, seed: int, count: int = 400) -> Answers:
    rng = np.random.default_rng(seed)
    truth = np.random.default_rng(0).choice(np.array(list("abcd"), dtype=object), count)
    tags = np.where(rng.random(count) < accuracy, truth, rng.choice(np.array(list("abcd"), dtype=object), count))
    return Answers(truth, tags, np.zeros(count, bool), False)


@pytest.mark.parametrize("multi_valued", [False, True])
def test_each_product_drawn_once_gives_the_figures_of_the_report(multi_valued):
    given = answers("a|c a b b c", "a|c b b a d", multi_valued=multi_valued)
    found = _Measure(given)(np.ones((5, 1)))
    reported = (set_metrics if multi_valued else class_metrics)(given.truth, given.tags)
    assert found["accuracy"][0] == pytest.approx(reported["accuracy"])
    assert found["macro_f1"][0] == pytest.approx(reported["macro_f1"])
    assert found["coverage"][0] == pytest.approx(3 / 5)


def test_a_model_against_itself_has_changed_nothing():
    assert set(paired_intervals(noisy(0.7, 1), noisy(0.7, 1)).values()) == {(0, 0)}


def test_a_much_better_model_is_surely_better():
    low, high = paired_intervals(noisy(0.95, 1), noisy(0.6, 2))["accuracy"]
    assert 0.15 < low < high < 0.4


def test_pairing_makes_the_interval_narrow():
    # The same tags but for ten more that are right: unpaired, 400 products could not tell.
    before = noisy(0.7, 1)
    wrong = np.flatnonzero(before.truth != before.tags)[:10]
    tags = before.tags.copy()
    tags[wrong] = before.truth[wrong]
    low, high = paired_intervals(Answers(before.truth, tags, before.needs_review, False), before)["accuracy"]
    assert 0 < low < 10 / 400 < high < 0.05


def test_one_product():
    assert paired_intervals(answers("a", "a"), answers("a", "c"))["accuracy"] == (1, 1)
