"""Random changes of training photos: place, size, tones, a rectangle. Never the hue: colour is a label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tagger.config import AugmentationConfig

_WHITE = 255
#: Smallest and largest share of a photo that an erased rectangle takes.
ERASED_AREA = (0.03, 0.2)


def augment(
    photos: NDArray[np.uint8], config: AugmentationConfig, size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Change each photo at random and bring it to a size.

    Args:
        photos: uint8 (B, H, W, 3).
        size: (height, width) of the result.

    Returns:
        uint8 (B, height, width, 3).
    """
    count, (height, width) = len(photos), photos.shape[1:3]
    flips = rng.random(count) < (0.5 if config.flip else 0.0)
    scales = rng.uniform(1 - config.scale, 1 + config.scale, count)
    shifts = rng.uniform(-config.shift, config.shift, (count, 2))
    aspects = np.exp(rng.uniform(-config.aspect, config.aspect, count)) if config.aspect else np.ones(count)
    result = np.empty((count, *size, 3), dtype=np.uint8)
    # One antialiased resize cuts a box out of the photo on a white margin: shift, scale and size in a single pass.
    margin = int(np.ceil(max(height, width) * (config.shift + config.scale + config.aspect)))
    padded = np.pad(photos, ((0, 0), (margin, margin), (margin, margin), (0, 0)), constant_values=_WHITE)
    for i in range(count):
        box_height, box_width = height / scales[i], width / scales[i] / aspects[i]
        top = margin + (height - box_height) / 2 + shifts[i, 0] * height
        left = margin + (width - box_width) / 2 + shifts[i, 1] * width
        box = _inside((left, top, left + box_width, top + box_height), padded.shape[2], padded.shape[1])
        photo = Image.fromarray(padded[i]).resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box)
        result[i] = np.asarray(photo)[:, ::-1] if flips[i] else np.asarray(photo)
    return _erase(_change_tones(result, config, rng), config, rng)


def resize(photos: NDArray[np.uint8], size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Bring photos, uint8 (B, H, W, 3), to (height, width) with the filter that `augment` uses; None: leave them."""
    if size is None or photos.shape[1:3] == size:
        return photos
    target = (size[1], size[0])
    return np.stack([np.asarray(Image.fromarray(p).resize(target, Image.Resampling.BILINEAR)) for p in photos])


def _inside(box: tuple[float, float, float, float], width: int, height: int) -> tuple[float, float, float, float]:
    """Take off what rounding put outside; Pillow refuses a box that is a hair too large."""
    return max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)


def _change_tones(photos: NDArray[np.uint8], config: AugmentationConfig, rng: np.random.Generator) -> NDArray[np.uint8]:
    # The same rising table for all three channels: they keep their order, and so the hue.
    gain = rng.uniform(1 - config.brightness, 1 + config.brightness, (len(photos), 1))
    contrast = rng.uniform(1 - config.contrast, 1 + config.contrast, (len(photos), 1))
    tones = (np.arange(256) - 128) * contrast + 128
    tables = np.clip(tones * gain, 0, 255).round().astype(np.uint8)  # (B, 256)
    for photo, table in zip(photos, tables, strict=True):
        photo[...] = table[photo]
    return photos


def _erase(photos: NDArray[np.uint8], config: AugmentationConfig, rng: np.random.Generator) -> NDArray[np.uint8]:
    if config.erase:
        for i in np.flatnonzero(rng.random(len(photos)) < config.erase):
            photos[i][rectangle(rng.uniform(*ERASED_AREA), photos.shape[1], photos.shape[2], rng)] = rng.integers(256)
    return photos


def rectangle(area: float, height: int, width: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """A rectangle of that share of a photo and of its proportions, anywhere; cut off at the edges."""
    half_height, half_width = height * np.sqrt(area) / 2, width * np.sqrt(area) / 2
    row, column = rng.uniform(0, height), rng.uniform(0, width)
    return _span(row - half_height, row + half_height, height), _span(column - half_width, column + half_width, width)


def _span(start: float, stop: float, length: int) -> slice:
    return slice(max(0, round(start)), min(length, round(stop)))
