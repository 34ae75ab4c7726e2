"""How fast the network is trained, beside the same network of stock Keras layers, and whether its input keeps up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Contender, Measured, Sample, Say, job, run_once, run_rounds
from benchmarks.report import Report, Table

_VARIANTS = {
    "ours": "tagger train",
    "stock_float32": "Keras layers and fit, float32",
    "stock_bfloat16": "Keras layers and fit, mixed_bfloat16",
}
_SOURCES = {"real": "", "repeated": ", one batch repeated"}


@dataclass(frozen=True)
class Sizes:
    """Steps that are timed, and photos a step, 0 for what the config says."""

    steps: int
    batch_size: int = 0


FULL = Sizes(steps=30)
SHORT = Sizes(steps=12)


def measure_train(config: Path, data: Path, sizes: Sizes, rounds: int, say: Say, report: Report) -> None:
    """Fill the report."""
    from tagger.config import load_config

    small = load_config(config).training.small_epochs > 0

    def contender(variant: str, size: str = "full", source: str = "real") -> Contender:
        arguments = config.resolve(), data.resolve(), variant, size, source, sizes.steps, sizes.batch_size
        name = f"{_VARIANTS.get(variant, variant)}, {size} size{_SOURCES[source]}"
        return Contender(name, job("train", *arguments), sizes.steps)

    say("decoding the catalog, where there is no cache of it yet")
    run_once(contender("prepare"))
    photo_sizes = ["full", "small"] if small else ["full"]
    choices = [
        *((variant, size, "real") for size in photo_sizes for variant in _VARIANTS),
        *(("ours", size, "repeated") for size in photo_sizes),
    ]
    measured = run_rounds([contender(*choice) for choice in choices], rounds, say)
    report.tables += [_rates(measured, sizes.steps), _input(dict(zip(choices, measured, strict=True)), photo_sizes)]
    report.took(measured)


def _rates(measured: list[Measured], steps: int) -> Table:
    table = Table(
        "Training steps",
        f"{steps} steps after the first ones, which trace the network; photos, targets and augmentation are those of "
        "`tagger train`. Keras's own layers and loop keep no average of the weights. Peak memory includes the "
        "preparation.",
        ("contender", "Keras policy", "photos/s", "ms a step", "peak memory, MB"),
    )
    for each in measured:
        if not each.error:
            policy = str(each.samples[0].values["policy"])
            milliseconds = each.spread(lambda sample: 1000 * _step(sample))
            row = (each.contender.name, policy, each.spread(_photos_per_second), milliseconds, each.memory)
            table.rows.append(row)
    return table


def _input(measured: dict[tuple[str, str, str], Measured], photo_sizes: list[str]) -> Table:
    table = Table(
        "Does the input keep up",
        "Time of a step with real input, read and augmented in the background, over that with one batch repeated. 1 "
        "would mean that the input costs nothing.",
        ("photos", "real, ms a step", "one batch repeated, ms a step", "ratio of the medians"),
    )
    for size in photo_sizes:
        real, repeated = (measured["ours", size, source] for source in _SOURCES)
        if not (real.error or repeated.error):
            steps = [each.spread(lambda sample: 1000 * _step(sample)) for each in (real, repeated)]
            table.rows.append((f"{size} size", *steps, steps[0].median / steps[1].median))
    return table


def _step(sample: Sample) -> float:
    return float(sample.values["step"])


def _photos_per_second(sample: Sample) -> float:
    return float(sample.values["photos_per_second"])
