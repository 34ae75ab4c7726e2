"""What is the same of every index, wherever it is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tagger.errors import SearchError
from tagger.search.filters import Filter, check_columns
from tagger.search.items import Item
from tagger.search.mix import unit
from tagger.search.product_index import Hit, Query


class BaseIndex(ABC):
    """Checks what is asked, and asks for it in simpler ways. `ProductIndex` says what the abstract ones are."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is, as a person names it."""

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """Numbers in an embedding."""

    @abstractmethod
    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of products, float32 (N, D)."""

    @abstractmethod
    def hint(self, id_: str) -> str:
        """Return ' Did you mean "…"?' for an id near one that it does not have, or ''."""

    @abstractmethod
    def search(
        self, queries: Sequence[Query], k: int = 5, *, where: Sequence[Filter] = (), min_score: float | None = None
    ) -> list[list[Hit]]:
        """Find the k best products for each query, the best first."""

    def vector(self, id_: str) -> NDArray[np.float32]:
        """Unit vector of a product, float32 (D,).

        Raises:
            SearchError: it has no such product.
        """
        vector: NDArray[np.float32] = self.vectors([id_])[0]
        return vector

    def similar(self, vector: ArrayLike, k: int = 5, *, exclude: Iterable[str] = ()) -> list[Hit]:
        """Find the products nearest to an embedding (D,), of any length but zero.

        Raises:
            SearchError: the vector can't be compared with those of the index.
        """
        return self.search([Query(unit(vector, self.dimensions, self.place), exclude=frozenset(exclude))], k)[0]

    def similar_to(self, id_: str, k: int = 5) -> list[Hit]:
        """Find the products that look most like one of the index, itself left out.

        Raises:
            SearchError: it has no such product.
        """
        return self.similar(self.vector(id_), k, exclude=[id_])

    def _check(self, count: int, columns: Iterable[str], queries: Sequence[Query], where: Sequence[Filter]) -> None:
        """Refuse what can't be answered.

        Args:
            count: products of the index.
            columns: that filters can ask for.
            queries: see `search`.
            where: see `search`.

        Raises:
            SearchError: the index is empty or lacks a column, or a query can't be compared with it.
        """
        if not count:
            raise SearchError(f"The index {self.place} is empty. Add products with `tagger index … --add`.")
        check_columns(where, columns, f"the index {self.place}")
        for query in queries:
            if query.image is not None and query.image.shape != (self.dimensions,):
                raise SearchError(
                    f"The index {self.place} holds embeddings of {self.dimensions} numbers, the query has the shape "
                    f"{query.image.shape}. Query it with embeddings of the bundle that it was made with."
                )
            if query.image is not None and not np.isfinite(query.image).all():
                raise SearchError("The query's embedding holds NaN, so nothing is similar to it. Try another photo.")

    def _unknown(self, id_: str) -> SearchError:
        """The error for a product that it does not have."""
        return SearchError(
            f'There is no product "{id_}" among the {len(self):,} of the index {self.place}.{self.hint(id_)}'
        )


def hit_of(query: Query, item: Item, total: float, image: float, text: float) -> Hit:
    """A product that was found, with the scores that its query has."""
    return Hit(
        **vars(item), score=_cosine(total), image_score=None if query.image is None else _cosine(image),
        text_score=None if query.text is None else _cosine(text),
    )  # fmt: skip


def _cosine(score: float) -> float:
    """Without what rounding added."""
    return min(1.0, max(-1.0, score))
