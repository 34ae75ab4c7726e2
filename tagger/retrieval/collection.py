"""The products that search methods are measured on, with all that a method may look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Labels = NDArray[np.object_]
#: Photos looked at together.
_BATCH = 512


class Text(NamedTuple):
    """What a catalog says of a product; "" where it says nothing."""

    name: str
    description: str = ""


@dataclass(frozen=True, eq=False)
class Collection:
    """N products, row by row.

    Args:
        ids: of the products (N).
        labels: the catalog's label of each product by attribute, "" where it has none, object (N,).
        vectors: unit embeddings as an index holds them, float32 (N, D).
        texts: of each (N).
        heads: calibrated probabilities by attribute, float32 (N, C); empty unless a method asked for them.
        pixels: decoded photos, uint8 (M, H, W, 3), memory-mapped; None unless a method asked for them.
        pixel_rows: row of `pixels` of each product, int64 (N,).
        photo_vectors: unit embeddings to ask by photo alone, float32 (N, D); None where `vectors` are.
        titled_vectors: unit embeddings to ask by photo and title, float32 (N, D); likewise.
    """

    ids: Sequence[str]
    labels: Mapping[str, Labels] = field(repr=False)
    vectors: NDArray[np.float32] = field(repr=False)
    texts: Sequence[Text] = field(repr=False)
    heads: Mapping[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    pixels: NDArray[np.uint8] | None = field(default=None, repr=False)
    pixel_rows: Rows | None = field(default=None, repr=False)
    photo_vectors: NDArray[np.float32] | None = field(default=None, repr=False)
    titled_vectors: NDArray[np.float32] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Rows) -> Collection:
        """Return some of the products, in the order of `rows`."""
        chosen = rows.tolist()
        return replace(
            self,
            ids=[self.ids[row] for row in chosen],
            labels={name: labels[rows] for name, labels in self.labels.items()},
            vectors=self.vectors[rows],
            texts=[self.texts[row] for row in chosen],
            heads={name: p[rows] for name, p in self.heads.items()},
            pixel_rows=None if self.pixel_rows is None else self.pixel_rows[rows],
            photo_vectors=None if self.photo_vectors is None else self.photo_vectors[rows],
            titled_vectors=None if self.titled_vectors is None else self.titled_vectors[rows],
        )

    def by_photo(self) -> Collection:
        """Return the products as somebody asks for them who has their photos and not their titles."""
        return self if self.photo_vectors is None else replace(self, vectors=self.photo_vectors)

    def by_photo_and_title(self) -> Collection:
        """Return the products as somebody asks for them who has both."""
        return self if self.titled_vectors is None else replace(self, vectors=self.titled_vectors)

    def photos(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the photos in batches, uint8 (B, H, W, 3).

        Raises:
            ValueError: the collection was read without photos.
        """
        if self.pixels is None or self.pixel_rows is None:
            raise ValueError("this collection was read without photos")
        for start in range(0, len(self), _BATCH):
            yield self.pixels[self.pixel_rows[start : start + _BATCH]]
