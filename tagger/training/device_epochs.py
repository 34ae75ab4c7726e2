"""Whole epochs on an accelerator, with JAX: photos and targets stay in its memory, and all steps are one program.

A step of a small network takes such a device a few milliseconds, much less than the processor needs to change the
photos of a batch and to hand them over.
"""

from __future__ import annotations

import logging
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from tagger.config import TrainingConfig
from tagger.network.model import keras_name
from tagger.training import device_augmentation
from tagger.training.batches import TrainingPart, photo_size
from tagger.training.optimization import WeightAverage
from tagger.training.weights import open_network

_log = logging.getLogger(__name__)

_Arrays = dict[str, Any]


def fits_on_device(part: TrainingPart, devices: int) -> bool:
    """Whether there is one accelerator to train on, whose memory holds the photos and leaves enough for the network."""
    device = jax.devices()[0]
    if devices > 1 or device.platform == "cpu":
        return False
    memory = (device.memory_stats() or {}).get("bytes_limit", 0)
    return bool(len(part.rows) * np.prod(part.pixels.shape[1:]) < memory / 4)


class DeviceEpochs:
    """Learns epoch after epoch, with the losses and the optimizer of a compiled network.

    Photos are changed and mixed, and teachers asked, as in `TrainingPart.epoch`, with random numbers of JAX. All
    batches are of one size; what is left over, fewer photos than there are batches, sits an epoch out.

    Args:
        model: built and compiled, with the JAX backend of Keras.
        part: photos and targets to learn from.
    """

    def __init__(self, model: keras.Model, part: TrainingPart, config: TrainingConfig) -> None:
        self._model = model
        self._part = part
        self._config = config
        self._teachers = [
            open_network(teacher.bundle, config.precision) for teacher in (part.teachers.all if part.teachers else ())
        ]
        values, weights = part.targets.values, part.targets.weights
        self._data: _Arrays = {
            "photos": jax.device_put(np.asarray(part.pixels[part.rows])),
            # Several labels at once as bytes: words of titles are hundreds.
            "values": {n: jnp.asarray(v if v.ndim == 1 else v.astype(bool)) for n, v in values.items()},
            "weights": {n: jnp.asarray(w) for n, w in weights.items()},
            "teachers": [_weights(network) for network in self._teachers],
        }
        self._build_losses()
        self._program = jax.jit(self._steps, static_argnames="size", donate_argnames=("state", "average"))
        _log.info("Whole epochs on %s", jax.devices()[0].device_kind)

    def learn(self, number: int, average: WeightAverage | None) -> float:
        """Train for an epoch; returns its mean loss.

        Order and changes of photos depend on (seed, number) alone, as in `TrainingPart.epoch`.
        """
        config, count = self._config, len(self._part.rows)
        steps = self._part.steps(config.batch_size)
        height, width = self._part.pixels.shape[1:3]
        order = np.random.default_rng((config.seed, number)).permutation(count)
        key = jax.random.fold_in(jax.random.key(np.uint32(config.seed)), number)
        self._model.reset_metrics()
        state, averages, loss = self._program(
            state=_state(self._model),
            average=average.values if average else [],
            data=self._data,
            chosen=order[: steps * (count // steps)].reshape(steps, -1),
            keys=jax.random.split(key, steps),
            momenta=np.array([average.next_momentum() if average else 1.0 for _ in range(steps)], dtype=np.float32),
            mixed=float(number < config.mixed_epochs),
            size=photo_size(height, width, number, config),
        )
        for variables, values in zip(_variables(self._model), state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        if average:
            average.values = averages
        return float(loss)

    def _steps(
        self,
        state: Any,
        average: list[Any],
        data: _Arrays,
        chosen: Any,
        keys: Any,
        momenta: Any,
        mixed: Any,
        size: tuple[int, int],
    ) -> tuple[Any, list[Any], Any]:
        """All steps of an epoch; the loss of the last is the mean of all, since Keras keeps count."""

        def step(carry: Any, inputs: Any) -> Any:
            state, average = carry
            rows, key, momentum = inputs
            logs, state = self._model.train_step(state, self._batch(data, rows, key, mixed, size))
            if average:
                average = WeightAverage.blend(average, self._averaged(state), momentum)
            return (state, average), logs["loss"]

        (state, average), losses = jax.lax.scan(step, (state, average), (chosen, keys, momenta))
        return state, average, losses[-1]

    def _batch(self, data: _Arrays, rows: Any, key: Any, mixed: Any, size: tuple[int, int]) -> tuple[Any, ...]:
        """Photos uint8 (B, h, w, 3), and targets and sample weights by `keras_name`."""
        changing, mixing = jax.random.split(key)
        changes, teachers = self._config.augmentation, self._part.teachers
        whole = self._part.pixels.shape[1:3] if teachers else size  # teachers look at photos of the full size
        photos = device_augmentation.augment(changing, data["photos"][rows], changes, whole)
        photos, partners, kept = device_augmentation.mix(mixing, photos, changes, mixed)
        targets, weights = {}, {}
        for name, column in data["values"].items():
            values = column[rows]
            hot = jax.nn.one_hot(values, self._part.classes[name]) if values.ndim == 1 else values.astype(jnp.float32)
            output = keras_name(name)
            targets[output], weights[output] = device_augmentation.mixed_targets(
                hot, data["weights"][name][rows], partners, kept
            )
        if teachers:
            shown = photos.astype(jnp.uint8)
            answers = [
                network.stateless_call(*weights_of, shown, training=False)[0]
                for network, weights_of in zip(self._teachers, data["teachers"], strict=True)
            ]
            targets = teachers.blend(targets, answers, jnp)
        return device_augmentation.resize(photos, size).astype(jnp.uint8), targets, weights

    def _averaged(self, state: Any) -> list[Any]:
        """The values in a state of what `WeightAverage` follows."""
        pairs = zip(_variables(self._model), state, strict=True)
        values = {id(v): value for both in pairs for v, value in zip(*both, strict=True)}
        return [values[id(v)] for v in WeightAverage.followed(self._model)]

    def _build_losses(self) -> None:
        """Let Keras make the variables of its losses now: inside of a program it can't."""
        targets, weights = self._part.targets.batch(np.arange(1), self._part.classes)
        logits = {name: jnp.zeros(value.shape) for name, value in targets.items()}
        self._model.compute_loss(y=targets, y_pred=logits, sample_weight=weights)


def _weights(network: keras.Model) -> tuple[list[Any], list[Any]]:
    """What `stateless_call` takes."""
    return [v.value for v in network.trainable_variables], [v.value for v in network.non_trainable_variables]


def _variables(model: keras.Model) -> tuple[list[Any], ...]:
    """In the order that `train_step` of Keras has them in."""
    return (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )


def _state(model: keras.Model) -> tuple[list[Any], ...]:
    return tuple([v.value for v in variables] for variables in _variables(model))
