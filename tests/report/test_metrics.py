import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, precision_recall_fscore_support

from tagger.report.metrics import (
    ROW_COLUMNS,
    Tags,
    all_at_once,
    average_precision,
    class_metrics,
    class_rows,
    confused_pairs,
    confusion_counts,
    expected_calibration_error,
    label_rows,
    most_frequent,
    set_metrics,
    sigmoid_metrics,
    softmax_metrics,
    tag_metrics,
    with_average_precision,
)

pytestmark = pytest.mark.filterwarnings("error")

#: pandas takes milliseconds an example, and a busy machine more.
few = settings(max_examples=25, deadline=None)
answers = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcdef")), min_size=1, max_size=40)


def labels(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=object)


def columns(pairs: list[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([t for t, _ in pairs], dtype=object), np.array([p for _, p in pairs], dtype=object)


def test_class_metrics_by_hand():
    # a: precision 2/3, recall 1 → F1 0.8;  b: precision 1, recall 1/2 → F1 2/3;  c is only predicted → F1 0.
    measured = class_metrics(labels("a a b b b b"), labels("a a a b b c"))
    assert measured["accuracy"] == pytest.approx(4 / 6)
    assert measured["classes"] == 3
    assert measured["macro_f1"] == pytest.approx((0.8 + 2 / 3 + 0) / 3)
    assert measured["weighted_f1"] == pytest.approx((2 * 0.8 + 4 * 2 / 3) / 6)
    assert measured["macro_f1_support_10"] is None


def test_macro_f1_of_common_classes_leaves_out_rare_ones():
    truth, predicted = labels("a " * 10 + "b"), labels("a " * 11)
    assert class_metrics(truth, predicted)["macro_f1_support_10"] == pytest.approx(20 / 21)
    assert class_metrics(truth, predicted)["macro_f1"] == pytest.approx(10 / 21)


@few
@given(answers)
def test_averages_are_those_of_scikit_learn(pairs):
    truth, predicted = columns(pairs)
    union = sorted({*truth, *predicted})
    measured = class_metrics(truth, predicted)
    assert measured["macro_f1"] == pytest.approx(f1_score(truth, predicted, labels=union, average="macro"))
    assert measured["weighted_f1"] == pytest.approx(f1_score(truth, predicted, labels=union, average="weighted"))


@few
@given(answers)
def test_rows_agree_with_the_averages(pairs):
    truth, predicted = columns(pairs)
    rows, measured = class_rows(truth, predicted, "softmax"), class_metrics(truth, predicted)
    assert list(rows.columns) == list(ROW_COLUMNS)
    assert rows["f1"].mean() == pytest.approx(measured["macro_f1"])
    assert rows["support"].sum() == rows["predicted"].sum() == len(pairs)
    assert (rows["recall"] * rows["support"]).sum() == pytest.approx(measured["accuracy"] * len(pairs))
    assert rows["support"].is_monotonic_decreasing


@few
@given(answers)
def test_confusions_count_every_product(pairs):
    truth, predicted = columns(pairs)
    counts = confusion_counts(truth, predicted)
    assert list(counts.index) == list(counts.columns)
    assert counts.to_numpy().sum() == len(pairs)
    assert np.trace(counts.to_numpy()) == (truth == predicted).sum()
    assert counts.sum(axis=1).is_monotonic_decreasing
    assert confused_pairs(counts, limit=100)["count"].sum() == (truth != predicted).sum()


def test_confused_pairs_by_hand():
    counts = confusion_counts(labels("a a a a b b"), labels("b b c a a b"))
    pairs = confused_pairs(counts, limit=2)
    assert pairs.to_dict("records") == [
        {"truth": "a", "predicted": "b", "count": 2, "share": 0.5},
        {"truth": "a", "predicted": "c", "count": 1, "share": 0.25},
    ]


def test_no_confusion_gives_an_empty_table():
    pairs = confused_pairs(confusion_counts(labels("a b"), labels("a b")))
    assert list(pairs.columns) == ["truth", "predicted", "count", "share"]
    assert pairs.empty


def test_calibration_error_by_hand():
    # Two bins: (0, 0.5] holds 0.2 and 0.4, one right: |0.5 - 0.3|; (0.5, 1] holds 0.9, right: |1 - 0.9|.
    error = expected_calibration_error(np.array([0.2, 0.4, 0.9]), np.array([True, False, True]), bins=2)
    assert error == pytest.approx((2 * 0.2 + 1 * 0.1) / 3)


def test_calibration_error_at_the_ends_of_the_bins():
    assert expected_calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0
    assert expected_calibration_error(np.array([0.0, 1.0]), np.array([True, False])) == 1


@few
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_calibration_error_lies_between_that_of_one_bin_and_one(pairs):
    confidence = np.array([c for c, _ in pairs])
    correct = np.array([r for _, r in pairs])
    error = expected_calibration_error(confidence, correct)
    assert abs(correct.mean() - confidence.mean()) - 1e-9 <= error <= 1 + 1e-9


def tags(text: str, confidence: float = 1.0, review: list[bool] | None = None) -> Tags:
    found = labels(text)
    marks = np.array(review or [False] * len(found))
    return Tags(found, np.full(len(found), confidence), marks, [(label, "second", "third") for label in found])


def test_tag_metrics_by_hand():
    measured = tag_metrics(labels("a a b second"), tags("a b b a", 0.5, [False, True, False, True]), multi_valued=False)
    assert measured["accuracy"] == 0.5
    assert measured["top_3_accuracy"] == 0.75
    assert measured["majority_accuracy"] == 0.5
    assert measured["majority_macro_f1"] == pytest.approx((2 / 3) / 3)
    assert measured["ece"] == 0
    assert measured["needs_review"] == 0.5
    assert measured["accepted_accuracy"] == 1


def test_accuracy_of_unmarked_tags_is_none_where_all_are_marked():
    measured = tag_metrics(labels("a"), tags("a", 1.0, [True]), multi_valued=False)
    assert measured["accepted_accuracy"] is None


def test_one_product_of_one_class():
    measured = tag_metrics(labels("a"), tags("a"), multi_valued=False)
    assert measured["accuracy"] == measured["macro_f1"] == measured["majority_macro_f1"] == 1
    assert confusion_counts(labels("a"), labels("a")).to_numpy().tolist() == [[1]]


def test_set_metrics_by_hand():
    # Labels on their own: x 1 hit, 1 missed → 2/3; y 1 hit, 1 too many → 2/3.
    truth = np.array(["x", "x|y", "z"], dtype=object)
    predicted = np.array(["x", "y", "y|z"], dtype=object)
    measured = set_metrics(truth, predicted)
    assert measured["accuracy"] == pytest.approx(1 / 3)
    assert measured["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert measured["weighted_f1"] == pytest.approx((2 * 2 / 3 + 2 / 3 + 1) / 4)


def test_set_metrics_of_one_label_and_of_no_tag():
    assert set_metrics(labels("x x"), labels("x x"))["macro_f1"] == 1
    assert set_metrics(labels("x"), np.array([""], dtype=object))["macro_f1"] == 0


def test_softmax_metrics_judge_an_unknown_label_wrong():
    scores = np.array([[0.7, 0.2, 0.1, 0.0], [0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]], dtype=np.float32)
    measured = softmax_metrics(labels("a c unknown"), scores, ["a", "b", "c", "d"])
    assert measured["accuracy"] == pytest.approx(1 / 3)
    assert measured["top_3_accuracy"] == pytest.approx(2 / 3)
    assert measured["macro_f1"] == pytest.approx((2 / 3 + 0 + 0 + 0) / 4)  # a, c, d, unknown


def test_softmax_metrics_of_one_class():
    measured = softmax_metrics(labels("a a"), np.ones((2, 1), dtype=np.float32), ["a"])
    assert measured == {"accuracy": 1.0, "top_3_accuracy": 1.0, "macro_f1": 1.0, "ece": 0.0}


def sigmoid_example() -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.DataFrame]:
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]], dtype=bool)
    scores = np.array([[0.9, 0.1, 0.0], [0.4, 0.8, 0.0], [0.6, 0.7, 0.0], [0.1, 0.2, 0.0]])
    limits = np.array([0.5, 0.5, 0.3])
    predicted = scores >= limits
    return targets, scores, predicted, label_rows(targets, predicted, scores, ["x", "y", "never"], limits)


def test_label_rows_by_hand():
    *_, rows = sigmoid_example()
    assert rows["label"].tolist() == ["x", "y", "never"]
    x, y, never = rows.to_dict("records")
    assert (x["precision"], x["recall"], x["f1"]) == (0.5, 0.5, 0.5)
    # Ranked: right, wrong, right → 1/2 of the recall at precision 1, 1/2 at 2/3.
    assert x["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert (y["precision"], y["recall"], y["f1"], y["average_precision"]) == (1, 1, 1, 1)
    assert (never["support"], never["predicted"], never["threshold"]) == (0, 0, 0.3)
    assert all(np.isnan(never[share]) for share in ("precision", "recall", "f1", "average_precision"))


@few
@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_label_rows_are_those_of_scikit_learn(products, count, seed):
    rng = np.random.default_rng(seed)
    targets = rng.random((products, count)) < 0.4
    scores = rng.integers(0, 5, (products, count)) / 4  # with ties
    names = [f"label {i}" for i in range(count)]
    rows = label_rows(targets, scores >= 0.5, scores, names, np.full(count, 0.5)).set_index("label")
    for i, name in enumerate(names):
        expected = precision_recall_fscore_support(
            targets[:, i], scores[:, i] >= 0.5, average="binary", zero_division=np.nan
        )
        assert rows.loc[name, ["precision", "recall", "f1"]].tolist() == pytest.approx(expected[:3], nan_ok=True)
        area = average_precision_score(targets[:, i], scores[:, i]) if targets[:, i].any() else np.nan
        assert rows.loc[name, "average_precision"] == pytest.approx(area, nan_ok=True)


def test_the_average_precision_of_a_label_that_no_product_has_is_undefined():
    assert np.isnan(average_precision(np.zeros(3, dtype=bool), np.array([0.1, 0.2, 0.3])))


@few
@given(st.lists(st.tuples(st.sets(st.sampled_from("xyz")), st.sets(st.sampled_from("xyzw"))), min_size=1, max_size=20))
def test_set_metrics_are_those_of_scikit_learn(pairs):
    truth, predicted = columns([("|".join(sorted(t)), "|".join(sorted(p))) for t, p in pairs])
    names = sorted({label for both in pairs for side in both for label in side})
    scores = [f1_score([n in t for t, _ in pairs], [n in p for _, p in pairs], zero_division=0) for n in names]
    if names:
        assert set_metrics(truth, predicted)["macro_f1"] == pytest.approx(np.mean(scores))


def test_the_weighted_f1_of_products_without_a_label_is_undefined():
    measured = set_metrics(*columns([("", "x")]))
    assert measured["weighted_f1"] is None
    assert measured["macro_f1"] == 0


def test_a_share_of_nothing_is_neither_0_nor_1():
    rows = class_rows(labels("a a b"), labels("a c a"), "tag").set_index("label")
    assert np.isnan(rows.loc["b", "precision"])  # never predicted
    assert rows.loc["b", "recall"] == 0
    assert np.isnan(rows.loc["c", "recall"])  # no product has it
    assert rows.loc["c", "precision"] == 0
    assert rows.loc[["b", "c"], "f1"].tolist() == [0, 0]  # and so the averages count them, as scikit-learn does


def test_the_average_precision_of_a_class_is_one_against_the_rest():
    rows = class_rows(labels("a a b"), labels("a b b"), "softmax")
    targets = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=bool)
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.4, 0.6, 0.0]])
    found = with_average_precision(rows, ("a", "b", "absent"), targets, scores).set_index("label")["average_precision"]
    # a, ranked: right, wrong, right; b, ranked: wrong, right.
    assert found.to_dict() == pytest.approx({"a": 0.5 * 1 + 0.5 * 2 / 3, "b": 0.5})


def test_sigmoid_metrics_by_hand():
    targets, _, predicted, rows = sigmoid_example()
    measured = sigmoid_metrics(targets, predicted, rows)
    assert measured["support"] == 4
    assert measured["labels"] == 3
    assert measured["subset_accuracy"] == 0.5
    assert measured["hamming_loss"] == pytest.approx(2 / 12)
    assert measured["micro_f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert measured["macro_f1"] == 0.75  # "never" is neither in the truth nor predicted
    assert measured["mean_average_precision"] == pytest.approx((5 / 6 + 1) / 2)


def test_all_at_once_by_hand():
    truth = {"g": labels("m m w m"), "s": np.array(["x", "x", "y", ""], dtype=object)}
    found = {"g": labels("m w w m"), "s": labels("x x y x")}
    together = all_at_once(truth, found)
    assert together["attributes"] == ["g", "s"]
    assert together["support"] == 3
    assert together["accuracy"] == pytest.approx(2 / 3)
    assert together["majority_accuracy"] == pytest.approx(2 / 3)


def test_all_at_once_of_no_product():
    nothing = np.array([""], dtype=object)
    together = all_at_once({"g": nothing}, {"g": labels("m")})
    assert (together["support"], together["accuracy"], together["majority_accuracy"]) == (0, None, None)


def test_the_most_frequent_of_equals_is_the_first_in_the_alphabet():
    assert most_frequent(labels("b a a b")) == "a"
