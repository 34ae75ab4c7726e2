import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tagger.report.metrics import confusion_counts
from tagger.report.plots import (
    MAX_CLASSES,
    OTHER_COLUMN,
    _most_frequent,
    _shown,
    plot_confusion,
    plot_history,
    plot_reliability,
)

pytestmark = pytest.mark.filterwarnings("error")


def counts(classes: int, products: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    truth = rng.zipf(1.3, products) % classes
    predicted = np.where(rng.random(products) < 0.8, truth, (truth + 1) % classes)
    names = np.array([f"class {i}" for i in range(classes)], dtype=object)
    return confusion_counts(names[truth], names[predicted])


def is_drawn(path) -> bool:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L"))
    return image.format == "PNG" and pixels.std() > 5


@pytest.mark.parametrize("classes", [1, 2, 17, 142])
def test_confusion_is_a_readable_size(tmp_path, classes):
    path = tmp_path / "confusion.png"
    plot_confusion(counts(classes), "articleType", 0.8, path)
    assert is_drawn(path)
    with Image.open(path) as image:
        assert max(image.size) < 2000


def test_labels_that_matplotlib_could_stumble_over(tmp_path):
    truth = np.array(["$5 & $10", "服装", "_private", "", "x" * 300], dtype=object)
    plot_confusion(confusion_counts(truth, truth[::-1].copy()), "na$me$", 0.2, tmp_path / "confusion.png")
    assert is_drawn(tmp_path / "confusion.png")


def test_many_classes_keep_the_most_frequent_and_pool_the_other_tags():
    many = counts(142, 5000)
    drawn = _most_frequent(many)
    assert drawn.shape == (MAX_CLASSES, MAX_CLASSES + 1)
    assert drawn.columns[-1] == OTHER_COLUMN
    assert (drawn.sum(axis=1) == many.iloc[:MAX_CLASSES].sum(axis=1)).all()


def test_a_class_that_is_only_predicted_has_a_column_but_no_row():
    drawn = _most_frequent(confusion_counts(np.array(["a", "a"], dtype=object), np.array(["a", "b"], dtype=object)))
    assert list(drawn.index) == ["a"]
    assert list(drawn.columns) == ["a", "b"]


def test_long_labels_are_shortened():
    assert _shown("x" * 100) == "x" * 23 + "…"
    assert _shown("$5") == r"\$5"


def epochs(number: int, validation: bool = True) -> list[dict[str, float]]:
    rows = [{"epoch": i, "learning_rate": 1 / i, "seconds": 2.0, "loss": 5 / i} for i in range(1, number + 1)]
    if validation:
        for row in rows:
            row |= {"validation_loss": 1.0, "mean_macro_f1": 0.5, "gender_accuracy": 0.9, "gender_macro_f1": 0.5}
    return rows


@pytest.mark.parametrize("history", [epochs(20), epochs(1), epochs(3, validation=False)])
def test_history(tmp_path, history):
    plot_history(history, tmp_path / "curves.png")
    assert is_drawn(tmp_path / "curves.png")


@pytest.mark.parametrize("count", [1, 3, 9])
def test_reliability_of_few_and_many_attributes(tmp_path, count):
    bins = [{"confidence": 0.5, "accuracy": 0.4, "products": 3}, {"confidence": 0.97, "accuracy": 1.0, "products": 900}]
    metrics = {"reliability": bins, "ece": 0.01, "ece_uncalibrated": 0.05}
    plot_reliability({f"attribute ${i}": metrics for i in range(count)}, tmp_path / "reliability.png")
    assert is_drawn(tmp_path / "reliability.png")
