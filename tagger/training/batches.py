"""Batches of a training epoch, prepared in the background while the network learns from the last one."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.config import AugmentationConfig, TrainingConfig
from tagger.training.augmentation import augment, resize
from tagger.training.distillation import Teachers
from tagger.training.mixing import mix
from tagger.training.targets import Targets

_AHEAD = 3


@dataclass(frozen=True)
class Batch:
    """One step's worth: photos uint8 (B, h, w, 3), and targets and sample weights by `keras_name`."""

    photos: NDArray[np.uint8]
    targets: dict[str, Any]
    weights: dict[str, Any]


@dataclass(frozen=True)
class TrainingPart:
    """The photos and targets to learn from.

    Args:
        pixels: the photo cache, uint8 (M, H, W, 3), usually memory-mapped.
        rows: row of the cache for each of the N products, int64 (N,).
        targets: targets of the N products.
        classes: width of each output.
        teachers: networks whose answers are targets, too.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    targets: Targets
    classes: dict[str, int]
    teachers: Teachers | None = None

    def sample(self, count: int, seed: int) -> TrainingPart:
        """At most that many of the products, in their order."""
        if len(self.rows) <= count:
            return self
        chosen = np.sort(np.random.default_rng(seed).choice(len(self.rows), count, replace=False))
        return TrainingPart(self.pixels, self.rows[chosen], self.targets.of(chosen), self.classes)

    def steps(self, batch_size: int) -> int:
        """Batches in an epoch."""
        return -(-len(self.rows) // batch_size)

    def epoch(self, number: int, config: TrainingConfig) -> Generator[Batch, None, None]:
        """Yield the batches of an epoch, all of the same size give or take one product.

        Order and augmentation depend on (seed, number) alone, so that a resumed run sees what the uninterrupted one
        would have seen.
        """
        rng = np.random.default_rng((config.seed, number))
        order = _shareable(rng.permutation(len(self.rows)), config.devices)
        size = photo_size(self.pixels.shape[1], self.pixels.shape[2], number, config)
        return _prefetch(
            # Not a remainder at the end: the moments of a few photos would disturb batch normalization.
            self._batch(np.sort(chosen, axis=None), size, config.augmentation, number < config.mixed_epochs, rng)
            for chosen in np.array_split(order, self.steps(config.batch_size))
        )

    def _batch(
        self,
        chosen: NDArray[np.int64],
        size: tuple[int, int],
        config: AugmentationConfig,
        mixed: bool,
        rng: np.random.Generator,
    ) -> Batch:
        whole = self.pixels.shape[1:3] if self.teachers else size  # teachers look at photos of the full size
        photos = augment(np.asarray(self.pixels[self.rows[chosen]]), config, whole, rng)
        targets, weights = self.targets.batch(chosen, self.classes)
        if mixed:
            photos, targets, weights = mix(photos, targets, weights, config, rng)
        if self.teachers:
            targets = self.teachers.soften(photos, targets)
        return Batch(resize(photos, size), targets, weights)


def _shareable(order: NDArray[np.int64], devices: int) -> NDArray[np.int64]:
    """One row for each share of a batch, (N / devices, devices); a few of the N products come twice where need be."""
    rows = -(-len(order) // devices)
    return np.resize(order, (rows, devices))


def photo_size(height: int, width: int, epoch: int, config: TrainingConfig) -> tuple[int, int]:
    """Height and width of the photos in an epoch (from 0), by progressive resizing."""
    if epoch >= config.small_epochs:
        return height, width
    step = epoch * config.small_sizes // config.small_epochs
    scale = config.small_scale + (1 - config.small_scale) * step / config.small_sizes
    return round(height * scale), round(width * scale)


def _prefetch(batches: Iterator[Batch]) -> Generator[Batch, None, None]:
    """Yield the same batches, made by a background thread that stays a few ahead."""
    ready: queue.Queue[Batch | Exception | None] = queue.Queue(_AHEAD)
    stopped = threading.Event()

    def put(item: Batch | Exception | None) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                return ready.put(item, timeout=0.1)

    def work() -> None:
        try:
            for batch in batches:
                put(batch)
                if stopped.is_set():
                    return
            put(None)
        except Exception as error:  # handed to the consumer, which raises it
            put(error)

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
