"""Draw Matplotlib figures into memory, for pages."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from typing import Any

import matplotlib
from matplotlib.figure import Figure

_LONGEST_LABEL = 24
_STYLE = {
    "axes.titlesize": 11,
    "axes.labelsize": 9.5,
    "axes.labelcolor": "0.25",
    "axes.edgecolor": "0.7",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "0.92",
    "text.color": "0.15",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.color": "0.35",
    "ytick.color": "0.35",
    "xtick.labelcolor": "0.2",
    "ytick.labelcolor": "0.2",
    # The same figure gives the same bytes.
    "svg.hashsalt": "tagger",
}
_NO_DATE = {"Date": None}


def plot_svg(figure: Figure) -> bytes:
    """Return the figure as SVG: sharp at any size, the letters drawn as shapes so that no font is needed."""
    return _save(figure, format="svg", metadata=_NO_DATE)


def plot_png(figure: Figure) -> bytes:
    """Return the figure as PNG, for thousands of points, of which an SVG would be large."""
    return _save(figure, format="png", dpi=144)


@contextlib.contextmanager
def plain_style() -> Iterator[None]:
    """Draw what is in the block in the style of the pages; letters that no installed font has become boxes."""
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def plot_label(label: object, longest: int = _LONGEST_LABEL) -> str:
    """Shorten a label, keep Matplotlib from reading $ as mathematics, and drop what SVG files can't hold."""
    text = re.sub(r"[^\S ]", " ", str(label))
    text = "".join(character for character in text if character.isprintable())
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return text.replace("$", r"\$")


def _save(figure: Figure, **settings: Any) -> bytes:
    file = io.BytesIO()
    with plain_style():
        figure.savefig(file, facecolor="white", **settings)
    return file.getvalue()
