"""Whether a catalog is the one that a bundle was trained on: ids alone don't say, since many shops count from 1."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tagger.catalog.cache import hashed_size, perceptual_hashes
from tagger.catalog.photos import decode_photo
from tagger.catalog.table import IMAGE, Catalog
from tagger.config import PhotoConfig
from tagger.errors import PhotoError

if TYPE_CHECKING:
    from tagger.bundle import Bundle

_log = logging.getLogger(__name__)

#: Photos that are looked at.
_SAMPLE = 200
#: Bits in which the signs of one photo may differ: saved anew or in another size, 99 in 100 stay within; of two photos
#: of different products, 5 in 100 do.
_BITS = 2
_MOST = 0.5


def recorded_split(bundle: Bundle, catalog: Catalog) -> dict[str, str] | None:
    """The part of each product as the bundle recorded it, as far as it speaks of this catalog.

    Where a bundle knows what the photos of its products look like, a catalog whose products have the same ids and
    other photos is another one. A bundle that doesn't know goes by the ids.

    Returns:
        id → part; empty where the catalog is another one; None where the bundle recorded no split.
    """
    split = bundle.split
    if not split or not bundle.photo_signs:
        return split
    images = dict(zip(map(str, catalog.table.index), catalog.table[IMAGE], strict=True))
    shared = sorted(id_ for id_ in bundle.photo_signs if images.get(id_))
    if not shared or _look_alike(bundle.photo_signs, shared, images, bundle.photo):
        return split
    _log.warning(
        "%d product(s) have the ids of products that the bundle was trained on, and other photos: they are taken for "
        "others",
        len(shared),
    )
    return {}


def learned_products(bundle: Bundle, catalog: Catalog) -> set[str]:
    """Ids of the products of a catalog that the bundle was trained on; none where it recorded no split."""
    return {id_ for id_, part in (recorded_split(bundle, catalog) or {}).items() if part == "train"}


def _look_alike(signs: Mapping[str, int], shared: list[str], images: Mapping[str, str], photo: PhotoConfig) -> bool:
    """Whether the photos of most products, of a sample of them, are those that the bundle knows.

    True where none can be read: then they are not held out, which would make figures too good.
    """
    alike = []
    for at in np.linspace(0, len(shared) - 1, min(len(shared), _SAMPLE)).astype(int):
        try:
            pixels = decode_photo(images[shared[at]], hashed_size(photo))
        except PhotoError:
            continue
        differing = photo_sign(int(perceptual_hashes([pixels])[0])) ^ signs[shared[at]]
        alike.append(differing.bit_count() <= _BITS)
    return not alike or float(np.mean(alike)) >= _MOST


def photo_sign(hash_: int) -> int:
    """What a bundle keeps of a photo: 16 bits of its 64-bit perceptual hash, those of the coarsest shapes."""
    return hash_ >> 48
