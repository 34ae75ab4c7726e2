"""Which class has which colour: the same on the picture and on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import seaborn

#: More classes than these can't be told apart by colour: the others share one grey.
MOST = 20
OTHERS = "#b9bec6"


@dataclass(frozen=True)
class Legend:
    """Classes of an attribute.

    Args:
        labels: all that occur, the most frequent first; "" (no label) last.
        counts: products of each.
        colours: of the first 20, as "#rrggbb".
    """

    labels: tuple[str, ...]
    counts: tuple[int, ...]
    colours: tuple[str, ...]

    def colour(self, at: int) -> str:
        """Of the label at this place."""
        return self.colours[at] if at < len(self.colours) else OTHERS


def make_legend(labels: Sequence[str]) -> Legend:
    """Give colours to the classes that occur."""
    counts = Counter(labels)
    order = sorted(counts, key=lambda label: (label == "", -counts[label], label))
    named = sum(label != "" for label in order)
    return Legend(tuple(order), tuple(counts[label] for label in order), tuple(_palette()[: min(MOST, named)]))


def _palette() -> list[str]:
    """Ten colours that colour-blind readers tell apart, then the same darker."""
    bright = seaborn.color_palette("colorblind", 10)
    dark = [tuple(0.5 * channel for channel in colour) for colour in bright]
    return [
        "#" + "".join(f"{round(255 * channel):02x}" for channel in colour)
        for group in (bright, dark)
        for colour in group
    ]
