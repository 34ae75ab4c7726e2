from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from tagger.report.associations import cross, measure_associations
from tagger.report.distributions import measure_balance, read_numbers
from tagger.report.explore_plots import (
    MOST_BARS,
    plot_aspects,
    plot_associations,
    plot_counts,
    plot_cross_table,
    plot_lorenz,
    plot_numbers,
    plot_numbers_by,
    plot_ranks,
    plot_sizes,
)

pytestmark = pytest.mark.filterwarnings("error")


def column(cells) -> pd.Series:
    return pd.Series([str(cell) for cell in cells], dtype=str)


def size_of(svg: bytes) -> tuple[float, float]:
    """Width and height of a well-formed SVG file in points; it has something in it."""
    root = ElementTree.fromstring(svg)
    assert len(list(root.iter())) > 20
    return float(root.attrib["width"].removesuffix("pt")), float(root.attrib["height"].removesuffix("pt"))


def headers(*sizes: tuple[int, int]) -> pd.DataFrame:
    return pd.DataFrame([(*size, "RGB") for size in sizes], columns=["width", "height", "mode"])


@pytest.mark.parametrize("classes", [1, 5, 142, 2000])
def test_bars_have_room_for_their_labels(classes):
    counts = {f"a class with a rather long name {i}": 1 + 5000 // (i + 1) for i in range(classes)}
    width, height = size_of(plot_counts(counts))
    assert width < 800
    assert height >= 12 * min(classes, MOST_BARS)


def test_small_classes_beside_large_ones_are_drawn_on_a_logarithmic_scale():
    # Bars are filled shapes, the points on lines are markers that are used again and again.
    assert plot_counts({"a": 6000, "b": 2}).count(b"<use") > plot_counts({"a": 60, "b": 2}).count(b"<use")


def test_balances_of_one_class_of_many_and_of_none():
    balances = [measure_balance("one", column("a" * 9)), measure_balance("many", column(range(300)))]
    balances.append(measure_balance("$none$", column([""])))
    size_of(plot_lorenz(balances))
    size_of(plot_ranks(balances))


@pytest.mark.parametrize(
    "values",
    [
        [2011, 2012, 2012],
        [5],
        [1.5] * 20,
        [10] * 300 + [5000] * 9,
        [10] * 600 + [5000] * 9 + [0],
        [0, 1e9],
        [-5, 3.5, 1e300],
    ],
)
def test_numbers_of_all_kinds(values):
    numbers = read_numbers("price", column(values))
    size_of(plot_numbers(numbers))
    size_of(plot_numbers_by(numbers, column(["<a>", "", "$b"][i % 3] for i in range(len(values))), "kind"))


def test_associations_and_cross_tables():
    columns = {"a": column("xyxyz" * 20), "b": column("112233" * 17)[:100], "empty": column([""] * 100)}
    size_of(plot_associations(measure_associations(columns)))
    size_of(plot_cross_table(cross(columns["a"], columns["b"], "a", "b")))


@pytest.mark.parametrize("sizes", [[(60, 80)], [(60, 80), (60, 80), (4000, 3000)], [(1, 5000), (5000, 1), (60, 80)]])
def test_sizes_and_shapes(sizes):
    size_of(plot_sizes(headers(*sizes)))
    size_of(plot_aspects(headers(*sizes)))


def test_one_strip_among_photos_leaves_the_ratios_readable():
    """Their names would lie on one another."""
    svg = plot_aspects(headers((60, 80), (80, 60), (3000, 3))).decode()
    assert "<!-- 1000 -->" in svg and "<!-- 0.75 -->" not in svg
    assert "<!-- 0.75 -->" in plot_aspects(headers((60, 80), (80, 60), (100, 10))).decode()


def test_the_largest_labels_of_any_script_do_not_stop_a_plot():
    svg = plot_counts({"x" * 400: 3, "服装 שלום \x00 <b>&--": 2, "$\\alpha$ $": 1})
    assert size_of(svg)[0] < 800
    assert np.isfinite(size_of(svg)).all()
