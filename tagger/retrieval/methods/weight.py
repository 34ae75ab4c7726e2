"""A weight that a method is given, or chooses on validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tagger.errors import ConfigError
from tagger.retrieval.plots import plot_weights

BEST = "best"


class Weight:
    """What the argument of a method says, or "best".

    Args:
        method: for errors.
        argument: the weight, or "best".
        of_what: has the weight.
        most: the largest that there may be.

    Attributes:
        value: None until the best one is chosen.
        is_chosen: whether that is asked for.

    Raises:
        ConfigError: the argument is no weight.
    """

    def __init__(self, method: str, argument: str, of_what: str, most: float) -> None:
        self.is_chosen = argument == BEST
        self.value = None if self.is_chosen else _read(method, argument, of_what, most)
        self._of_what = of_what
        self._curve: list[tuple[float, float]] = []

    def choose(self, curve: Sequence[tuple[float, float]]) -> None:
        """Take the best of the weights that were tried: each with the mAP that it reached."""
        self._curve = list(curve)
        self.value = max(curve, key=lambda point: point[1])[0]

    def details(self) -> dict[str, Any]:
        """For metrics.json."""
        curve = [{"weight": weight, "map_on_validation": value} for weight, value in self._curve]
        return {"weight": self.value} | ({"curve": curve} if curve else {})

    def draw(self, path: Path) -> None:
        """Draw how it was chosen; nothing where it was given."""
        if self._curve:
            plot_weights(self._curve, self._of_what, path)


def _read(method: str, argument: str, of_what: str, most: float) -> float:
    try:
        weight = float(argument)
    except ValueError:
        weight = -1.0
    if not 0 <= weight <= most:
        raise ConfigError(
            f'After "{method}:", expected the weight of {of_what} from 0 to {most:g}, or best; got "{argument}".'
        )
    return weight
