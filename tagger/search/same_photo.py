"""Whether photos are the same but for how they were saved: compared square by square."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tagger.errors import PhotoError

if TYPE_CHECKING:
    from tagger.config import PhotoConfig

#: Side of the squares of pixels that are compared, and what their means may differ by, of 255. The means of one photo
#: saved twice differ by less; those of another lipstick in the same photo by more.
_SQUARE = 4
MAX_DIFFERENCE = 4.0


def squares(photos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean colours of squares, float32 (N, S); what is left over at the right and below is not looked at.

    Args:
        photos: uint8 (N, H, W, 3).
    """
    count, height, width, _ = photos.shape
    down, across = height // _SQUARE, width // _SQUARE
    whole = photos[:, : down * _SQUARE, : across * _SQUARE].reshape(count, down, _SQUARE, across, _SQUARE, 3)
    means: NDArray[np.float32] = whole.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1)
    return means


class PhotoFiles:
    """Photos in files, each decoded once however often it is compared.

    Args:
        photo: the size that they are compared in, and which are not read; None: the defaults.
    """

    def __init__(self, photo: PhotoConfig | None = None) -> None:
        self._photo = photo
        self._known: dict[str, NDArray[np.float32] | None] = {}

    def same(self, path: str | Path, others: Iterable[str | Path]) -> bool:
        """Whether a photo is one of the others; no if it can't be read."""
        looks = self._squares(str(path))
        if looks is None:
            return False
        compared = (self._squares(str(other)) for other in others)
        return any(each is not None and np.abs(looks - each).max() <= MAX_DIFFERENCE for each in compared)

    def _squares(self, path: str) -> NDArray[np.float32] | None:
        if path not in self._known:
            self._known[path] = _read_squares(path, self._photo) if path else None
        return self._known[path]


def _read_squares(path: str, config: PhotoConfig | None) -> NDArray[np.float32] | None:
    """None where the photo can't be read."""
    # Not above: most look-ups never decode a photo, and Pillow and pydantic take long to import.
    from tagger.catalog.photos import decode_photo
    from tagger.config import PhotoConfig

    try:
        photo = decode_photo(path, config or PhotoConfig())
    except PhotoError:
        return None
    looks: NDArray[np.float32] = squares(photo[None])[0]
    return looks
