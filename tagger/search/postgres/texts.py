"""The words of products on their way into the database, where they become unit vectors of the same TF-IDF as elsewhere.

pgvector multiplies sparse vectors in single precision, so that scores differ by some millionths at most.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pgvector import SparseVector

from tagger.search.items import Item
from tagger.search.postgres.tables import sparse
from tagger.search.text import SUBLINEAR, WordWeights, count_item_terms


class Texts:
    """Takes in one product after the other; five bytes a different word of each stay in memory."""

    def __init__(self) -> None:
        self._columns: dict[int, int] = {}
        self._words = array("i")
        self._counts = bytearray()
        self._ends = array("q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, item: Item) -> None:
        """Append the words of the next product."""
        counts = count_item_terms(item)
        self._words.extend(self._columns.setdefault(term, len(self._columns)) for term in counts)
        self._counts.extend(counts.values())
        self._ends.append(len(self._words))

    @property
    def terms(self) -> NDArray[np.uint64]:
        """Hashes of the different words, uint64 (V,), in the order in which they came first."""
        return np.fromiter(self._columns, dtype=np.uint64, count=len(self._columns))

    def learn(self) -> WordWeights:
        """The weights of words that these products teach."""
        order = np.argsort(self.terms)
        products = np.bincount(np.frombuffer(self._words, dtype=np.int32), minlength=len(order))
        return WordWeights.learn(self.terms[order], products[order], len(self))

    def vectors(self, weights: WordWeights, numbers: NDArray[np.integer]) -> Iterator[SparseVector | None]:
        """The unit vector of each product; None where it has no word.

        Args:
            weights: of words.
            numbers: of `terms` in the vectors, (V,).
        """
        idf = weights.of(self.terms)
        words, counts = np.frombuffer(self._words, dtype=np.int32), np.frombuffer(self._counts, dtype=np.uint8)
        for start, end in zip(self._ends, self._ends[1:], strict=False):
            own = words[start:end]
            values = SUBLINEAR[counts[start:end]] * idf[own]
            yield sparse(numbers[own], values / np.linalg.norm(values)) if len(own) else None
