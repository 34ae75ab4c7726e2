"""Draw what an evaluation found out, for its page: how many tags can be trusted, curves, reliability, confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from tagger.report.drawing import plain_style, plot_label, plot_png, plot_svg
from tagger.report.heads import HeadScores
from tagger.report.metrics import average_precision, confused_pairs

#: A matrix of so many classes is drawn with its figures; of a larger one the most confused classes are.
BLOCK = 30
#: Beyond it even a matrix without figures can't be read.
WHOLE = 200
#: Labels that have a curve of their own: so many of the most frequent, and so many of the worst.
_CURVES = 4
#: With fewer products a curve is a few steps of chance.
_MIN_POSITIVES = 5
#: Points of a curve, which otherwise has one a product.
_POINTS = 400
#: Scores that are pooled; of more, every second product or fewer is taken.
_POOLED = 4_000_000
_NAMED = 8
_DASHES = ("-", "--", "-.", ":")
_PERCENT = PercentFormatter(1, decimals=0)


def coverage_curves(
    answers: Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]],
    marks: Mapping[str, float],
    target: float | None,
) -> bytes:
    """SVG of the share of right tags among the most confident ones, against how many these are.

    Args:
        answers: by attribute, confidence (N,) and whether the tag is right (N,), N ≥ 1.
        marks: by attribute, the share of tags that need no review; drawn as a dot.
        target: the precision asked for; None: unknown.
    """
    colours = seaborn.color_palette("colorblind", len(answers))
    with plain_style():
        figure = Figure(figsize=(8.6, 4.4), layout="constrained")
        axes = figure.add_subplot()
        lowest = 1.0
        for i, (name, (confidence, right)) in enumerate(answers.items()):
            order = np.argsort(-confidence, kind="stable")
            accuracy = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
            coverage = np.arange(1, len(right) + 1) / len(right)
            kept = _thinned(len(right), first=min(len(right) - 1, max(20, len(right) // 50)))
            axes.plot(
                coverage[kept], accuracy[kept], _DASHES[i % 4], color=colours[i], linewidth=1.6, label=plot_label(name)
            )
            at = round(marks[name] * len(right)) - 1
            if at >= 0:
                axes.plot(coverage[at], accuracy[at], "o", color=colours[i], markersize=6, markeredgecolor="white")
            lowest = min(lowest, float(accuracy[kept].min()))
        if target is not None:
            axes.axhline(target, color="0.4", linewidth=1, linestyle=(0, (2, 2)))
            axes.annotate(f"target {target:.0%}", (0.005, target), va="bottom", fontsize=9, color="0.3")
        axes.set(xlabel="share of the tags that go live, the most confident first", ylabel="of these are right")
        axes.set(xlim=(0, 1.01), ylim=(max(0.0, lowest - 0.03), 1.005))
        axes.xaxis.set_major_formatter(_PERCENT)
        axes.yaxis.set_major_formatter(_PERCENT)
        axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
        return plot_svg(figure)


def reliability_plot(bins: Sequence[Mapping[str, float]], title: str) -> bytes:
    """SVG of accuracy against confidence, above how many products have that confidence.

    Args:
        bins: confidence, accuracy and products of each bin that holds any, at least one.
        title: of the drawing.
    """
    confidence, accuracy, products = (
        np.array([row[key] for row in bins], dtype=np.float64) for key in ("confidence", "accuracy", "products")
    )
    with plain_style():
        figure = Figure(figsize=(5, 4.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        upper.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=(0, (2, 2)))
        # Bins of a few products scatter; theirs are drawn small.
        sizes = 14 + 120 * np.sqrt(products / products.max())
        upper.plot(confidence, accuracy, color="#9dbce0", linewidth=1.2, zorder=2)
        upper.scatter(confidence, accuracy, s=sizes, color="#1a5fb4", zorder=3)
        upper.set(ylabel="are right", ylim=(-0.03, 1.03), xlim=(-0.02, 1.02))
        upper.set_title(title, fontsize=10)
        lower.bar(confidence, products / products.sum(), width=0.04, color="#1a5fb4")
        lower.set(xlabel="confidence of the tag", ylabel="products")
        for axis in (upper.yaxis, lower.yaxis, lower.xaxis):
            axis.set_major_formatter(_PERCENT)
        return plot_svg(figure)


def precision_recall_plot(head: HeadScores, title: str) -> bytes | None:
    """SVG of precision against recall: all labels together, the most frequent ones, and the worst ones, by name.

    None where no label has enough products for a curve.

    Args:
        head: of a softmax head each class counts against all the others.
        title: of the drawing.
    """
    positives = head.targets.sum(axis=0)
    enough = np.flatnonzero((positives >= _MIN_POSITIVES) & (positives < len(head.targets)))
    if not len(enough):
        return None
    frequent = enough[np.argsort(-positives[enough], kind="stable")][:_CURVES]
    areas = {int(i): average_precision(head.targets[:, i], head.scores[:, i]) for i in enough}
    worst = [i for i in sorted(areas, key=lambda i: areas[i]) if i not in frequent][:_CURVES]
    groups = {"most frequent": [int(i) for i in frequent], f"worst with {_MIN_POSITIVES} or more products": worst}
    with plain_style():
        figure = Figure(figsize=(5, 5.2), layout="constrained")
        axes = figure.add_subplot()
        step = -(-head.targets.size // _POOLED)
        targets, scores = head.targets[::step].ravel(), head.scores[::step].ravel()
        _curve(axes, targets, scores, color="0.1", linewidth=2.4)
        for (group, members), palette in zip(groups.items(), ("Blues_r", "Oranges_r"), strict=True):
            axes.plot([], [], " ", label=f"{group}:" if members else " ")
            for i, colour, dash in zip(members, seaborn.color_palette(palette, _CURVES + 2), _DASHES, strict=False):
                label = f"{plot_label(head.labels[i])} ({positives[i]:,})  {areas[i]:.2f}"
                style = {"color": colour, "linewidth": 1.5, "linestyle": dash, "label": label}
                _curve(axes, head.targets[:, i], head.scores[:, i], **style)
            for _ in range(len(frequent) - len(members)):  # so that the next group has a column of its own
                axes.plot([], [], " ", label=" ")
        pooled = average_precision(targets, scores)
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
        axes.set_title(f"{title}\nblack: all labels pooled, {pooled:.2f}", fontsize=10)
        figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=2, handlelength=1.6, columnspacing=1)
        return plot_svg(figure)


def support_plot(rows: pd.DataFrame, title: str) -> bytes | None:
    """SVG of F1 against support, one dot a class; those far from the others of their size have their name.

    None where no class has both.

    Args:
        rows: label, f1 and support of each class.
        title: of the drawing.
    """
    rows = rows[(rows["support"] > 0) & rows["f1"].notna()]
    if rows.empty:
        return None
    size, f1 = np.log10(rows["support"].to_numpy(dtype=np.float64)), rows["f1"].to_numpy(dtype=np.float64)
    usual = np.polyval(np.polyfit(size, f1, 1), size) if len(np.unique(size)) > 2 else np.full(len(f1), f1.mean())
    distance = f1 - usual
    with plain_style():
        figure = Figure(figsize=(5, 4.4), layout="constrained")
        axes = figure.add_subplot()
        axes.scatter(rows["support"], f1, s=22, color="#1a5fb4", alpha=0.7, linewidth=0)
        order = np.argsort(size)
        axes.plot(
            rows["support"].to_numpy()[order],
            usual[order],
            color="0.6",
            linewidth=1,
            linestyle=(0, (2, 2)),
            scalex=False,
            scaley=False,
        )
        axes.set(xscale="log", xlabel="support (products of the class, log scale)", ylabel="F1", ylim=(-0.06, 1.06))
        axes.margins(x=0.12)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(title, fontsize=10)
        figure.draw_without_rendering()
        _name_dots(axes, rows, f1, distance)
        return plot_svg(figure)


def confusion_block(counts: pd.DataFrame, title: str) -> tuple[bytes, int]:
    """PNG of a confusion matrix with its figures, in percent of the row; of many classes the most confused ones.

    Args:
        counts: truth (rows) against tag (columns), the same labels.
        title: of the drawing.

    Returns:
        The file, and the number of classes that are drawn.
    """
    drawn = most_confused(counts, BLOCK)
    support = counts.loc[drawn].sum(axis=1)
    shares = 100 * counts.loc[drawn, drawn].div(support.where(support > 0), axis=0).to_numpy()
    few = len(drawn) <= 10
    cell = 0.6 if few else 0.3  # inches
    side = max(len(drawn) * cell, 2.0)

    smallest = 0.05 if few else 0.5
    texts = [[f"{v:.{int(few)}f}" if v >= smallest else "" for v in row] for row in shares]
    with plain_style():
        figure = Figure(figsize=(side + 2.8, side + 2.0), layout="constrained")
        axes = figure.add_subplot()
        _heat_map(
            axes,
            shares,
            drawn,
            support,
            annot=np.array(texts),
            fmt="",
            annot_kws={"fontsize": 9 if few else 7},
            linewidths=0.5,
            linecolor="0.93",
        )
        axes.set_title(title, fontsize=10)
        return plot_png(figure), len(drawn)


def confusion_whole(counts: pd.DataFrame) -> bytes:
    """PNG of a confusion matrix without figures, its labels readable at full size; at most WHOLE classes.

    Args:
        counts: truth (rows) against tag (columns), the same labels.
    """
    support = counts.sum(axis=1)
    shares = 100 * counts.div(support.where(support > 0), axis=0).to_numpy()
    side = max(0.105 * len(counts), 4.0)
    with plain_style():
        # Laid out by hand: Matplotlib takes seconds to measure hundreds of labels.
        width, height = side + 3.0, side + 2.2
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((1.9 / width, 1.8 / height, side * 1.05 / width, side / height))
        _heat_map(axes, shares, list(counts.index), support, linewidths=0, norm=PowerNorm(0.5, 0, 100))
        axes.tick_params(labelsize=6)
        return plot_png(figure)


def most_confused(counts: pd.DataFrame, limit: int) -> list[str]:
    """The classes of the most frequent confusions, those that are confused with each other side by side.

    All of them, in their order, where there are no more than `limit`.
    """
    if len(counts) <= limit:
        return list(counts.index)
    neighbours: dict[str, list[str]] = {}
    for pair in confused_pairs(counts, limit=10 * limit).to_dict("records"):
        both = [pair["truth"], pair["predicted"]]
        if len(neighbours.keys() | set(both)) > limit:
            continue
        for label, other in (both, both[::-1]):
            neighbours.setdefault(label, []).append(other)
    drawn: list[str] = []
    waiting = list(neighbours)[::-1]
    while waiting:
        label = waiting.pop()
        if label not in drawn:
            drawn.append(label)
            waiting += reversed(neighbours[label])
    return drawn


def _heat_map(
    axes: Any, shares: NDArray[np.float64], labels: Sequence[str], support: pd.Series, **settings: Any
) -> None:
    if "norm" not in settings:
        settings |= {"vmin": 0, "vmax": 100}
    seaborn.heatmap(
        shares,
        ax=axes,
        cmap="Blues",
        mask=np.isnan(shares),
        xticklabels=[plot_label(label) for label in labels],
        yticklabels=[f"{plot_label(label)}  ({support[label]:,})" for label in labels],
        cbar_kws={"label": "share of the row", "format": PercentFormatter(decimals=0), "shrink": 0.6},
        **settings,
    )
    axes.set(xlabel="tag", ylabel="truth (products)")
    axes.tick_params(axis="x", rotation=90, length=0)
    axes.tick_params(axis="y", rotation=0, length=0)


def _curve(axes: Any, targets: NDArray[np.bool_], scores: NDArray[np.float32], **style: Any) -> None:
    precision, recall, _ = precision_recall_curve(targets, scores)
    # Evenly along the recall: most of the points of a large curve crowd at its end.
    kept = np.unique(np.searchsorted(-recall, -np.linspace(0, 1, _POINTS)).clip(max=len(recall) - 1))
    axes.plot(recall[kept], precision[kept], **style)


def _thinned(count: int, first: int) -> NDArray[np.int64]:
    """Indices of at most _POINTS points of a curve from `first` on, the last one among them."""
    return np.unique(np.linspace(first, count - 1, min(_POINTS, count - first)).astype(np.int64))


def _name_dots(axes: Any, rows: pd.DataFrame, f1: NDArray[np.float64], distance: NDArray[np.float64]) -> None:
    """Write the names of the dots that are farthest from the line, as far as the names don't cover each other."""
    taken: list[Any] = []
    labels = rows["label"].to_list()
    support = rows["support"].to_numpy()
    # What is worse than others of its size is what can be mended: two of three names go there.
    order = [*np.argsort(distance)[: 2 * _NAMED], *np.argsort(-distance)[:_NAMED]]
    for place, i in enumerate(dict.fromkeys(order)):
        if len(taken) == _NAMED + _NAMED // 2 or abs(distance[i]) < 0.05:
            continue
        right = support[i] < np.sqrt(support.max() * support.min())
        written = axes.annotate(
            plot_label(labels[i]), (support[i], f1[i]), xytext=(5 if right else -5, 4 if place % 2 else -4),
            textcoords="offset points", fontsize=8, ha="left" if right else "right", va="center",
        )  # fmt: skip
        box = written.get_window_extent().padded(3)
        if any(box.overlaps(other) for other in taken):
            written.remove()
        else:
            taken.append(box)
