"""The map and the scree plot as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import seaborn
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from tagger.maps.colours import MOST, OTHERS, Legend
from tagger.report.drawing import plain_style, plot_label, plot_png

_SHOWN_COMPONENTS = 64


def draw_map(places: NDArray[np.float32], codes: NDArray[np.int64], legend: Legend, title: str, path: Path) -> None:
    """Draw products as dots with a legend beside them.

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
        path.write_bytes(plot_png(figure))


def draw_scree(shares: NDArray[np.float64], path: Path) -> None:
    """Draw the share of the variance in each principal component, and that of all up to it.

    Args:
        shares: the largest first (D,).
        path: a PNG file.
    """
    blue, orange = seaborn.color_palette("colorblind")[:2]
    shown = min(len(shares), _SHOWN_COMPONENTS)
    numbers = np.arange(1, shown + 1)
    total = np.cumsum(shares)
    with plain_style():
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        axes = figure.add_subplot()
        axes.bar(numbers, shares[:shown], color=blue, label="in this component")
        axes.plot(numbers, total[:shown], color=orange, label="in all up to it")
        axes.axhline(0.9, color="0.6", linewidth=1, linestyle=(0, (2, 2)))
        enough = int(np.searchsorted(total, 0.9 - 1e-9)) + 1
        text = f"{enough} components hold 90 %"
        axes.annotate(text, (1, 0.9), (0, 4), textcoords="offset points", fontsize=8.5)
        axes.set(xlabel="principal component of the embedding", ylabel="share of the variance", ylim=(0, 1.03))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.grid(axis="x", visible=False)
        axes.set_title("Scree plot", loc="left")
        axes.legend(frameon=False, fontsize=8.5, loc="center right")
        path.write_bytes(plot_png(figure))
