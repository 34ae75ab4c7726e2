"""The text matrix of a segment, word by word: which products have a word, and how often.

    text.terms.npy     uint64 (V,): hashes of the words, rising
    text.starts.npy    int64 (V + 1,): where each word's products start, and where the last one's end
    text.rows.npy      int32 (P,): the products of each word, rising
    text.counts.npy    uint8 (P,): how often they have it
    text.norms.npy     float32 (N,): lengths of the products' TF-IDF vectors, 0 without words

A query reads its own words alone.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tagger.search.arrays import map_array, open_array
from tagger.search.items import Item
from tagger.search.manifest import damaged
from tagger.search.text import SUBLINEAR, TextVector, WordWeights, count_item_terms

TERMS, STARTS, ROWS = "text.terms.npy", "text.starts.npy", "text.rows.npy"
COUNTS, NORMS = "text.counts.npy", "text.norms.npy"
TEXT_FILES = (TERMS, STARTS, ROWS, COUNTS, NORMS)
#: The weights that a segment taught, if it did.
WORDS, IDF = "words.npy", "words.idf.npy"


class TextWriter:
    """Takes in one product after the other; nine bytes a different word of each stay in memory until `finish`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._columns: dict[int, int] = {}
        self._words = array("i")
        self._rows = array("i")
        self._counts = bytearray()
        self._row = 0

    def write(self, item: Item) -> None:
        """Append the words of the next product."""
        for term, count in count_item_terms(item).items():
            self._words.append(self._columns.setdefault(term, len(self._columns)))
            self._rows.append(self._row)
            self._counts.append(count)
        self._row += 1

    def finish(self, weights: WordWeights | None) -> None:
        """Write the files. Without weights, those of these texts are learnt, and written beside them."""
        terms = np.fromiter(self._columns, dtype=np.uint64, count=len(self._columns))
        order = np.argsort(terms)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        words = place[np.frombuffer(self._words, dtype=np.int32)]  # (P,)
        by_word = np.argsort(words, kind="stable")
        words, terms = words[by_word], terms[order]
        rows = np.frombuffer(self._rows, dtype=np.int32)[by_word]
        counts = np.frombuffer(self._counts, dtype=np.uint8)[by_word]
        products = np.bincount(words, minlength=len(terms))
        if weights is None:
            weights = WordWeights.learn(terms, products, self._row)
            np.save(self._folder / WORDS, terms)
            np.save(self._folder / IDF, np.append(weights.idf, np.float32(weights.unknown)))
        squares = (SUBLINEAR[counts] * weights.of(terms)[words]) ** 2
        norms = np.sqrt(np.bincount(rows, squares, minlength=self._row)).astype(np.float32)
        np.save(self._folder / TERMS, terms)
        np.save(self._folder / STARTS, np.concatenate([[0], np.cumsum(products)]).astype(np.int64))
        np.save(self._folder / ROWS, rows)
        np.save(self._folder / COUNTS, counts)
        np.save(self._folder / NORMS, norms)


class TextStore:
    """The text matrix of a segment, memory-mapped.

    Args:
        folder: holds the files.
        count: products of the segment.

    Raises:
        IndexFolderError: the files don't fit together.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._terms = open_array(folder / TERMS, np.uint64, 1)
        self._starts = map_array(folder / STARTS, np.dtype(np.int64), (len(self._terms) + 1,))
        shape = (int(self._starts[-1]),)
        self._rows = cast(NDArray[np.int32], map_array(folder / ROWS, np.dtype(np.int32), shape))
        self._counts = cast(NDArray[np.uint8], map_array(folder / COUNTS, np.dtype(np.uint8), shape))
        self._norms = cast(NDArray[np.float32], map_array(folder / NORMS, np.dtype(np.float32), (count,)))
        self._path = folder / ROWS

    def scores(self, vector: TextVector, weights: WordWeights, start: int, stop: int) -> NDArray[np.float32]:
        """Cosine of a text and those of the products from `start` to `stop`, float32; 0 for products without words."""
        scores = np.zeros(stop - start, dtype=np.float32)
        places = np.searchsorted(self._terms, vector.terms)
        factors = vector.weights * weights.of(vector.terms)
        for term, place, factor in zip(vector.terms, places.tolist(), factors, strict=True):
            if place == len(self._terms) or self._terms[place] != term:
                continue
            first, last = self._starts[place : place + 2].tolist()
            rows = self._rows[first:last]
            if (start, stop) != (0, len(self._norms)):
                here = np.searchsorted(rows, (start, stop))
                rows, first, last = rows[here[0] : here[1]], first + here[0], first + here[1]
            try:
                # No product has a word twice, so that none is lost.
                scores[rows - start if start else rows] += SUBLINEAR[self._counts[first:last]] * factor
            except IndexError as error:
                raise damaged(self._path, "it names products that are not there") from error
        norms = self._norms[start:stop]
        return np.divide(scores, norms, out=scores, where=norms > 0)


def read_weights(folder: Path) -> WordWeights:
    """The weights that a segment taught.

    Raises:
        IndexFolderError: the files are damaged.
    """
    terms = open_array(folder / WORDS, np.uint64, 1)
    idf = map_array(folder / IDF, np.dtype(np.float32), (len(terms) + 1,))
    return WordWeights(cast(NDArray[np.uint64], terms), cast(NDArray[np.float32], idf[:-1]), float(idf[-1]))
