"""The words of products in a database: by word, in blocks of products, so that a query reads its own words alone.

The scores of all products come together here rather than in the server, by the same TF-IDF as in a folder: a word that
half a million products have is one row of a few megabytes, not half a million rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from tagger.search.items import Item
from tagger.search.postgres.state import State
from tagger.search.text import SUBLINEAR, TextVector, WordWeights, count_item_terms

#: One product of a word: its number less the first of the block, and the word's weight in its unit vector.
_PRODUCT = np.dtype([("row", "<u4"), ("weight", "<f4")])
#: Products of a block.
_BLOCK = 65_536


class Postings(NamedTuple):
    """The products of one block that have a word, as a row of the table.

    Args:
        term: hash of the word, as bigint.
        first: number of the block's first product.
        products: packed, see `_PRODUCT`.
    """

    term: int
    first: int
    products: bytes


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

    def postings(self, weights: WordWeights, numbers: NDArray[np.int64]) -> Iterator[Postings]:
        """Which products have each word.

        Args:
            weights: of words.
            numbers: of the products, rising, (N,).
        """
        terms, idf = signed(self.terms), weights.of(self.terms)
        words, counts = np.frombuffer(self._words, dtype=np.int32), np.frombuffer(self._counts, dtype=np.uint8)
        ends = np.frombuffer(self._ends, dtype=np.int64)
        for start in range(0, len(self), _BLOCK):
            edges = ends[start : start + _BLOCK + 1]
            own = words[edges[0] : edges[-1]]
            rows = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
            values = SUBLINEAR[counts[edges[0] : edges[-1]]] * idf[own]
            values /= np.sqrt(np.bincount(rows, values**2))[rows]
            packed = np.empty(len(own), dtype=_PRODUCT)
            packed["row"], packed["weight"] = (numbers[start : start + _BLOCK] - numbers[start])[rows], values
            order = np.argsort(own, kind="stable")
            own, packed = own[order], packed[order]
            starts = np.flatnonzero(np.diff(own, prepend=-1)).tolist()
            for first, last in pairwise([*starts, len(own)]):
                yield Postings(terms[own[first]], int(numbers[start]), packed[first:last].tobytes())


def text_scores(connection: Connection[Any], table: Identifier, state: State, text: TextVector) -> NDArray[np.float32]:
    """Cosines of a text and those of all products, by number less `State.first`, float32; 0 for those without words.

    Products that were removed have scores, too.

    Args:
        connection: to read.
        table: of the postings.
        state: of the index.
        text: what is looked for.
    """
    scores = np.zeros(state.last - state.first + 1, dtype=np.float32)
    factors = dict(zip(signed(text.terms), text.weights, strict=True))
    with connection.cursor(binary=True) as cursor:
        # In the same order for all products, so that equal ones have equal scores.
        cursor.execute(
            SQL("SELECT term, first, products FROM {} WHERE term = ANY(%s) ORDER BY term, first").format(table),
            (list(factors),),
        )
        for term, first, packed in cursor:
            products = np.frombuffer(packed, dtype=_PRODUCT)
            scores[products["row"] + (first - state.first)] += products["weight"] * factors[term]
    return scores


def signed(terms: NDArray[np.uint64]) -> list[int]:
    """Hashes of words as bigint."""
    found: list[int] = terms.view(np.int64).tolist()
    return found
