"""Small pictures of photos, as data URIs for pages."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: Pixels of the longer side; larger photos are made smaller.
SIDE = 80
_QUALITY = 75
_GAP = 4


@dataclass(frozen=True)
class Picture:
    """A JPEG file as data URI, its size in pixels, and what it shows."""

    uri: str = field(repr=False)
    width: int
    height: int
    alt: str


def make_thumbnail(pixels: NDArray[np.uint8], alt: str) -> Picture:
    """Make a small JPEG of a photo.

    Args:
        pixels: uint8 (H, W, 3).
        alt: what it shows.
    """
    return _encode(_shrink(pixels), alt)


def make_strip(photos: Sequence[NDArray[np.uint8]], alt: str) -> Picture:
    """Put photos side by side into one JPEG, which takes half the bytes of one each.

    Args:
        photos: at least one, uint8 (H, W, 3) each.
        alt: what they show.
    """
    images = [_shrink(pixels) for pixels in photos]
    width = sum(image.width + _GAP for image in images) - _GAP
    strip = Image.new("RGB", (width, max(image.height for image in images)), "white")
    left = 0
    for image in images:
        strip.paste(image, (left, 0))
        left += image.width + _GAP
    return _encode(strip, alt)


def _shrink(pixels: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    return image


def _encode(image: Image.Image, alt: str) -> Picture:
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=_QUALITY, optimize=True)
    uri = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
    return Picture(uri, image.width, image.height, alt)
