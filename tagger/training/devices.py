"""Data-parallel training: several GPUs of one machine share each batch.

Every device holds the whole network and gets an equal share of the batch; the mean of their gradients makes the step.
With JAX (`keras.distribution.DataParallel`) the moments of batch normalization are those of the whole batch. With
TensorFlow (`tf.distribute.MirroredStrategy`) each device normalizes its share by the moments of that share, and the
moving averages are those of the first device. PyTorch in Keras trains on one device only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from tagger.errors import ConfigError


@contextlib.contextmanager
def shared_by(devices: int) -> Iterator[None]:
    """Networks that are built and trained in the block are shared by so many devices: GPUs, or CPUs if there are none.

    Raises:
        ConfigError: there are fewer, or the backend can't do it.
    """
    if devices == 1:
        yield
        return
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise ConfigError(
            f"training.devices: expected 1 with the {backend} backend of Keras, got {devices}. "
            "Set it to 1, or set KERAS_BACKEND to tensorflow or jax."
        )
    found = keras.distribution.list_devices()
    if len(found) < devices:
        raise ConfigError(
            f"training.devices: expected at most {len(found)}, got {devices}. {backend} sees {', '.join(found)}."
        )
    with _distribution(found[:devices]).scope():
        yield


def _distribution(devices: list[str]) -> Any:
    if keras.backend.backend() == "jax":
        return keras.distribution.DataParallel(devices=devices)
    import tensorflow as tf

    return tf.distribute.MirroredStrategy([name.upper() for name in devices])


def as_shared(model: keras.Model) -> keras.Model:
    """The same network, able to be trained on single batches by the devices of the `shared_by` block."""
    if keras.backend.backend() != "tensorflow":
        return model
    import tensorflow as tf

    return _Mirrored(model.input, model.output, name=model.name) if tf.distribute.has_strategy() else model


class _Mirrored(keras.Model):  # type: ignore[misc, unused-ignore]
    """Shares out batches, which Keras does with data sets only: `train_on_batch` would give every device all of it."""

    train_function: Any
    predict_function: Any

    def make_train_function(self, force: bool = False) -> None:
        if self.train_function is not None and not force:
            return
        super().make_train_function(force)
        step = self.train_function
        self.train_function = lambda batches: step(self._share_out(batch) for batch in batches)

    def make_predict_function(self, force: bool = False) -> Any:
        """On one device: the others would predict the same photos again."""
        import tensorflow as tf

        if self.predict_function is None or force:
            self.predict_function = tf.function(lambda data: self(data[0][0], training=False), reduce_retracing=True)
        return self.predict_function

    def _share_out(self, batch: Any) -> Any:
        """Every n-th row to one of n devices, since rows beside each other may be similar products."""
        import tensorflow as tf

        strategy = self.distribute_strategy
        devices = strategy.num_replicas_in_sync

        def share_out(values: Any) -> Any:
            return strategy.experimental_distribute_values_from_function(
                lambda device: tf.convert_to_tensor(values[device.replica_id_in_sync_group :: devices])
            )

        return keras.tree.map_structure(share_out, batch)
