"""What validation taught about the scores of the heads, as a bundle holds it; `training/calibration.py` fits it."""

from __future__ import annotations

from dataclasses import field

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, FiniteFloat, PositiveFloat
from pydantic.dataclasses import dataclass as checked_dataclass

#: Above every confidence: where no confidence is high enough, all tags need review.
ALL_NEED_REVIEW = 1.01


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Scale:
    """Platt scaling of one score: logit → slope * logit + offset (Platt 1999, Probabilistic outputs for SVMs).

    The slope is positive, so that the order of the scores stays.
    """

    slope: PositiveFloat
    offset: FiniteFloat


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Calibration:
    """What validation taught about the scores of the heads.

    Args:
        temperatures: by output name, see `decoding.softmax`; of a sigmoid head, that of the labels without a scale.
        scales: by output name of a sigmoid head and label, for labels with enough examples.
        sets: by multi-valued attribute, from the logit of the least certain label to that of all being right.
        thresholds: by attribute and sigmoid label, the probability from which the label is given; default 0.5.
        review: by attribute, the confidence below which a tag needs review; default: none needs it.
        curves: by attribute, (precision, confidence) both rising: tags from that confidence on reach that precision.
    """

    temperatures: dict[str, PositiveFloat] = field(default_factory=dict)
    scales: dict[str, dict[str, Scale]] = field(default_factory=dict)
    sets: dict[str, Scale] = field(default_factory=dict)
    thresholds: dict[str, dict[str, float]] = field(default_factory=dict)
    review: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[tuple[FiniteFloat, FiniteFloat]]] = field(default_factory=dict)

    def threshold(self, attribute: str, label: str) -> float:
        """Probability from which a label of a sigmoid head is given."""
        return self.thresholds.get(attribute, {}).get(label, 0.5)

    def limits(self, attribute: str, labels: tuple[str, ...]) -> NDArray[np.float32]:
        """`threshold` of each label, float32 (L,)."""
        return np.array([self.threshold(attribute, label) for label in labels], dtype=np.float32)

    def line(self, output: str, labels: tuple[str, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Slope and offset of each column of a sigmoid head, float32 (L,) each."""
        neutral = Scale(1 / self.temperatures.get(output, 1.0), 0.0)
        scales = [self.scales.get(output, {}).get(label, neutral) for label in labels]
        slopes, offsets = [scale.slope for scale in scales], [scale.offset for scale in scales]
        return np.array(slopes, dtype=np.float32), np.array(offsets, dtype=np.float32)

    def review_at(self, attribute: str, target_precision: float) -> float:
        """The confidence below which a tag needs review for the accepted ones to reach another precision.

        Args:
            target_precision: between 0 and 1.
        """
        return lowest_confidence(self.curves.get(attribute, []), target_precision)


def lowest_confidence(curve: list[tuple[float, float]], target_precision: float) -> float:
    """The lowest confidence of a curve (see `Calibration.curves`) that reaches a precision, or ALL_NEED_REVIEW."""
    return min(
        (confidence for precision, confidence in curve if precision >= target_precision), default=ALL_NEED_REVIEW
    )
