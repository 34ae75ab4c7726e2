from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from matplotlib.figure import Figure

from tagger.report.drawing import plain_style, plot_label, plot_png, plot_svg

pytestmark = pytest.mark.filterwarnings("error")


def figure(label: str) -> Figure:
    with plain_style():
        drawn = Figure(figsize=(3, 2), layout="constrained")
        drawn.add_subplot().barh([plot_label(label)], [1])
    return drawn


@pytest.mark.parametrize("label", ["plain", "<b>&</b> --> x", "$5 & $10", "bell \a and \x00\n\tline", "服装 שלום", ""])
def test_an_svg_of_any_label_is_well_formed(label):
    assert ElementTree.fromstring(plot_svg(figure(label))).tag.endswith("svg")


def test_the_same_figure_gives_the_same_bytes():
    assert plot_svg(figure("a")) == plot_svg(figure("a")) != plot_svg(figure("b"))


def test_png():
    assert plot_png(figure("a")).startswith(b"\x89PNG")


def test_labels_are_cut_and_freed_of_what_is_no_letter():
    assert plot_label("x" * 30) == "x" * 23 + "…"
    assert plot_label("x" * 30, 40) == "x" * 30
    assert plot_label("a\tb\x07$") == r"a b\$"
