"""Everything that an index holds, at once, for those who look at all of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tagger.errors import IndexFolderError
from tagger.search.items import Item
from tagger.search.product_index import ProductIndex


def indexed_products(index: ProductIndex) -> tuple[list[Item], NDArray[np.float32]]:
    """The products of an index, and their unit vectors, float32 (N, D).

    Raises:
        IndexFolderError: it is empty, or a vector holds NaN or is not of length 1 (or 0).
    """
    blocks = list(index.scan())
    if not blocks:
        raise IndexFolderError(f"The index {index.place} is empty. Add products with `tagger index … --add`.")
    vectors = np.concatenate([block for _, block in blocks])
    squares = np.vecdot(vectors, vectors)
    if not ((np.abs(squares - 1) < 0.01) | (squares == 0)).all():
        raise IndexFolderError(
            f"The index {index.place} holds vectors that are not of length 1, or NaN. Make it again with "
            "`tagger index`."
        )
    return [item for items, _ in blocks for item in items], vectors
