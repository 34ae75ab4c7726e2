"""What `tagger train --from` gains over a run from scratch: few photos, of another kind, with other classes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks.measure import Contender, Measured, Say, job, run_once, run_rounds
from benchmarks.report import Report, Table

_WAYS = {
    "scratch": "from scratch, settings of `tagger train`",
    "schedule": "from scratch, settings of --from",
    "from": "--from",
}


@dataclass(frozen=True)
class Sizes:
    """Photos to learn from, and most photos to judge by."""

    photos: tuple[int, ...]
    test: int


FULL = Sizes(photos=(100, 300, 1000), test=1500)
SHORT = Sizes(photos=(150,), test=500)


def measure_finetune(
    model: Path,
    data: Path,
    changed: bool,
    labels: tuple[str, ...],
    tried: tuple[str, ...],
    sizes: Sizes,
    seeds: int,
    say: Say,
    report: Report,
) -> None:
    """Fill the report.

    Args:
        model: bundle to start from.
        data: catalog whose photos are relabelled.
        changed: change the photos, too.
        labels: columns whose combinations are the new classes.
        tried: overrides of settings, each of which is one more contender.
        seeds: runs of each contender.
    """
    with tempfile.TemporaryDirectory(prefix="tagger-bench-") as name:
        folder = Path(name)
        say("making another catalog out of this one")
        drawing = job(
            "finetune", "make", model.resolve(), data.resolve(), folder, max(sizes.photos), sizes.test, changed, *labels
        )
        drawn = run_once(Contender("making a catalog", drawing)).values
        counts = [count for count in sizes.photos if count <= drawn["train"]] or [drawn["train"]]
        ways = [*((way, "") for way in _WAYS), *(("from", override) for override in tried)]
        choices = list(product(counts, ways, range(seeds)))
        contenders = [
            Contender(
                _name(*way), job("finetune", "train", model.resolve(), folder, count, seed, *filter(None, way)), count
            )
            for count, way, seed in choices
        ]
        measured = run_rounds(contenders, 1, say)
    report.took(measured)
    photos = "Photos before a wall instead of white, smaller, off the middle, in other light" if changed else "Photos"
    text = (
        f"{photos}; the {drawn['classes']} classes are the commonest combinations of {' and '.join(labels)}, which the "
        "bundle never saw as classes. None of the photos was among those that it learned from. Accuracy and macro-F1 "
        f"are on {drawn['test']:,} other photos; of the {seeds} runs each, which draw other photos to learn from, the "
        "median, the least and the greatest."
    )
    table = Table("Fine-tuning", text, ("photos", "contender", "accuracy", "macro-F1", "training, s"))
    for count, way in product(counts, ways):
        samples = [
            sample
            for choice, each in zip(choices, measured, strict=True)
            if choice[:2] == (count, way)
            for sample in each.samples
        ]
        if samples:
            runs = Measured(Contender(_name(*way), ()), samples)
            values = (runs.spread(lambda sample, key=key: float(sample.values[key])) for key in _VALUES)
            table.rows.append((count, _name(*way), *values))
    report.tables.append(table)


_VALUES = ("accuracy", "macro_f1", "seconds")


def _name(way: str, override: str) -> str:
    return f"{_WAYS[way]}{f', {override}' if override else ''}"
