"""Steps of training: config, catalog, variant, photo size, input, steps, batch size or 0.

Variants: `ours` is what `tagger train` does; `stock_float32` and `stock_bfloat16` are the same network with Keras's own
batch normalization and Keras's own `fit`, which keeps no average of the weights and so does a little less.
Photo size: `full`, or `small` as in the first epochs. Input: `real`, or `repeated` for one batch again and again.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice, repeat
from pathlib import Path
from typing import Any

import keras

from tagger.config import Config, load_config
from tagger.network import trunks
from tagger.network.model import build_network
from tagger.training.batches import Batch, TrainingPart
from tagger.training.loop import Trainer
from tagger.training.optimization import compile_model, numeric_precision
from tagger.training.prepare import Prepared, prepare

#: Steps before the clock starts: the first ones trace the network, and use up what was prepared meanwhile.
_FIRST_STEPS = 8
_PRECISION = {"stock_float32": "float32", "stock_bfloat16": "bfloat16"}


def main(config: Config, data: Path, variant: str, size: str, source: str, steps: int) -> None:
    """Train for some steps; prints the photos and seconds of those after the first ones."""
    prepared = prepare(data, config)
    if variant == "prepare":
        return
    if variant in _PRECISION:
        vars(trunks)["FusedBatchNormalization"] = keras.layers.BatchNormalization
    training = _whole_batches(prepared.training_part("train"), config.training.batch_size)
    model, policy = _network(prepared, config, training, _PRECISION.get(variant, config.training.precision))
    batches = _batches(training, config, size)
    if source == "repeated":
        batches = repeat(next(batches))
    wanted = _FIRST_STEPS + steps
    if variant in _PRECISION:
        times, sizes = _fit(model, batches, wanted)
    else:
        times, sizes = _train(model, prepared, training, config, batches, wanted)
    photos = sum(sizes[_FIRST_STEPS:])
    seconds = times[-1] - times[_FIRST_STEPS - 1]
    print(json.dumps({"photos_per_second": photos / seconds, "step": seconds / steps, "policy": policy}))


def _whole_batches(part: TrainingPart, batch_size: int) -> TrainingPart:
    """Leave out the remainder: all batches have the same size then, and the network is traced once."""
    photos = len(part.rows) // batch_size * batch_size or len(part.rows)
    return dataclasses.replace(part, rows=part.rows[:photos])


def _batches(part: TrainingPart, config: Config, size: str) -> Iterator[Batch]:
    """Epoch after epoch, as in training, all of one photo size."""
    epoch = config.training.small_epochs if size == "full" else 0
    for _ in count():
        yield from part.epoch(epoch, config.training)


def _network(prepared: Prepared, config: Config, training: TrainingPart, precision: str) -> tuple[keras.Model, str]:
    """A compiled network, as `tagger train` makes it, and its Keras policy."""
    keras.utils.set_random_seed(0)
    with numeric_precision(precision) as policy:
        any_size = config.training.small_epochs > 0
        model = build_network(prepared.space, config.network, config.photo, any_size=any_size)
    steps = training.steps(config.training.batch_size)
    compile_model(model, prepared.space, prepared.attributes, config.training, steps)
    return model, policy


def _train(
    model: keras.Model,
    prepared: Prepared,
    training: TrainingPart,
    config: Config,
    batches: Iterator[Batch],
    steps: int,
) -> tuple[list[float], list[int]]:
    """Take steps with our loop; returns when each was done, and its photos."""
    times, sizes = [], []
    with tempfile.TemporaryDirectory() as folder:
        validation = prepared.training_part("validation")
        trainer = Trainer(model, prepared.answers, training, validation, config.training, Path(folder))
        for batch in islice(batches, steps):
            trainer._step(batch)
            times.append(time.perf_counter())
            sizes.append(len(batch.photos))
    return times, sizes


def _fit(model: Any, batches: Iterator[Batch], steps: int) -> tuple[list[float], list[int]]:
    """Take steps with Keras's loop; returns when each was done, and its photos."""
    times: list[float] = []
    sizes: list[int] = []

    def feed() -> Iterator[tuple[Any, Any, Any]]:
        for batch in batches:
            sizes.append(len(batch.photos))
            yield batch.photos, batch.targets, batch.weights

    clock = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: times.append(time.perf_counter()))
    model.fit(feed(), steps_per_epoch=steps, epochs=1, verbose=0, callbacks=[clock])
    return times, sizes[:steps]


if __name__ == "__main__":
    config_file, catalog, *choices, wanted_steps, batch_size = sys.argv[1:]
    overrides = [f"training.batch_size={batch_size}"] if batch_size != "0" else []
    variant_, size_, source_ = choices
    main(load_config(config_file, overrides), Path(catalog), variant_, size_, source_, int(wanted_steps))
