"""The photos that a page shows, decoded once each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from tagger.catalog.photos import decode_photo
from tagger.config import PhotoConfig
from tagger.errors import PhotoError
from tagger.report.page import Thumbnail
from tagger.report.thumbnails import Picture, make_strip, make_thumbnail


class Album:
    """Thumbnails by product id; a photo that is gone by now is left out of the page, not of the report.

    Args:
        images: product id → path of its photo.
        photo: the size to letterbox to, and the limits.
    """

    def __init__(self, images: Mapping[str, str], photo: PhotoConfig) -> None:
        self._images = images
        self._photo = photo
        self._decoded: dict[str, NDArray[np.uint8] | None] = {}

    def thumbnail(self, id_: str, title: str, lines: Iterable[str] = ()) -> Thumbnail:
        """The photo of a product with a caption."""
        pixels = self._pixels(id_)
        return Thumbnail(None if pixels is None else make_thumbnail(pixels, f"product {id_}"), title, tuple(lines))

    def strip(self, ids: Iterable[str]) -> Picture | None:
        """The photos of several products side by side; None where none can be read."""
        ids = list(ids)
        photos = [pixels for id_ in ids if (pixels := self._pixels(id_)) is not None]
        return make_strip(photos, f"products {', '.join(ids)}") if photos else None

    def _pixels(self, id_: str) -> NDArray[np.uint8] | None:
        if id_ not in self._decoded:
            try:
                self._decoded[id_] = decode_photo(self._images[id_], self._photo)
            except PhotoError:
                self._decoded[id_] = None
        return self._decoded[id_]
