from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tagger.flags.evaluation import (
    ALL,
    NETWORK,
    PREDICTED,
    UNCATEGORISED,
    Part,
    best_threshold,
    choose_flags,
    evaluate_flags,
    hide_categories,
    predict_categories,
)
from tagger.flags.predictor import Flag

TABLE = pd.DataFrame(
    {"articleType": ["Vases", "Shirts", "Vases", "Shirts"], "title": ["Vase", "Shirt", "Vase", "Shirt"]},
    index=list("abcd"),
)
TRUTH = np.array([[1], [0], [1], [0]], np.float32)


def _by_type(table: pd.DataFrame) -> np.ndarray:
    """A stand-in for the network: sure where it sees the type, undecided elsewhere."""
    types = table["articleType"] if "articleType" in table else pd.Series("", index=table.index)
    return types.map({"Vases": 0.9, "Shirts": 0.1, "": 0.5}).to_numpy(np.float32)[:, None]


@settings(deadline=None)  # the first call is slow on a busy machine
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=30))
def test_no_threshold_has_a_higher_f1(products: list[tuple[bool, int]]) -> None:
    truth = np.array([positive for positive, _ in products])
    scores = np.array([score / 5 for _, score in products])
    chosen = best_threshold(truth, scores)
    if not truth.any():
        assert chosen == 0.5
        return
    best = max(f1_score(truth, scores >= threshold) for threshold in scores)
    assert f1_score(truth, scores >= chosen) == pytest.approx(best)


def test_the_threshold_lies_half_way_to_the_negatives() -> None:
    assert best_threshold(np.array([True, True, False]), np.array([0.9, 0.8, 0.2])) == pytest.approx(0.5)


def test_categories_are_hidden_or_replaced() -> None:
    assert list(hide_categories(TABLE)) == ["title"]
    predicted = pd.DataFrame({"articleType": ["Lamps", "Shirts"], "gender": "Men"}, index=["a", "b"])
    seen = predict_categories(TABLE, predicted)
    assert seen["articleType"].to_dict() == {"a": "Lamps", "b": "Shirts", "c": "", "d": ""}
    assert "gender" not in seen
    assert seen["title"].tolist() == TABLE["title"].tolist()
    assert list(predict_categories(TABLE, predicted[["gender"]])) == ["title"]


def test_the_rarer_value_is_positive() -> None:
    mostly = np.array([[1], [1], [1], [0]], np.float32)
    (flag,) = choose_flags(("f",), Part(TABLE, mostly), Part(TABLE, mostly), _by_type)
    assert flag.positive == "false"
    (flag,) = choose_flags(("f",), Part(TABLE, TRUTH), Part(TABLE, TRUTH), _by_type)
    assert flag.positive == "true"
    # Without its category every product scores 0.5, so that both lie above a threshold of the highest F1.
    assert flag.threshold == pytest.approx(0.3)


def test_settings_differ_in_the_categories_that_are_seen() -> None:
    part = Part(TABLE, TRUTH)
    wrong = pd.DataFrame({"articleType": ["Shirts", "Vases", "Shirts", "Vases"]}, index=TABLE.index)
    scores = evaluate_flags((Flag("f", "true", 0.6),), part, part, part, _by_type, wrong)
    found = {(score.setting, score.method): score for score in scores}
    assert [score.setting for score in scores] == [ALL, ALL, UNCATEGORISED, UNCATEGORISED, PREDICTED, PREDICTED]
    assert found[ALL, NETWORK].f1 == found[ALL, "look-up by articleType"].f1 == 1
    assert found[UNCATEGORISED, NETWORK].recall == 0
    assert found[UNCATEGORISED, NETWORK].average_precision == found[UNCATEGORISED, NETWORK].positive_rate == 0.5
    assert found[UNCATEGORISED, "look-up by last title word"].f1 == 1
    assert found[PREDICTED, NETWORK].f1 == found[PREDICTED, "look-up by articleType"].f1 == 0


def test_without_predictions_there_are_two_settings() -> None:
    part = Part(TABLE, TRUTH)
    scores = evaluate_flags((Flag("f", "true", 0.6),), part, part, part, _by_type, None)
    assert {score.setting for score in scores} == {ALL, UNCATEGORISED}


def test_missing_flags_are_not_judged() -> None:
    part = Part(TABLE, TRUTH)
    unknown = Part(TABLE, np.full((4, 1), np.nan, np.float32))
    some = Part(TABLE, np.array([[np.nan], [0], [np.nan], [0]], np.float32))
    flags = (Flag("f", "true", 0.6),)
    assert evaluate_flags(flags, part, part, unknown, _by_type, None) == []
    score = evaluate_flags(flags, part, part, some, _by_type, None)[0]
    assert (score.products, score.support, score.accuracy, score.average_precision) == (2, 0, 1, None)


def test_metrics_are_those_of_the_rarer_value() -> None:
    # 3 of 4 are true, so that "false" is positive; the network misses it.
    truth = np.array([[1], [0], [1], [1]], np.float32)
    part = Part(TABLE, truth)
    score = evaluate_flags((Flag("f", "false", 0.95),), part, part, part, _by_type, None)[0]
    assert (score.positive, score.support, score.positive_rate, score.majority_accuracy) == ("false", 1, 0.25, 0.75)
    assert (score.accuracy, score.precision, score.recall, score.f1) == (0.75, 0, 0, 0)
    assert score.average_precision == 0.5  # it shares the highest score for "false" with one other
