"""How the small networks learn that have a say beside the one that sees photos."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from tagger.config import AttributeConfig, TrainingConfig
from tagger.labels import LabelSpace
from tagger.network.model import keras_name
from tagger.training.batches import TrainingPart
from tagger.training.optimization import compile_model
from tagger.training.validation import validation_metrics

#: A small catalog gets smaller batches, so that an epoch has at least so many steps.
_STEPS = 20
_BATCH = 512


class Learning(NamedTuple):
    """N products: their targets, and what the network sees of them, (N, F)."""

    part: TrainingPart
    rows: NDArray[Any]


def fit_small(
    network: keras.Model,
    space: LabelSpace,
    attributes: dict[str, AttributeConfig],
    training: Learning,
    held_out: Learning | None,
    settings: TrainingConfig,
    told: Callable[[int, int, int], None],
    hide: Callable[[NDArray[Any], np.random.Generator], NDArray[Any]] = lambda rows, rng: rows,
) -> None:
    """Train, and go back to the epoch that the held-out products are likeliest after; without any, to the last one.

    Args:
        network: with an output of logits for each of `space`.
        space: what is tagged.
        attributes: how much each counts.
        training: to learn from.
        held_out: to choose the epoch by.
        settings: of the optimizer; `batch_size` is the largest.
        told: about epoch, step and steps.
        hide: leaves out some of what is seen in a step.
    """
    names = [keras_name(name) for name in space.output_names]
    part, rows = training
    steps = -(-len(rows) // min(settings.batch_size, max(1, len(rows) // _STEPS)))
    compile_model(network, space, attributes, settings, steps)
    rng = np.random.default_rng(settings.seed)
    best, least = network.get_weights(), np.inf
    for epoch in range(1, settings.epochs + 1):
        for step, chosen in enumerate(np.array_split(rng.permutation(len(rows)), steps), start=1):
            values, weights = part.targets.batch(chosen, part.classes)
            network.train_on_batch(
                hide(rows[chosen], rng),
                {name: values[name] for name in names},
                sample_weight={name: weights[name] for name in names},
            )
            told(epoch, step, steps)
        if held_out is not None:
            logits = predict_small(network, held_out.rows, space)
            loss = validation_metrics(logits, held_out.part, space)["validation_loss"]
            if loss >= least:
                continue
            least = loss
        best = network.get_weights()
    network.set_weights(best)


def predict_small(network: keras.Model, rows: NDArray[Any], space: LabelSpace) -> dict[str, NDArray[np.float32]]:
    """Logits by output name, float32 (N, C), for rows of what the network sees, (N, F)."""
    if not len(rows):
        return {output.name: np.zeros((0, len(output.values)), dtype=np.float32) for output in space.outputs()}
    batches = [network.predict_on_batch(rows[start : start + _BATCH]) for start in range(0, len(rows), _BATCH)]
    return {name: np.concatenate([batch[keras_name(name)] for batch in batches]) for name in space.output_names}
