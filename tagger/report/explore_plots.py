"""Plots of what a catalog holds. Each returns an SVG file (PNG where there are many points) for a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from tagger.report.associations import CrossTable
from tagger.report.distributions import Balance, Numbers
from tagger.report.drawing import plain_style, plot_label, plot_svg

#: More bars than these can't be told apart any more.
MOST_BARS = 200
_BLUE = "#2f6fb3"
_PALE = "#b7cfe8"
_DASHES = ("-", "--", "-.", ":")
#: From this ratio of the largest to the smallest on, bars of the smallest could not be seen.
_SPAN = 200
_LONGEST_YEARS = 60
_FEW = 8
_thousands = FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
#: Ratios of width to height that have a name on the axis, where these are not further apart than `_WIDE`, and else.
_ASPECTS, _DECADES = (0.1, 0.2, 0.33, 0.5, 0.75, 1, 1.33, 2, 3, 5, 10), tuple(10.0**power for power in range(-5, 6))
_WIDE = 40


def plot_counts(counts: Mapping[str, int], noun: str = "products") -> bytes:
    """Draw a bar a class, its label left of it and its count at its end; the first 200 classes.

    Where the largest class is over 200 times the smallest, the scale is logarithmic, and points on lines stand for
    the bars, whose lengths would mean nothing.

    Args:
        counts: class → products, the most frequent first.
        noun: what is counted.
    """
    labels = [plot_label(label, 34) for label in list(counts)[:MOST_BARS]]
    values = np.array(list(counts.values())[:MOST_BARS])
    places = np.arange(len(values))
    logarithmic = values.max() > _SPAN * values.min()
    with _figure(7.2, 0.9 + 0.2 * len(values)) as (figure, axes):
        if logarithmic:
            axes.hlines(places, 0.7, values, color=_PALE, linewidth=1.6)
            axes.plot(values, places, "o", color=_BLUE, markersize=4.5)
            axes.set_xscale("log")
            axes.set_xlim(0.7, values.max() * 3)
        else:
            axes.barh(places, values, color=_BLUE, height=0.72)
            axes.set_xlim(0, values.max() * 1.14)
        for place, value in zip(places, values, strict=True):
            axes.annotate(f"{value:,}", (value, place), (5, 0), textcoords="offset points", va="center", fontsize=8)
        axes.set_yticks(places, labels)
        axes.set_ylim(len(values) - 0.4, -0.6)
        axes.xaxis.set_major_formatter(_thousands)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"{noun}, logarithmic scale" if logarithmic else noun)
    return plot_svg(figure)


def plot_ranks(balances: Sequence[Balance]) -> bytes:
    """Draw the classes' sizes by rank, both on logarithmic scales, a line an attribute."""
    with _figure(5.6, 4.3) as (figure, axes):
        for colour, dash, balance in _lines(balances):
            values = np.array(list(balance.counts.values()))
            axes.plot(np.arange(1, len(values) + 1), values, dash, color=colour, label=plot_label(balance.name))
        axes.set(xscale="log", yscale="log", xlabel="rank of the class", ylabel="products")
        axes.xaxis.set_major_formatter(_thousands)
        axes.yaxis.set_major_formatter(_thousands)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_title("Products by rank of the class")
        axes.legend(frameon=False, fontsize=8, labelspacing=0.3)
    return plot_svg(figure)


def plot_lorenz(balances: Sequence[Balance]) -> bytes:
    """Draw which share of the labels the most frequent classes have, a line an attribute."""
    with _figure(5.6, 4.3) as (figure, axes):
        axes.plot([0, 1], [0, 1], color="0.75", linewidth=1, label="all classes equal")
        for colour, dash, balance in _lines(balances):
            held = np.concatenate([[0], np.cumsum(balance.shares)])
            axes.plot(np.linspace(0, 1, len(held)), held, dash, color=colour, label=plot_label(balance.name))
        axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="share of the classes, most frequent first")
        axes.set_ylabel("share of the labels")
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_title("Lorenz curve")
        axes.legend(frameon=False, fontsize=8, labelspacing=0.3, loc="lower right")
    return plot_svg(figure)


def plot_numbers(numbers: Numbers) -> bytes:
    """Draw a histogram; a bar a value where there are few whole ones, logarithmic where few values are far larger."""
    values = (numbers.positive if numbers.is_skewed else numbers.values).to_numpy()
    with _figure(5.6, 3.4) as (figure, axes):
        if numbers.is_discrete and np.ptp(values) < _LONGEST_YEARS:
            present, counts = np.unique(values, return_counts=True)
            axes.bar(present, counts, color=_BLUE, width=0.8)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        elif numbers.is_skewed:
            axes.hist(values, bins=np.geomspace(values.min(), values.max() * 1.001, 41).tolist(), color=_BLUE)
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(_thousands)
        else:
            axes.hist(values, bins=40, color=_BLUE)
        axes.grid(axis="x", visible=False)
        axes.yaxis.set_major_formatter(_thousands)
        scale = ", logarithmic scale" if axes.get_xscale() == "log" else ""
        axes.set(xlabel=plot_label(numbers.name) + scale, ylabel="products")
        axes.set_title(f"Products by {plot_label(numbers.name)}")
    return plot_svg(figure)


def plot_numbers_by(numbers: Numbers, labels: pd.Series[str], attribute: str) -> bytes:
    """Draw boxes of a number by the label of an attribute; whiskers reach from 2.5 to 97.5 % of the products.

    Args:
        numbers: what is drawn.
        labels: the label of each product, "" where it has none.
        attribute: the name of the attribute.
    """
    named = labels.loc[numbers.values.index]
    order = [str(label) for label in named[named != ""].value_counts().index]
    drawn = numbers.positive if numbers.is_skewed else numbers.values
    groups = [drawn[named.loc[drawn.index] == label].to_numpy() for label in order]
    with _figure(5.6, 1.3 + 0.3 * len(order)) as (figure, axes):
        style = {"color": "0.35", "linewidth": 1}
        axes.boxplot(
            groups, orientation="horizontal", whis=(2.5, 97.5), showfliers=False, widths=0.62, patch_artist=True,
            boxprops={"facecolor": _PALE, "edgecolor": "0.35"}, medianprops={"color": _BLUE, "linewidth": 2},
            whiskerprops=style, capprops=style,
        )  # fmt: skip
        counted = [f"{plot_label(label)} ({len(group):,})" for label, group in zip(order, groups, strict=True)]
        axes.set_yticks(range(1, len(order) + 1), counted)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        if numbers.is_skewed:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(_thousands)
        axes.set_xlabel(plot_label(numbers.name))
        axes.set_title(f"{plot_label(numbers.name)} by {plot_label(attribute)}")
    return plot_svg(figure)


def plot_associations(table: pd.DataFrame) -> bytes:
    """Draw how much the columns (across) say about the others (down), in percent."""
    shown = table.to_numpy(dtype=np.float64, copy=True)
    np.fill_diagonal(shown, np.nan)
    labels = [plot_label(name) for name in table.index]
    side = 0.47 * len(labels)
    with _figure(side + 2.6, side + 1.7) as (figure, axes):
        _heat(axes, 100 * shown, labels, labels)
        axes.set(xlabel="once this is known …", ylabel="… so much of this is known, in percent")
    return plot_svg(figure)


def plot_cross_table(table: CrossTable) -> bytes:
    """Draw where the products of each row are, in percent of the row."""
    totals = table.counts.sum(axis=1)
    shares = 100 * table.counts.div(totals, axis=0).to_numpy(dtype=np.float64)
    rows = [f"{plot_label(label)} ({total:,})" for label, total in totals.items()]
    across = table.counts.shape[1]
    with _figure((0.52 if across <= _FEW else 0.36) * across + 3, 0.27 * len(rows) + 1.6) as (figure, axes):
        _heat(axes, shares, [plot_label(label) for label in table.counts.columns], rows)
        axes.set(xlabel=plot_label(table.columns), ylabel=plot_label(table.rows))
    return plot_svg(figure)


def plot_sizes(headers: pd.DataFrame) -> bytes:
    """Draw a circle a size of photos, its area by how many have it.

    Args:
        headers: see `Inspection.headers`; rows whose header could be read.
    """
    sizes = headers.groupby(["width", "height"]).size()
    widths, heights = (sizes.index.get_level_values(name).to_numpy(dtype=np.float64) for name in ("width", "height"))
    with _figure(5.6, 4.3) as (figure, axes):
        areas = 25 + 900 * sizes.to_numpy() / sizes.max()
        axes.scatter(widths, heights, s=areas, color=_BLUE, alpha=0.45, edgecolor=_BLUE, linewidth=1)
        for letter, values in (("x", widths), ("y", heights)):
            low, high = values.min(), values.max()
            if high > 10 * low:
                getattr(axes, f"set_{letter}scale")("log")
            else:
                edge = 0.08 * max(high - low, high)
                getattr(axes, f"set_{letter}lim")(max(0, low - edge), high + edge)
            getattr(axes, f"{letter}axis").set_major_formatter(_thousands)
        axes.set(xlabel="width in pixels", ylabel="height in pixels", title="Sizes of the photo files")
    return plot_svg(figure)


def plot_aspects(headers: pd.DataFrame) -> bytes:
    """Draw how many photos have which ratio of width to height, on a logarithmic count, since most have the same."""
    aspects = (headers["width"] / headers["height"]).to_numpy(dtype=np.float64)
    low, high = min(aspects.min(), 0.5), max(aspects.max(), 2)
    with _figure(5.6, 4.3) as (figure, axes):
        axes.hist(aspects, bins=np.geomspace(low / 1.02, high * 1.02, 61).tolist(), color=_BLUE, log=True)
        axes.set_xscale("log")
        ticks = [t for t in (_ASPECTS if high / low < _WIDE else _DECADES) if low <= t <= high]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.yaxis.set_major_formatter(_thousands)
        axes.set(xlabel="width : height", ylabel="photos, logarithmic scale", title="Shapes of the photo files")
    return plot_svg(figure)


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Figure, Any]]:
    """Yield a figure of this size in inches, and its axes."""
    with plain_style():
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def _lines(balances: Sequence[Balance]) -> Iterator[tuple[Any, str, Balance]]:
    """Colours and dashes of the attributes with a class."""
    drawn = [balance for balance in balances if balance.counts]
    colours = seaborn.color_palette("colorblind", 10)
    for at, balance in enumerate(drawn):
        yield colours[at % 10], _DASHES[at // 10 % len(_DASHES)], balance


def _heat(axes: Any, percent: np.ndarray, columns: Sequence[str], rows: Sequence[str]) -> None:
    texts = np.array([["" if np.isnan(v) or v < 0.5 else f"{v:.0f}" for v in row] for row in percent])
    seaborn.heatmap(
        percent, ax=axes, vmin=0, vmax=100, cmap="Blues", annot=texts, fmt="", annot_kws={"fontsize": 8},
        xticklabels=columns, yticklabels=rows, linewidths=0.5, linecolor="0.93", cbar=False, mask=np.isnan(percent),
    )  # fmt: skip
    axes.set_facecolor("0.96")
    axes.grid(False)
    axes.tick_params(axis="x", rotation=90, length=0)
    axes.tick_params(axis="y", rotation=0, length=0)
