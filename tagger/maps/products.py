"""The products of an index that a map shows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tagger.errors import IndexFolderError, did_you_mean
from tagger.search.contents import indexed_products
from tagger.search.items import Item
from tagger.search.product_index import ProductIndex


@dataclass(frozen=True, eq=False)
class MappedProducts:
    """N products.

    Args:
        items: what they are.
        vectors: unit embeddings, float32 (N, D).
        attributes: names of their labels, in the order of the index.
        total: products of the index, of which these were drawn.
    """

    items: list[Item] = field(repr=False)
    vectors: NDArray[np.float32] = field(repr=False)
    attributes: tuple[str, ...]
    total: int

    def __len__(self) -> int:
        return len(self.items)

    def labels(self, attribute: str) -> list[str]:
        """The label of each product, "" where it has none."""
        return [item.labels.get(attribute, "") for item in self.items]


def draw_products(index: ProductIndex, most: int, seed: int = 0) -> MappedProducts:
    """Read the products of an index, or so many drawn by chance where it has more.

    Raises:
        IndexFolderError: the index is damaged.
    """
    items, vectors = indexed_products(index)
    if len(items) > most:
        rows = np.sort(np.random.default_rng(seed).choice(len(items), most, replace=False))
        items, vectors = [items[row] for row in rows.tolist()], vectors[rows]
    attributes = tuple(dict.fromkeys(name for item in items for name in item.labels))
    return MappedProducts(items, vectors, attributes, len(index))


def check_attribute(products: MappedProducts, attribute: str | None) -> str:
    """The attribute to colour by: the one asked for, or else the first.

    Raises:
        IndexFolderError: no product has a label of it.
    """
    if not products.attributes:
        raise IndexFolderError(
            "The products of the index have no labels to colour a map by. Index a catalog with some."
        )
    if attribute is None:
        return products.attributes[0]
    if attribute not in products.attributes:
        raise IndexFolderError(
            f'No product of the index has a label of "{attribute}".{did_you_mean(attribute, products.attributes)} '
            f"There are: {', '.join(products.attributes)}."
        )
    return attribute
