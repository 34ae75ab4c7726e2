"""Losses, optimizer, learning-rate schedule, moving average of the weights, and numeric precision."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import keras
import numpy as np
from numpy.typing import NDArray

from tagger.config import AttributeConfig, TrainingConfig
from tagger.cores import cpu_is_faster_in_bfloat16
from tagger.labels import LabelSpace
from tagger.network.model import keras_name
from tagger.training.gentle import GentleAdamW
from tagger.training.muon import Muon


def compile_model(
    model: keras.Model,
    space: LabelSpace,
    attributes: dict[str, AttributeConfig],
    config: TrainingConfig,
    steps_per_epoch: int,
) -> None:
    """Give the model its losses and its optimizer, whose learning rate warms up and falls along a cosine."""
    losses: dict[str, keras.losses.Loss] = {}
    loss_weights: dict[str, float] = {}
    for output, attribute, head in space.outputs():
        name = keras_name(output)
        loss_weights[name] = attributes[attribute.name].loss_weight
        losses[name] = (
            keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
            if head == "softmax"
            else keras.losses.BinaryCrossentropy(from_logits=True)
        )
    warmup = max(1, round(config.warmup_epochs * steps_per_epoch))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 100,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, config.epochs * steps_per_epoch - warmup),
    )
    kind = Muon if config.optimizer == "muon" else GentleAdamW
    optimizer = kind(schedule, config.weight_decay, config.trunk_rate, losses)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    # Keras warns of heads with one class, from which there is nothing to learn anyway.
    warnings.filterwarnings("ignore", message="In loss categorical_crossentropy", category=SyntaxWarning)
    # XLA on a CPU does without oneDNN's convolutions and is slower; across devices TensorFlow's can't be compiled.
    on_tensorflow = keras.backend.backend() == "tensorflow"
    jit_compile = False if on_tensorflow and (_on_cpu() or config.devices > 1) else "auto"
    model.compile(optimizer, loss=losses, loss_weights=loss_weights, jit_compile=jit_compile)
    optimizer.build(model.trainable_variables)


#: Steps from one look of the average at the weights to the next.
_STEPS_BETWEEN = 4


class WeightAverage:
    """Exponential moving average of all weights (Polyak & Juditsky 1992), batch-normalization moments included.

    The momentum rises from 0.1 as (1 + t) / (10 + t), so that the first random weights are soon forgotten. Once it has
    risen, the weights are taken in every few steps: this hardly changes the average, and shortens a step.

    Attributes:
        values: the averages, in the order of `followed`.
        updates: steps that it was told of.
    """

    def __init__(self, model: keras.Model, momentum: float) -> None:
        self.momentum = momentum
        self.updates = 0
        self._variables = self.followed(model)
        self.values = [keras.ops.copy(_value(v)) for v in self._variables]
        self._blend = _compiled(lambda values, momentum: self.blend(values, map(_value, self._variables), momentum))

    @staticmethod
    def followed(model: keras.Model) -> list[Any]:
        """The variables that are averaged."""
        return [v for v in model.weights if "float" in str(v.dtype)]

    @staticmethod
    def blend(values: Iterable[Any], current: Iterable[Any], momentum: Any) -> list[Any]:
        """New averages of old ones and the weights of now."""
        return [old * momentum + new * (1 - momentum) for old, new in zip(values, current, strict=True)]

    def next_momentum(self) -> float:
        """Count a step, and tell how much of the average stays; 1 where its weights are not taken in."""
        rising = (1 + self.updates) / (10 + self.updates)
        taken = self.updates % _STEPS_BETWEEN == 0
        self.updates += 1
        if rising < self.momentum:
            return rising
        return self.momentum**_STEPS_BETWEEN if taken else 1.0

    def update(self) -> None:
        """Tell the average of a step that was made."""
        momentum = self.next_momentum()
        if momentum < 1:
            self.values = self._blend(self.values, keras.ops.convert_to_tensor(momentum, dtype="float32"))

    def swap(self) -> None:
        """Exchange the model's weights with the average; a second call undoes the first."""
        current = [keras.ops.copy(_value(v)) for v in self._variables]
        for variable, value in zip(self._variables, self.values, strict=True):
            variable.assign(value)
        self.values = current

    def get_state(self) -> list[NDArray[Any]]:
        """The averages as arrays, for a checkpoint."""
        return [np.asarray(keras.ops.convert_to_numpy(value)) for value in self.values]

    def set_state(self, values: list[NDArray[Any]], updates: int) -> None:
        """Restore what `get_state` gave."""
        self.values = [keras.ops.convert_to_tensor(value) for value in values]
        self.updates = updates


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function as one graph of TensorFlow, which spends long on hundreds of small operations otherwise."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return cast("Callable[..., Any]", tf.function(function))


def _value(variable: Any) -> Any:
    """The tensor of a variable, apart from its gradient: PyTorch would keep all the steps that led to an average."""
    return keras.ops.stop_gradient(keras.ops.convert_to_tensor(variable))


@contextlib.contextmanager
def numeric_precision(precision: str) -> Iterator[str]:
    """Choose the numeric precision of the layers that are built in the block; yields its Keras policy.

    "auto" is bfloat16 on accelerators and on processors that are faster with it, float32 elsewhere.
    """
    faster = not _on_cpu() or cpu_is_faster_in_bfloat16()
    policy = "mixed_bfloat16" if precision == "bfloat16" or (precision == "auto" and faster) else "float32"
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield policy
    finally:
        keras.config.set_dtype_policy(before)


def _on_cpu() -> bool:
    """Whether Keras finds no accelerator."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return not tf.config.list_physical_devices("GPU")
    if backend == "jax":
        import jax

        return bool(jax.default_backend() == "cpu")
    import torch

    return not torch.cuda.is_available()
