"""What an attribute's figures mean for somebody who has to decide: can its tags go live without a person?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

#: With a smaller share of tags that need no review it is not worth the effort to tell them apart.
_WORTHWHILE = 0.05
#: With a larger share nothing is left for a person.
_ALL = 0.9995


class Verdict(NamedTuple):
    """The decision, and a sentence that gives the reason."""

    decision: Literal["live", "partly", "person"]
    sentence: str


def give_verdict(metrics: Mapping[str, Any]) -> Verdict:
    """Decide from one attribute's part of `metrics.json`.

    It can go live where the accuracy of all its tags surely reaches the target (the lower end of the interval does),
    partly where that of the tags without a review mark does (the upper end of theirs), else it needs a person.
    """
    target, accuracy = metrics["target_precision"], metrics["accuracy"]
    coverage, reached = metrics["coverage"], metrics["accepted_accuracy"]
    wanted = f"the target of {_percent(target)}"
    if _end(metrics, "accuracy", 0) >= target:
        return Verdict(
            "live", f"Can go live without review: {_percent(accuracy)} of the tags are right, above {wanted}."
        )
    if reached is None or coverage < _WORTHWHILE:
        return Verdict(
            "person",
            f"Needs a person: {_percent(accuracy)} of the tags are right, and the confidence tells hardly any "
            f"({_percent(coverage)}) that reach {wanted}.",
        )
    if _end(metrics, "accepted_accuracy", 1) < target:
        return Verdict(
            "person",
            f"Needs a person: the {_percent(coverage)} without a review mark are right in only {_percent(reached)}, "
            f"below {wanted}.",
        )
    short = "" if reached >= target else f" (a little below {wanted}, within chance)"
    if coverage >= _ALL:
        return Verdict("partly", f"All can go live on trial: {_percent(reached)} are right{short}, none is marked.")
    return Verdict(
        "partly",
        f"{_percent(coverage)} can go live: {_percent(reached)} of these are right{short}; "
        f"the other {_percent(1 - coverage)} need a person.",
    )


def _end(metrics: Mapping[str, Any], figure: str, end: Literal[0, 1]) -> float:
    """The lower or upper end of a figure's interval; the figure itself where it has none."""
    interval = metrics[f"{figure}_interval"]
    return float(metrics[figure] if interval is None else interval[end])


def _percent(share: float) -> str:
    text = f"{100 * share:.1f}".removesuffix(".0")
    return f"{text}\N{NO-BREAK SPACE}%"
