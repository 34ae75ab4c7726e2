"""Small photos of many products on a few sheets: a picture of thousands takes far fewer bytes than thousands of one."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tagger.catalog.photos import decode_photo
from tagger.config import PhotoConfig
from tagger.errors import PhotoError
from tagger.progress import Progress, silent

#: Pixels of all photos together: about 10 MB as WebP.
_PIXELS = 64_000_000
_LARGEST = (60, 80)
_SMALLEST = 15
#: Photos side by side and above each other on a sheet.
_ACROSS = 40
_QUALITY = 60
_NO_PHOTO = 236


@dataclass(frozen=True)
class Sprites:
    """Photos of N products; that of product i is the (i % across²)th of sheet i // across², row by row.

    Args:
        sheets: WebP files as data URIs.
        width: of a photo in pixels.
        height: likewise.
        across: photos side by side on a sheet, which has as many rows at most.
        missing: photos that can't be read: grey boxes stand for them.
    """

    sheets: tuple[str, ...] = field(repr=False)
    width: int
    height: int
    across: int
    missing: int


def make_sprites(paths: Sequence[str], progress: Progress = silent) -> Sprites:
    """Read photos and put them on sheets; the more there are, the smaller they become.

    Args:
        paths: of the photos; "" for none.
        progress: told how many are read.
    """
    scale = min(1.0, math.sqrt(_PIXELS / (max(len(paths), 1) * _LARGEST[0] * _LARGEST[1])))
    width, height = (max(_SMALLEST, round(side * scale)) for side in _LARGEST)
    size = PhotoConfig(width=width, height=height)
    sheets: list[str] = []
    missing = 0
    for start in range(0, len(paths), _ACROSS**2):
        chunk = paths[start : start + _ACROSS**2]
        sheet = np.full((-(-len(chunk) // _ACROSS) * height, _ACROSS * width, 3), 255, dtype=np.uint8)
        for at, pixels in enumerate(_read(chunk, size)):
            row, column = divmod(at, _ACROSS)
            missing += pixels is None
            place = sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]
            place[:] = _NO_PHOTO if pixels is None else pixels
        sheets.append(_encode(sheet))
        progress(min(start + _ACROSS**2, len(paths)), len(paths), "photos read")
    return Sprites(tuple(sheets), width, height, _ACROSS, missing)


def _read(paths: Sequence[str], size: PhotoConfig) -> Iterator[NDArray[np.uint8] | None]:
    for path in paths:
        try:
            yield decode_photo(path, size) if path else None
        except PhotoError:
            yield None


def _encode(sheet: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, format="WEBP", quality=_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
