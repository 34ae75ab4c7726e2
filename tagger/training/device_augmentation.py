"""`augmentation` and `mixing` as operations of JAX, for epochs that never leave an accelerator."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tagger.config import AugmentationConfig
from tagger.training.augmentation import ERASED_AREA

Array = Any
_WHITE = 255.0


def augment(key: Array, photos: Array, config: AugmentationConfig, size: tuple[int, int]) -> Array:
    """Change each photo at random and bring it to a size, as `augmentation.augment` does.

    Args:
        key: of `jax.random`.
        photos: uint8 (B, H, W, 3).
        size: (height, width) of the result.

    Returns:
        float32 (B, height, width, 3), whole numbers from 0 to 255.
    """
    draws = _Draws(key, len(photos))
    scales = draws.between(1 - config.scale, 1 + config.scale)
    widening = scales * jnp.exp(draws.between(-config.aspect, config.aspect))
    down, across = draws.between(-config.shift, config.shift), draws.between(-config.shift, config.shift)
    mirrored = draws.chance(0.5 if config.flip else 0.0)
    margin = int(np.ceil(max(photos.shape[1:3]) * (config.shift + config.scale + config.aspect)))
    rows = _resampling(photos.shape[1], size[0], scales, down, margin)
    columns = _resampling(photos.shape[2], size[1], widening, across, margin)
    columns = jnp.where(mirrored[:, None, None], columns[:, ::-1], columns)
    resampled = _resampled(photos, rows, columns)
    gain = draws.between(1 - config.brightness, 1 + config.brightness)[:, None, None, None]
    contrast = draws.between(1 - config.contrast, 1 + config.contrast)[:, None, None, None]
    toned = jnp.clip(((jnp.round(resampled) - 128) * contrast + 128) * gain, 0, _WHITE)
    erased = draws.chance(config.erase)[:, None, None] & rectangles(
        draws.between(*ERASED_AREA), draws.between(0, 1), draws.between(0, 1), size
    )
    grey = draws.between(0, _WHITE)[:, None, None, None]
    return jnp.round(jnp.where(erased[..., None], grey, toned))


def resize(photos: Array, size: tuple[int, int]) -> Array:
    """Bring photos, (B, H, W, 3), to (height, width), float32, with the filter that `augment` uses."""
    if photos.shape[1:3] == size:
        return photos
    ones, zeros = jnp.ones(1), jnp.zeros(1)
    rows, columns = (_resampling(n, m, ones, zeros, 0) for n, m in zip(photos.shape[1:3], size, strict=True))
    return jnp.round(_resampled(photos, rows, columns))


def mix(key: Array, photos: Array, config: AugmentationConfig, mixed: Array) -> tuple[Array, Array, Array]:
    """Mix some of the photos of a batch with another one of it, as `mixing.mix` does.

    Args:
        photos: float32 (B, H, W, 3).
        mixed: 1, or 0 to leave all photos as they are: the same program for epochs with mixtures and without.

    Returns:
        The photos, the other one of each, int32 (B,), and how much is left of its own, float32 (B,).
    """
    draws = _Draws(key, len(photos))
    kind, kept = draws.between(0, 1), draws.between(0, 1)
    partners = jax.random.permutation(draws.key(), len(photos))
    others = photos[partners]
    blended = kind < config.mixup * mixed
    cut = ~blended & (kind < (config.mixup + config.cutmix) * mixed)
    box = rectangles(1 - kept, draws.between(0, 1), draws.between(0, 1), photos.shape[1:3]) & cut[:, None, None]
    share = jnp.where(blended, kept, 1.0)[:, None, None, None]
    result = jnp.where(box[..., None], others, jnp.round(photos * share + others * (1 - share)))
    return result, partners, jnp.where(blended, kept, 1 - box.mean(axis=(1, 2)))


def mixed_targets(target: Array, weight: Array, partners: Array, kept: Array) -> tuple[Array, Array]:
    """The targets (B, C) and sample weights (B,) of mixed photos, as those of `mixing.mix`."""
    ours, theirs = kept * weight, (1 - kept) * weight[partners]
    total = ours + theirs
    scale = jnp.maximum(total, jnp.finfo(jnp.float32).tiny)
    return (ours / scale)[:, None] * target + (theirs / scale)[:, None] * target[partners], total


def rectangles(area: Array, row: Array, column: Array, size: tuple[int, int]) -> Array:
    """A rectangle of each photo, of that share of it and of its proportions, around a place; cut off at the edges.

    Args:
        area, row, column: shares of the photo, its height and its width, float32 (B,).

    Returns:
        bool (B, height, width).
    """
    half = jnp.sqrt(area)[:, None] / 2
    rows = jnp.abs((jnp.arange(size[0]) + 0.5) / size[0] - row[:, None]) < half
    columns = jnp.abs((jnp.arange(size[1]) + 0.5) / size[1] - column[:, None]) < half
    return rows[:, :, None] & columns[:, None, :]


class _Draws:
    """Random numbers for a batch, each from a key of its own."""

    def __init__(self, key: Array, count: int) -> None:
        self._key = key
        self._count = count

    def key(self) -> Array:
        self._key, key = jax.random.split(self._key)
        return key

    def between(self, low: float, high: float) -> Array:
        return jax.random.uniform(self.key(), (self._count,)) * (high - low) + low

    def chance(self, share: float) -> Array:
        return jax.random.uniform(self.key(), (self._count,)) < share


def _resampling(length: int, wanted: int, scale: Array, shift: Array, margin: int) -> Array:
    """Bilinear, antialiased resampling along one axis as a matrix for each photo, float32 (B, wanted, length).

    What comes from the margin on both sides is left out: it is white, see `_resampled`.
    """
    box = length / scale
    start = (length - box) / 2 + shift * length
    step = box / wanted
    centres = start[:, None] + (jnp.arange(wanted) + 0.5) * step[:, None]
    places = jnp.arange(-margin, length + margin) + 0.5
    reach = jnp.maximum(step, 1.0)[:, None, None]  # a triangle as wide as what becomes one pixel
    weights = jnp.maximum(0.0, 1 - jnp.abs(centres[:, :, None] - places) / reach)
    weights = weights / jnp.maximum(weights.sum(axis=-1, keepdims=True), 1e-6)
    return weights[:, :, margin : margin + length]


def _resampled(photos: Array, rows: Array, columns: Array) -> Array:
    """Rows, then columns; of inverted photos, so that what is missing comes out white."""
    inverted = _WHITE - photos.astype(jnp.float32)
    if len(rows) == 1:  # the same for all
        rows, columns = (jnp.broadcast_to(m, (len(photos), *m.shape[1:])) for m in (rows, columns))
    inverted = jnp.einsum("bij,bjwc->biwc", rows, inverted)
    return _WHITE - jnp.einsum("bvw,biwc->bivc", columns, inverted)
