"""The map and the scree plot as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import PercentFormatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from tagger.maps.colours import MOST, OTHERS, Legend
from tagger.maps.names import densest_places
from tagger.report.drawing import plain_style, plot_label, plot_png

#: At least so many; more where that many don't hold nine tenths of the variance.
_SHOWN_COMPONENTS = 64
_MOST_NAMES = 80
#: One product in so many must be of a class that is named: the name of a few would stand for the many around them.
_SMALLEST = 1_000


def draw_map(places: NDArray[np.float32], codes: NDArray[np.int64], legend: Legend, title: str, path: Path) -> None:
    """Draw products as dots, with a legend beside them and the names of the classes where most of their products are.

    Args:
        places: float32 (N, 2).
        codes: place of each product's label in the legend, int64 (N,).
        legend: labels and colours.
        title: above the map.
        path: a PNG file.
    """
    size = float(np.clip(40_000 / len(places), 2, 40))
    with plain_style():
        figure = Figure(figsize=(11, 8), layout="constrained")
        axes = figure.add_subplot()
        rest = codes >= len(legend.colours)
        if rest.any():
            axes.scatter(places[rest, 0], places[rest, 1], s=size, color=OTHERS, linewidths=0, alpha=0.8)
        # In random order: the last class drawn would hide the others.
        order = np.random.default_rng(0).permutation(np.flatnonzero(~rest))
        colours = [legend.colour(code) for code in codes[order]]
        axes.scatter(places[order, 0], places[order, 1], s=size, color=colours or None, linewidths=0, alpha=0.8)
        for label, count, colour in zip(legend.labels, legend.counts, legend.colours, strict=False):
            axes.scatter([], [], s=45, color=colour, label=f"{plot_label(label)} ({count:,})")
        if rest.any():
            others = sum(label != "" for label in legend.labels[MOST:])
            name = f"{others} others" if others else "no label"
            axes.scatter([], [], s=45, color=OTHERS, label=f"{name} ({int(rest.sum()):,})")
        axes.set(xticks=[], yticks=[], aspect="equal")
        axes.set_frame_on(False)
        axes.set_title(plot_label(title, 120), loc="left")
        figure.legend(loc="outside right upper", frameon=False, fontsize=9)
        figure.draw_without_rendering()
        _name_classes(axes, densest_places(places, codes, len(legend.labels)), legend)
        path.write_bytes(plot_png(figure))


def _name_classes(axes: Axes, where: NDArray[np.float32], legend: Legend) -> None:
    """Write names, the largest class first; one that would cover another is left out."""
    taken: list[Bbox] = []
    total = sum(legend.counts)
    for label, count, (x, y) in list(zip(legend.labels, legend.counts, where.tolist(), strict=True))[:_MOST_NAMES]:
        if not label or count * _SMALLEST < total:
            continue
        # Just above the place, so that it hides no small cluster.
        name = axes.annotate(
            plot_label(label), (x, y), (0, 3), textcoords="offset points", ha="center", fontsize=8.5, weight="bold",
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )  # fmt: skip
        name.set_in_layout(False)
        box = name.get_window_extent()
        if box.count_overlaps(taken):
            name.remove()
        else:
            taken.append(box)


def draw_scree(shares: NDArray[np.float64], path: Path) -> None:
    """Draw the share of the variance in each principal component, and that of all up to it.

    Args:
        shares: the largest first (D,).
        path: a PNG file.
    """
    blue, orange = seaborn.color_palette("colorblind")[:2]
    total = np.cumsum(shares)
    enough = int(np.searchsorted(total, 0.9 - 1e-9)) + 1
    shown = min(len(shares), max(_SHOWN_COMPONENTS, int(1.15 * enough)))
    numbers = np.arange(1, shown + 1)
    with plain_style():
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        axes = figure.add_subplot()
        axes.bar(numbers, shares[:shown], width=1, color=blue, label="in this component")
        axes.plot(numbers, total[:shown], color=orange, label="in all up to it")
        if enough <= len(shares):
            axes.plot([0, enough, enough], [0.9, 0.9, 0], color="0.6", linewidth=1, linestyle=(0, (2, 2)))
            text = f"{enough} components hold 90 %"
            axes.annotate(text, (1, 0.9), (0, 4), textcoords="offset points", fontsize=8.5)
        axes.set(xlabel="principal component of the embedding", ylabel="share of the variance")
        axes.set(xlim=(0, shown + 1), ylim=(0, 1.03))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.grid(axis="x", visible=False)
        axes.set_title("Scree plot", loc="left")
        axes.legend(frameon=False, fontsize=8.5, loc="center")
        path.write_bytes(plot_png(figure))
