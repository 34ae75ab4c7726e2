"""Plots of an evaluation and of a training run, as PNG files. Colours are told apart by colour-blind readers too."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from tagger.files import atomic_file

#: More classes than this are a blob: the most frequent ones are drawn.
MAX_CLASSES = 30
OTHER_COLUMN = "(all others)"
_FEW = 10
_LONGEST_LABEL = 24
_ACROSS = 4
_DASHES = ("-", "--", "-.", ":")


def plot_confusion(counts: pd.DataFrame, name: str, accuracy: float, path: Path | str) -> None:
    """Draw a confusion matrix; each row shows where the products of a true class went, in percent.

    Args:
        counts: truth (rows) against tag (columns), the same labels, the most frequent truth first.
        name: the attribute.
        accuracy: for the title.
        path: a PNG file.

    Raises:
        OutputError: the file can't be written.
    """
    drawn = _most_frequent(counts)
    support = drawn.sum(axis=1)
    shares = 100 * drawn.div(support, axis=0).to_numpy()
    rows, columns = shares.shape
    few = max(rows, columns) <= _FEW
    cell = 0.62 if few else 0.36  # inches
    size = (max(columns * cell, 2.0) + 3.6, max(rows * cell, 1.4) + 2.4)
    cut = f"; the {rows} most frequent of {(counts.sum(axis=1) > 0).sum()} classes" if OTHER_COLUMN in drawn else ""
    with _figure(size, path) as figure:
        axes = figure.add_subplot()
        seaborn.heatmap(
            shares,
            ax=axes,
            vmin=0,
            vmax=100,
            cmap="Blues",
            annot=_cell_texts(shares, decimals=1 if few else 0),
            fmt="",
            annot_kws={"fontsize": 9 if few else 7},
            xticklabels=[_shown(label) for label in drawn.columns],
            yticklabels=[f"{_shown(label)}  ({count:,})" for label, count in support.items()],
            linewidths=0.5,
            linecolor="0.93",
            cbar_kws={"label": "share of the row", "format": PercentFormatter(decimals=0), "shrink": 0.7},
        )
        axes.set(xlabel="tag", ylabel="truth (products)")
        axes.tick_params(axis="x", rotation=90, length=0)
        axes.tick_params(axis="y", rotation=0, length=0)
        judged = f"accuracy {accuracy:.3f} on {counts.to_numpy().sum():,} products"
        axes.set_title(f"{_shown(name)}\n{judged}{cut}", fontsize=11)


def plot_history(history: Sequence[Mapping[str, float]], path: Path | str) -> None:
    """Draw the course of a training run: loss, macro-F1, accuracy of each attribute, learning rate.

    Args:
        history: one row an epoch, with `epoch`, `loss`, `learning_rate` and, where there is a validation part,
            `validation_loss`, `mean_macro_f1` and `<attribute>_accuracy`. Panels without figures are left out.
        path: a PNG file.

    Raises:
        OutputError: the file can't be written.
    """
    table = pd.DataFrame(list(history))
    accuracies = {_shown(c.removesuffix("_accuracy")): c for c in table.columns if c.endswith("_accuracy")}
    panels = {
        "loss": {"training (all heads)": "loss", "validation (primary heads)": "validation_loss"},
        "mean macro-F1 on validation": {"mean macro-F1": "mean_macro_f1"},
        "learning rate": {"learning rate": "learning_rate"},
        "accuracy on validation": accuracies,
    }
    present = {
        title: drawn
        for title, lines in panels.items()
        if (drawn := {label: column for label, column in lines.items() if column in table})
    }
    best = max(history, key=lambda row: row["mean_macro_f1"])["epoch"] if "mean_macro_f1" in table else None
    rows = -(-len(present) // 2)
    with _figure((11, 3.6 * rows), path) as figure:
        for position, (title, lines) in enumerate(present.items(), start=1):
            axes = figure.add_subplot(rows, 2, position)
            _plot_lines(axes, table, lines)
            if best is not None:
                axes.axvline(best, color="0.6", linewidth=1, linestyle=(0, (2, 2)), zorder=0)
            marked = f" (best: epoch {best:.0f})" if "mean_macro_f1" in lines.values() else ""
            axes.set_title(title + marked, fontsize=11)


def plot_reliability(attributes: Mapping[str, Mapping[str, Any]], path: Path | str) -> None:
    """Draw, for each attribute, accuracy against confidence, above how many tags have which confidence.

    Args:
        attributes: by name, with `reliability`, `ece` and `ece_uncalibrated` as `Evaluation.to_json` has them.
        path: a PNG file.

    Raises:
        OutputError: the file can't be written.
    """
    across = min(len(attributes), _ACROSS)
    rows = -(-len(attributes) // across)
    with _figure((2.9 * across + 0.4, 3.9 * rows), path) as figure:
        grid = figure.add_gridspec(2 * rows, across, height_ratios=[3, 1] * rows)
        for place, (name, metrics) in enumerate(attributes.items()):
            row, column = divmod(place, across)
            above = figure.add_subplot(grid[2 * row, column])
            below = figure.add_subplot(grid[2 * row + 1, column], sharex=above)
            _plot_reliability(above, below, pd.DataFrame(metrics["reliability"]))
            change = f"ECE {metrics['ece_uncalibrated']:.3f} → {metrics['ece']:.3f}"
            above.set_title(f"{_shown(name)}\n{change}", fontsize=10)
            if column == 0:
                above.set_ylabel("accuracy")
                below.set_ylabel("tags")


@contextlib.contextmanager
def _figure(size: tuple[float, float], path: Path | str) -> Iterator[Figure]:
    """Yield an empty figure of `size` inches; save what was drawn on it."""
    with warnings.catch_warnings():
        # A label in a script that no installed font has is drawn as boxes; the tables have it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=size, layout="constrained")
        yield figure
        with atomic_file(path) as temporary:
            figure.savefig(temporary, dpi=120, facecolor="white", format="png")


def _most_frequent(counts: pd.DataFrame) -> pd.DataFrame:
    """Rows that have products; where there are too many classes, the most frequent ones, and the other tags pooled."""
    present = counts[counts.sum(axis=1) > 0]
    if len(counts) <= MAX_CLASSES:
        return present
    rows = present.iloc[:MAX_CLASSES]
    drawn = rows[list(rows.index)]
    return drawn.assign(**{OTHER_COLUMN: rows.sum(axis=1) - drawn.sum(axis=1)})


def _cell_texts(shares: NDArray[np.float64], decimals: int) -> NDArray[np.str_]:
    smallest = 0.5 * 10**-decimals
    return np.array([[f"{value:.{decimals}f}" if value >= smallest else "" for value in row] for row in shares])


def _shown(label: object) -> str:
    """Shorten a label, and keep Matplotlib from reading $ as mathematics."""
    text = str(label)
    text = text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"
    return text.replace("$", r"\$")


def _plot_reliability(above: Any, below: Any, bins: pd.DataFrame) -> None:
    blue = seaborn.color_palette("colorblind")[0]
    above.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=(0, (2, 2)))
    # The standard error says which bins mean something.
    error = np.sqrt(bins["accuracy"] * (1 - bins["accuracy"]) / bins["products"])
    above.errorbar(bins["confidence"], bins["accuracy"], yerr=error, color=blue, fmt="o", markersize=4, elinewidth=1)
    above.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    above.tick_params(axis="x", labelbottom=False)
    below.bar(bins["confidence"], bins["products"], width=0.06, color=blue)
    below.set(xlabel="confidence", xticks=[0, 0.5, 1])
    below.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))
    for axes in (above, below):
        axes.grid(True, color="0.92")
        axes.set_axisbelow(True)
        seaborn.despine(ax=axes)


def _plot_lines(axes: Any, table: pd.DataFrame, lines: Mapping[str, str]) -> None:
    colours = seaborn.color_palette("colorblind", max(len(lines), 1))
    # The legend reads from top to bottom like the ends of the lines.
    ordered = sorted(lines, key=lambda label: -table[lines[label]].iloc[-1])
    for i, label in enumerate(ordered):
        dash = _DASHES[i % len(_DASHES)]
        values = table[lines[label]]
        axes.plot(table["epoch"], values, dash, color=colours[i], marker="o", markersize=3, label=label)
    axes.set_xlabel("epoch")
    axes.set_xlim(table["epoch"].min() - 0.5, table["epoch"].max() + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(True, color="0.92")
    axes.set_axisbelow(True)
    seaborn.despine(ax=axes)
    if len(lines) > 1:
        outside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if len(lines) > 2 else {"loc": "best"}
        axes.legend(frameon=False, fontsize=9, **outside)
