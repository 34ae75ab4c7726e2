"""The flags network: feed-forward, one sigmoid per flag. The only module of `flags` that imports Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tagger.config import FlagsConfig
from tagger.errors import TrainingError
from tagger.flags.features import EncodedTable
from tagger.flags.predictor import FlagSession
from tagger.network.onnx import write_onnx
from tagger.progress import Progress

#: Share of the products whose categories are hidden in a training step, so that one network serves both the products
#: that are categorised and those that are not yet. On the real catalog it loses nothing against a network for each.
HIDDEN_SHARE = 0.3
#: A small catalog gets smaller batches, so that an epoch still has this many steps.
MIN_STEPS = 25
WEIGHT_DECAY = 1e-4
#: Largest difference between Keras and ONNX that passes for rounding.
TOLERANCE = 1e-4

_PROBABILITIES = "probabilities"
#: Too small to gain from a GPU, which would round to fewer bits.
_DEVICE = "cpu"


def build_network(features: int, flags: int, config: FlagsConfig) -> keras.Model:
    """Build the network.

    Input shape: float32 (B, features).
    Output shape: float32 (B, flags, 1), the probabilities of "true". The last axis makes Keras take sample weights of
    shape (B, flags), which mask the missing flags.
    """
    # Every layer says float32, for the photo model may have set another policy in the same process.
    # === Layers ===
    inputs = keras.Input((features,), name="features")
    x = inputs
    for units in config.hidden:
        x = keras.layers.Dense(units, activation="relu", dtype="float32")(x)
        x = keras.layers.Dropout(config.dropout, dtype="float32")(x)
    x = keras.layers.Dense(flags, activation="sigmoid", dtype="float32", name=_PROBABILITIES)(x)
    outputs = keras.layers.Reshape((flags, 1), dtype="float32", name="flags")(x)

    # === Functional model ===
    return keras.Model(inputs, outputs, name="flags_network")


class FlagBatches(keras.utils.PyDataset):  # type: ignore[misc, unused-ignore]
    """Batches of features, targets and weights, in another order each epoch.

    Args:
        encoded: the products to learn from.
        targets: float32 (N, K), 1 for "true", 0 for "false", NaN for missing.
        category_width: how many of the first features are the categories.
        batch_size: products a batch.
        seed: of the order and of what is hidden.
    """

    def __init__(
        self, encoded: EncodedTable, targets: NDArray[np.float32], category_width: int, batch_size: int, seed: int
    ) -> None:
        super().__init__()
        self.encoded = encoded
        self.targets = targets
        self.category_width = category_width
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.order = np.random.default_rng((seed, 0)).permutation(len(encoded))

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        features = self.encoded.dense(rows)  # (B, F)
        # A generator of its own: the same batch comes out however often and in whatever order Keras asks.
        hidden = np.random.default_rng((self.seed, self.epoch, index)).random(len(rows)) < HIDDEN_SHARE
        features[hidden, : self.category_width] = 0.0
        targets = self.targets[rows]  # (B, K)
        known = np.isfinite(targets)
        return features, np.where(known, targets, np.float32(0))[:, :, None], known.astype(np.float32)

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        self.epoch += 1
        self.order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.encoded))


class _Report(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    def __init__(self, progress: Progress, epochs: int) -> None:
        super().__init__()
        self.progress = progress
        self.epochs = epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.progress(epoch + 1, self.epochs, "epochs of the flags network")


def fit_network(
    encoded: EncodedTable,
    targets: NDArray[np.float32],
    category_width: int,
    config: FlagsConfig,
    seed: int,
    progress: Progress,
) -> keras.Model:
    """Train a network.

    Args:
        encoded: the products of the train part.
        targets: float32 (N, K), NaN for missing.
        category_width: how many of the first features are the categories.
        config: sizes and optimisation.
        seed: of the weights, the order, the dropout.
        progress: told after each epoch.
    """
    keras.utils.set_random_seed(seed)
    batch_size = min(config.batch_size, max(1, len(encoded) // MIN_STEPS))
    batches = FlagBatches(encoded, targets, category_width, batch_size, seed)
    told = [_Report(progress, config.epochs)]
    with keras.device(_DEVICE):
        network = build_network(encoded.width, targets.shape[1], config)
        rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.epochs * len(batches))
        network.compile(keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY), loss="binary_crossentropy")
        # Keras would shuffle the batches by itself as well, beyond our seed.
        network.fit(batches, epochs=config.epochs, shuffle=False, verbose=0, callbacks=told)
    return network


def export_network(network: keras.Model, path: Path, sample: NDArray[np.float32]) -> None:
    """Write the network as ONNX, float32 (B, F) → (B, K), and make sure that it gives what Keras gives.

    Args:
        network: from `fit_network`.
        path: the file to write.
        sample: float32 (B, F), products to compare on.

    Raises:
        TrainingError: the exported network gives other probabilities.
    """
    with keras.device(_DEVICE):
        plain = keras.Model(network.input, network.get_layer(_PROBABILITIES).output)
        expected = keras.ops.convert_to_numpy(plain(sample))  # (B, K); Keras exports only what has been called
        write_onnx(plain, path)
    difference = float(np.abs(FlagSession(path)(sample) - expected).max())
    if not difference <= TOLERANCE:
        raise TrainingError(
            f"The exported flags network differs from Keras by {difference:.2g}, expected at most {TOLERANCE:g}. "
            "Try another version of onnxruntime."
        )
