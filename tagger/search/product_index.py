"""What an index answers, wherever it is kept: in a folder (`Index`) or elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tagger.search.filters import Filter
from tagger.search.items import Item
from tagger.search.text import TextVector


@dataclass(frozen=True, eq=False)
class Query:
    """What is looked for: a mix of photos and words, see `mix`.

    A product's total score is `image_share` times its image score plus `text_share` times its text score.

    Args:
        image: weighted mean of unit vectors, float32 (D,); None: looks do not matter.
        text: weighted mean of unit vectors; None: words do not matter.
        image_share: 0 to 1.
        text_share: 1 less that.
        exclude: ids that are left out; ids that the index does not have don't matter.
    """

    image: NDArray[np.float32] | None = None
    text: TextVector | None = None
    image_share: float = 1.0
    text_share: float = 0.0
    exclude: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, repr=False)
class Hit(Item):
    """A product that was found.

    Args:
        score: the total, -1 to 1.
        image_score: cosine of its embedding and the query's, or weighted mean of those where the query has several;
            None where it has no photo.
        text_score: the same of the words.
    """

    score: float = 0.0
    image_score: float | None = None
    text_score: float | None = None

    def __repr__(self) -> str:
        return f"Hit({self.id!r}, {self.score:.4f}, {self.title!r})"


class Change(NamedTuple):
    """How many products were new, and how many took the place of one with the same id."""

    added: int
    updated: int


class ProductIndex(Protocol):
    """Products, searchable by looks and words. Of equal hits the product indexed first comes first."""

    @property
    def place(self) -> str:
        """Where it is, as a person names it."""

    @property
    def bundle_id(self) -> str:
        """`Bundle.embeddings_id` of the bundle whose embeddings it holds: no others can be compared with them."""

    @property
    def bundle_name(self) -> str:
        """How a person knows that bundle; "" where nobody said."""

    def bundle_paths(self) -> Iterator[Path]:
        """Where that bundle was when the index was made."""

    @property
    def dimensions(self) -> int:
        """Numbers in an embedding."""

    @property
    def columns(self) -> list[str]:
        """Labels and facts that filters can ask for."""

    @property
    def labels(self) -> list[str]:
        """Those that are labels."""

    @property
    def recall(self) -> float | None:
        """Recall of its approximate index, as measured when it was built; None where it has none."""

    def __len__(self) -> int:
        """Products."""

    def __contains__(self, id_: str) -> bool: ...

    def item(self, id_: str) -> Item:
        """What it knows of a product.

        Raises:
            SearchError: it has no such product; the message suggests ids that are near.
        """

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of products, float32 (N, D).

        Raises:
            SearchError: it lacks one of them.
        """

    def hint(self, id_: str) -> str:
        """Return ' Did you mean "…"?' for an id near one that it does not have, or ''."""

    def count(self, where: Sequence[Filter]) -> int:
        """Products that meet all these filters.

        Raises:
            SearchError: it lacks a column.
        """

    def encode(self, text: str) -> TextVector | None:
        """The unit vector of a text with the index's own weights of words; None where it holds no word."""

    def encode_item(self, item: Item) -> TextVector | None:
        """The same of a product's name, or else its description; None where it has neither."""

    def scan(self) -> Iterator[tuple[list[Item], NDArray[np.float32]]]:
        """All products, some thousand at a time: items (N) and unit vectors float32 (N, D), the oldest first."""

    def search(
        self,
        queries: Sequence[Query],
        k: int = 5,
        *,
        where: Sequence[Filter] = (),
        min_score: float | None = None,
    ) -> list[list[Hit]]:
        """Find the k best products for each query, the best first.

        Args:
            queries: looked up together, in blocks: so thousands of them take no longer than they must.
            k: hits a query; there are fewer where fewer products may be found. Words alone only find products that
                have one of them.
            where: filters that hits meet, all of them.
            min_score: the least total.

        Raises:
            SearchError: the index is empty or lacks a column, or a query can't be compared with it.
        """

    def add(self, items: Iterable[tuple[Item, ArrayLike]], *, bundle_id: str, bundle_name: str = "") -> Change:
        """Add products; those whose id is there already take the place of the old ones. All or nothing.

        Args:
            items: products with their embeddings (D,), of any length.
            bundle_id: of the bundle that made the embeddings; it must be the index's own.
            bundle_name: how a person knows it.

        Raises:
            IndexFolderError: another bundle, an id that comes twice, an embedding with NaN or of another size.
            OutputError: it can't be written.
        """

    def remove(self, ids: Iterable[str]) -> list[str]:
        """Remove products; returns the ids of those that were there.

        Raises:
            OutputError: it can't be written.
        """
