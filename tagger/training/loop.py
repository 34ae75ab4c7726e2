"""The training loop: epochs, validation, early stopping, a checkpoint after each epoch."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from tagger.config import TrainingConfig
from tagger.errors import TrainingError
from tagger.labels import LabelSpace
from tagger.progress import Progress, silent
from tagger.training.batches import Batch, TrainingPart, photo_size
from tagger.training.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from tagger.training.optimization import WeightAverage
from tagger.training.validation import predict_logits, validation_metrics

if TYPE_CHECKING:
    from tagger.training.device_epochs import DeviceEpochs

_log = logging.getLogger(__name__)

History = list[dict[str, float]]

_CHECKPOINT = "checkpoint.npz"


def holds_checkpoint(folder: Path) -> bool:
    """Whether an epoch of a run was finished in the folder, after which `Trainer.resume` goes on."""
    return (folder / _CHECKPOINT).exists()


@dataclass
class TrainingState:
    """How far a run is: epochs done, the best one, and the history, one row an epoch."""

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = -1.0
    history: History = field(default_factory=list)


class Trainer:
    """Fits a compiled network and keeps its best weights.

    Args:
        model: built and compiled.
        space: the attributes that validation looks at.
        training: photos and targets to learn from.
        validation: photos and targets to choose the best epoch by; may hold no products, then the last epoch wins.
        folder: where `checkpoint.npz` and `best.npz` are kept.
    """

    def __init__(
        self,
        model: keras.Model,
        space: LabelSpace,
        training: TrainingPart,
        validation: TrainingPart,
        config: TrainingConfig,
        folder: Path,
    ) -> None:
        self.model = model
        self.space = space
        self.training = training
        self.validation = validation
        self.config = config
        self.state = TrainingState()
        self._checkpoint, self._best = folder / _CHECKPOINT, folder / "best.npz"
        self._average = WeightAverage(model, config.ema) if config.ema else None
        self._on_device = _device_epochs(model, training, config)

    def resume(self) -> bool:
        """Go back to the last checkpoint; False where there is none.

        Raises:
            TrainingError: the checkpoint is damaged or belongs to another network.
        """
        if not self._checkpoint.exists():
            return False
        self.state = TrainingState(**load_checkpoint(self._checkpoint, self.model, self._average))
        return True

    def fit(self, progress: Progress = silent) -> History:
        """Train until the last epoch or until validation stops getting better; then load the best weights."""
        while self.state.epoch < self.config.epochs and not self._ran_out_of_patience():
            self._epoch(progress)
        load_weights(self._best, self.model)
        return self.state.history

    def _ran_out_of_patience(self) -> bool:
        waited = self.state.epoch - self.state.best_epoch
        return bool(self.config.patience) and self.state.best_epoch > 0 and waited >= self.config.patience

    def _epoch(self, progress: Progress) -> None:
        state = self.state
        started = time.monotonic()
        # PyTorch's dropout draws from a generator that no checkpoint holds; so each epoch starts it anew.
        keras.utils.set_random_seed((self.config.seed + state.epoch) % 2**32)
        loss = self._learn(progress)
        seconds = time.monotonic() - started
        state.epoch += 1
        row = {
            "epoch": state.epoch,
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(seconds, 2),
            "photos_per_second": round(len(self.training.rows) / seconds, 1),
            "loss": loss,
        }
        if self._average:
            self._average.swap()
        row |= self._validate()
        last = self.config.keep == "last"
        score = float(state.epoch) if last else row.get("mean_macro_f1", float(state.epoch))
        # The weights of an epoch on smaller photos are not the best ones for photos of the full size.
        if state.epoch > self.config.small_epochs and score > state.best_score:
            state.best_score, state.best_epoch = score, state.epoch
            save_weights(self._best, self.model)
        if self._average:
            self._average.swap()
        state.history.append(row)
        _log.info(_describe(row, self.config.epochs, best=state.best_epoch == state.epoch))
        save_checkpoint(self._checkpoint, self.model, self._average, vars(state))

    def _learn(self, progress: Progress) -> float:
        steps = self.training.steps(self.config.batch_size)
        what = f"epoch {self.state.epoch + 1}/{self.config.epochs}"
        if self._on_device:
            loss = self._on_device.learn(self.state.epoch, self._average)
            self._check(loss, what)
            progress(steps, steps, what)
            return loss
        total = 0.0
        with contextlib.closing(self.training.epoch(self.state.epoch, self.config)) as batches:
            for step, batch in enumerate(batches, start=1):
                loss = self._step(batch)
                self._check(loss, what)
                total += loss * len(batch.photos)
                progress(step, steps, what)
        return total / len(self.training.rows)

    def _check(self, loss: float, what: str) -> None:
        if not np.isfinite(loss):
            raise TrainingError(
                f"The loss became {loss} in {what}. Lower training.learning_rate (now {self.config.learning_rate:g})."
            )

    def _step(self, batch: Batch) -> float:
        logs: dict[str, Any] = self.model.train_on_batch(
            batch.photos, batch.targets, sample_weight=batch.weights, return_dict=True
        )
        if self._average:
            self._average.update()
        return float(logs["loss"])  # of this batch alone

    def _validate(self) -> dict[str, float]:
        if not len(self.validation.rows):
            return {}
        # At the size of the epoch just trained: features of one size mean little to a network that learned another.
        height, width = self.training.pixels.shape[1:3]
        size = photo_size(height, width, self.state.epoch - 1, self.config)
        return validation_metrics(predict_logits(self.model, self.validation, size), self.validation, self.space)


def _device_epochs(model: keras.Model, training: TrainingPart, config: TrainingConfig) -> DeviceEpochs | None:
    """What trains whole epochs on an accelerator; None where there is none, or not for JAX."""
    if keras.backend.backend() != "jax":
        return None
    from tagger.training import device_epochs  # needs JAX

    if not device_epochs.fits_on_device(training, config.devices):
        return None
    return device_epochs.DeviceEpochs(model, training, config)


def _describe(row: dict[str, float], epochs: int, best: bool) -> str:
    accuracies = [f"{n.removesuffix('_accuracy')} {v:.3f}" for n, v in row.items() if n.endswith("_accuracy")]
    parts = [f"epoch {row['epoch']:.0f}/{epochs}", f"loss {row['loss']:.3f}"]
    if "mean_macro_f1" in row:
        parts.append(f"validation macro-F1 {row['mean_macro_f1']:.4f}{' (best)' if best else ''}")
    return "  ".join([*parts, *accuracies, f"{row['photos_per_second']:.0f} photos/s"])
