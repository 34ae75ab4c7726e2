"""What names and descriptions say: TF-IDF of their words, as in scikit-learn's `TfidfVectorizer(sublinear_tf=True)`.

A word is known by a hash of 64 bits, so that no list of words is needed to read a query: a look-up needs NumPy alone,
and products can be added whose words nobody had before. Such a word weighs as much as one that no product had when the
weights were learnt, which is the most.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tagger.search.items import Item

#: Texts are untrusted: what is longer is not read to its end.
MAX_CHARACTERS = 4_000
#: A word counts so often at most.
MAX_COUNT = 255
#: A word of the name tells as much as so many of the description, which is long and speaks of washing and delivery.
NAME_COUNT = 24
_REMEMBERED = 100_000
_WORD = re.compile(r"[^\W_]+")
_HISSING = ("sses", "xes", "ches", "shes")
#: 1 + ln(count), 0 for none: a word said twice is not twice as telling.
SUBLINEAR = np.concatenate([[0.0], 1 + np.log(np.arange(1, MAX_COUNT + 1))]).astype(np.float32)


class TextVector(NamedTuple):
    """A text as a sparse vector.

    Args:
        terms: hashes of its words, uint64 (T,), rising.
        weights: float32 (T,); that of one text has length 1.
    """

    terms: NDArray[np.uint64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, weights: dict[int, float]) -> TextVector:
        """From weights by hash."""
        terms = sorted(weights)
        values = np.array([weights[term] for term in terms], dtype=np.float32)
        return cls(np.array(terms, dtype=np.uint64), values)


class WordWeights:
    """The inverse document frequency of words: ln((1 + N) / (1 + products with the word)) + 1.

    Args:
        terms: hashes of the words, uint64 (V,), rising.
        idf: float32 (V,).
        unknown: of all other words.
    """

    def __init__(self, terms: NDArray[np.uint64], idf: NDArray[np.float32], unknown: float) -> None:
        self.terms = terms
        self.idf = idf
        self.unknown = unknown

    @classmethod
    def learn(cls, terms: NDArray[np.uint64], products: NDArray[np.integer], count: int) -> WordWeights:
        """From the number of products with each word, (V,), among so many."""
        idf = np.log((1 + count) / (1 + products)) + 1
        return cls(terms, idf.astype(np.float32), float(np.log(1 + count) + 1))

    @classmethod
    def none(cls) -> WordWeights:
        """Of an index without products."""
        return cls(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.float32), 1.0)

    def of(self, terms: NDArray[np.uint64]) -> NDArray[np.float32]:
        """The weights of words, float32 (T,)."""
        places = np.searchsorted(self.terms, terms)
        known = np.zeros(len(terms), dtype=np.bool_)
        inside = places < len(self.terms)
        known[inside] = self.terms[places[inside]] == terms[inside]
        weights = np.full(len(terms), self.unknown, dtype=np.float32)
        weights[known] = self.idf[places[known]]
        return weights

    def encode(self, text: str) -> TextVector | None:
        """The unit vector of a text; None where it holds no word."""
        return self._encode(count_terms(text))

    def encode_item(self, item: Item) -> TextVector | None:
        """The unit vector of what a product is called, or else of its description; None where it has neither.

        Descriptions would make it find those who wash and deliver alike, and take ten times as long.
        """
        return self.encode(item.title) or self.encode(item.description)

    def _encode(self, counts: dict[int, int]) -> TextVector | None:
        if not counts:
            return None
        terms = np.array(sorted(counts), dtype=np.uint64)
        weights = SUBLINEAR[[counts[term] for term in terms.tolist()]] * self.of(terms)
        return TextVector(terms, weights / np.linalg.norm(weights))


def words(text: str) -> Iterator[str]:
    """The words of a text without case, accents and the plural's s."""
    text = text[:MAX_CHARACTERS]
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return map(_singular, _WORD.findall(text.casefold()))


def count_terms(text: str) -> dict[int, int]:
    """How often each word comes, by its hash."""
    return {_term(word): min(count, MAX_COUNT) for word, count in Counter(words(text)).items()}


def count_item_terms(item: Item) -> dict[int, int]:
    """The same for a product, where a word of its name counts as many of its description."""
    counts = count_terms(item.description)
    for term, count in count_terms(item.title).items():
        counts[term] = min(counts.get(term, 0) + NAME_COUNT * count, MAX_COUNT)
    return counts


def mixed(parts: Iterable[tuple[TextVector, float]]) -> TextVector:
    """The weighted sum of texts."""
    sums: dict[int, float] = {}
    for vector, share in parts:
        for term, weight in zip(vector.terms.tolist(), vector.weights.tolist(), strict=True):
            sums[term] = sums.get(term, 0.0) + share * weight
    return TextVector.of(sums)


@lru_cache(_REMEMBERED)
def _singular(word: str) -> str:
    """Shirts → shirt, dresses → dress: after Harman's s-stemmer (1991), which leaves "dress" and "lotus" alone."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-2] if word.endswith(_HISSING) else word[:-1]


@lru_cache(_REMEMBERED)
def _term(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
