"""Plots of search methods, as PNG files. Colours are told apart by colour-blind readers too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import seaborn
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from tagger.report.drawing import plain_style, plot_label, plot_png
from tagger.retrieval.measures import Measures

_LONGEST = 60
_DASHES = ("-", "--", "-.", ":")
_FACES_ACROSS = 8


def plot_methods(figures: Mapping[str, Measures], relevance: str, k: int, path: Path) -> None:
    """Draw recall and precision of each method as two bars, the best recall on top.

    Args:
        figures: by method.
        relevance: for the title.
        k: for the legend.
        path: a PNG file.
    """
    ordered = sorted(figures.items(), key=lambda item: (item[1].recall, item[1].precision))
    places = np.arange(len(ordered))
    colours = seaborn.color_palette("colorblind")
    with _figure((9.5, 1.4 + 0.42 * len(ordered)), path) as figure:
        axes = figure.add_subplot()
        bars = {
            f"recall@{k}: a relevant one is among the first {k}": [(m.recall, m.recall_error) for _, m in ordered],
            f"precision@{k}: share of relevant ones": [(m.precision, m.precision_error) for _, m in ordered],
        }
        for at, (label, values) in enumerate(bars.items()):
            heights, errors = np.array(values).T
            where = places + 0.2 - 0.4 * at
            axes.barh(where, heights, 0.38, xerr=errors, color=colours[at], ecolor="0.35", label=label)
            for place, height, error in zip(where, heights, errors, strict=True):
                axes.annotate(f"{height:.3f}", (height + error, place), (4, 0), textcoords="offset points",
                              va="center", fontsize=7.5)  # fmt: skip
        axes.set_yticks(places, [plot_label(name, _LONGEST) for name, _ in ordered])
        axes.set(xlim=(0, 1.08), ylim=(-0.6, len(ordered) - 0.4), xticks=np.linspace(0, 1, 6))
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_title(f"Relevant: the same {plot_label(relevance, _LONGEST)}", loc="left")
        figure.legend(loc="outside lower right", ncols=2, frameon=False, fontsize=8.5)


def plot_by_rank(lines: Mapping[str, Sequence[float]], relevance: str, path: Path) -> None:
    """Draw the precision of the first 1, 2, … k of each method.

    Args:
        lines: by method.
        relevance: for the title.
        path: a PNG file.
    """
    ordered = sorted(lines.items(), key=lambda item: -item[1][-1])
    colours = seaborn.color_palette("colorblind", 10)
    with _figure((9.5, max(4.2, 1.2 + 0.24 * len(ordered))), path) as figure:
        axes = figure.add_subplot()
        for at, (name, values) in enumerate(ordered):
            axes.plot(
                np.arange(1, len(values) + 1), values, _DASHES[at // 10 % len(_DASHES)], color=colours[at % 10],
                label=plot_label(name, _LONGEST), linewidth=1.4,
            )  # fmt: skip
        axes.set(xlabel="products looked at", ylabel="share of relevant ones", ylim=(0, None))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_title(f"Relevant: the same {plot_label(relevance, _LONGEST)}", loc="left")
        figure.legend(loc="outside right upper", frameon=False, fontsize=8)


def plot_variance(
    shares: NDArray[np.float64], curve: Sequence[tuple[int, float]], whole: float, kept: float, chosen: int, path: Path
) -> None:
    """Draw what principal components of the embedding keep: of the variance, and of mAP on validation.

    Args:
        shares: of the variance in each component, the largest first (D,).
        curve: dimensions and the mAP that they reach.
        whole: mAP of the embedding as it is.
        kept: the share of it that is enough.
        chosen: dimensions chosen.
        path: a PNG file.
    """
    blue, orange = seaborn.color_palette("colorblind")[:2]
    sizes = [size for size, _ in curve]
    with _figure((7.5, 4.2), path) as figure:
        axes = figure.add_subplot()
        axes.plot(np.arange(1, len(shares) + 1), np.cumsum(shares), color=blue, label="share of the variance kept")
        axes.plot(
            sizes, [value / whole if whole else 0 for _, value in curve], "--o", color=orange, markersize=4,
            label=f"mAP on validation; 100 % is that of the whole, {whole:.3f}",
        )  # fmt: skip
        axes.axvline(chosen, color="0.4", linewidth=1, linestyle=(0, (2, 2)))
        text = f"{chosen}: the fewest with {100 * kept:.0f} %\nof the mAP of the whole"
        axes.annotate(text, (chosen, 0.03), (5, 0), textcoords="offset points", fontsize=8.5)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set(xlabel="dimensions", xlim=(1, None), ylim=(0, 1.25))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_title("The embedding in fewer dimensions", loc="left")
        axes.legend(frameon=False, fontsize=8.5, loc="upper left")


def plot_weights(curve: Sequence[tuple[float, float]], of_what: str, path: Path) -> None:
    """Draw the mAP that each weight reaches on validation; the best one is marked.

    Args:
        curve: weights and the mAP that they reach.
        of_what: has the weight.
        path: a PNG file.
    """
    weight, best = max(curve, key=lambda point: point[1])
    colours = seaborn.color_palette("colorblind")
    with _figure((7.5, 3.8), path) as figure:
        axes = figure.add_subplot()
        axes.plot(*zip(*curve, strict=True), "-o", color=colours[0], markersize=4)
        axes.plot([weight], [best], "o", color=colours[1], markersize=8)
        axes.annotate(
            f"{weight:g} chosen", (weight, best), (0, 9), textcoords="offset points", ha="center", fontsize=8.5
        )
        axes.set(xlabel=f"weight of {of_what}", ylabel="mAP on validation", ylim=(0, 1.15 * best or 1))
        axes.set_title(f"How much {of_what} should count", loc="left")


def plot_faces(
    mean: NDArray[np.float32], faces: Sequence[NDArray[np.float32]], shares: NDArray[np.float64], path: Path
) -> None:
    """Draw the mean photo and the principal components; mid-grey is where a component changes nothing.

    Args:
        mean: of the photos, 0 to 255, float32 (H, W, 3).
        faces: components, float32 (H, W, 3) each.
        shares: of the variance in each, for the captions.
        path: a PNG file.
    """
    pictures: list[tuple[NDArray[Any], str]] = [(mean / 255, "mean")]
    pictures += [
        (0.5 + face / (2 * max(float(np.abs(face).max()), 1e-9)), f"{at}: {100 * share:.1f} %")
        for at, (face, share) in enumerate(zip(faces, shares, strict=False), 1)
    ]
    rows = -(-len(pictures) // _FACES_ACROSS)
    height, width = mean.shape[:2]
    with _figure((10, rows * (0.95 * height / width + 0.28)), path) as figure:
        for at, (picture, caption) in enumerate(pictures, 1):
            axes = figure.add_subplot(rows, _FACES_ACROSS, at)
            axes.imshow(np.clip(picture, 0, 1))
            axes.set_title(caption, fontsize=8)
            axes.set_axis_off()


def plot_distances(
    products: NDArray[np.float32], others: NDArray[np.float32], threshold: float, auroc: Mapping[str, float], path: Path
) -> None:
    """Draw how far products and pictures that show none are from the nearest photo of the gallery, and how often apart.

    Args:
        products: distances of products, float32 (N,).
        others: those of the pictures, float32 (M,).
        threshold: up to which a photo is recognised.
        auroc: how often a picture is farther away than a product, by kind of pictures.
        path: a PNG file.
    """
    blue, orange = seaborn.color_palette("colorblind")[:2]
    # The few that are farthest would press the others together.
    largest = max(float(np.quantile(np.concatenate([products, others]), 0.99)), 1.1 * threshold)
    with _figure((10, 3.8), path) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        for name, values, colour in (("products", products, blue), ("pictures that show none", others, orange)):
            left.hist(
                np.minimum(values, largest), bins=np.linspace(0, largest, 41).tolist(),
                weights=np.full(len(values), 1 / len(values)), histtype="stepfilled", alpha=0.55, color=colour,
                label=f"{name}: {100 * (values <= threshold).mean():.0f} % recognised",
            )  # fmt: skip
        left.axvline(threshold, color="0.3", linewidth=1, linestyle=(0, (2, 2)), label=f"threshold {threshold:.1f}")
        left.set(xlabel="distance to the nearest photo, grey levels a pixel", ylabel="share", xlim=(0, largest))
        left.yaxis.set_major_formatter(PercentFormatter(1))
        left.set_title("Eigenfaces: recognised or unknown", loc="left")
        left.legend(edgecolor="none", framealpha=0.9, fontsize=8.5)
        ordered = sorted(auroc.items(), key=lambda item: item[1])
        right.barh([kind for kind, _ in ordered], [value for _, value in ordered], color=blue)
        for at, (_, value) in enumerate(ordered):
            right.annotate(f"{value:.2f}", (value, at), (3, 0), textcoords="offset points", va="center", fontsize=8)
        right.axvline(0.5, color="0.3", linewidth=1, linestyle=(0, (2, 2)))
        right.set(xlabel="AUROC; by chance 0.5", xlim=(0, 1.12), xticks=(0, 0.5, 1))
        right.grid(axis="y", visible=False)
        right.set_title("Told from products", loc="left")


@contextlib.contextmanager
def _figure(size: tuple[float, float], path: Path) -> Iterator[Any]:
    """Yield an empty figure of this size in inches, and write what was drawn on it."""
    with plain_style():
        figure = Figure(figsize=size, layout="constrained")
        yield figure
        path.write_bytes(plot_png(figure))
