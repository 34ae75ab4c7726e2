"""From titles to numbers: their words, pairs of words and parts of words, each a row of a table of embeddings.

After fastText (Joulin et al. 2017, arXiv:1607.01759; parts of words: Bojanowski et al. 2017, arXiv:1607.04606), but for
one thing: rows are not shared by chance. What fewer than two training products had is not known, and passed over.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tagger.errors import BundleError

#: Titles are untrusted text: what is longer is not read to its end.
MAX_CHARACTERS = 500
#: Rows of a title; those of its first words count.
MAX_FEATURES = 128
#: Rows of the table, the first of which stands for nothing.
MAX_ROWS = 16_384
#: Products that must have a feature, so that something can be learnt about it.
_MIN_PRODUCTS = 2
#: Length of the parts of words, in characters.
_PART = 4
#: Words whose features are kept in memory.
_REMEMBERED = 20_000
_WORD = re.compile(r"[^\W_]+")


class Vocabulary:
    """The features that the training titles taught, and their rows in the table of embeddings.

    Args:
        hashes: CRC-32 of each feature, uint32 (V,), distinct; row i + 1 is that of the i-th.
    """

    def __init__(self, hashes: NDArray[np.uint32]) -> None:
        self.hashes = hashes
        self._row = {value: row for row, value in enumerate(hashes.tolist(), start=1)}
        self._word_rows = lru_cache(maxsize=_REMEMBERED)(self._find_word)  # words come again and again

    def __len__(self) -> int:
        """Rows of the table, that for nothing included."""
        return len(self.hashes) + 1

    @classmethod
    def learn(cls, titles: Iterable[str]) -> Vocabulary:
        """Take in the features that most titles have; those of equally many by their hash."""
        counts = Counter(feature for title in titles for feature in title_features(title))
        common = sorted((-count, feature) for feature, count in counts.items() if count >= _MIN_PRODUCTS)
        return cls(np.array([feature for _, feature in common[: MAX_ROWS - 1]], dtype=np.uint32))

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read what `write` wrote.

        Raises:
            BundleError: it is something else.
        """
        try:
            # Mapped: an array that is said to be larger than the file is refused before there is memory for it.
            hashes = np.lib.format.open_memmap(path, mode="r")
        except (OSError, ValueError, TypeError, OverflowError, EOFError) as error:
            raise BundleError(f"{path} can't be read ({error}). Copy the bundle again.") from error
        good = hashes.dtype == np.uint32 and hashes.ndim == 1
        if not good or len(hashes) >= MAX_ROWS or len(np.unique(hashes)) < len(hashes):
            raise BundleError(
                f"{path} holds no vocabulary: expected fewer than {MAX_ROWS:,} different numbers, uint32 (V,). "
                "Copy the bundle again."
            )
        return cls(np.array(hashes))

    def write(self, path: Path) -> None:
        """Write the hashes as an .npy file."""
        np.save(path, self.hashes, allow_pickle=False)

    def rows(self, titles: Sequence[str]) -> NDArray[np.int32]:
        """Rows of the features of N titles, int32 (N, T), T ≥ 1; 0 fills up, and stands alone where none is known."""
        found = [self._known(title) if title else [] for title in titles]
        rows = np.zeros((len(found), max(map(len, found), default=1) or 1), dtype=np.int32)
        for place, known in zip(rows, found, strict=True):
            place[: len(known)] = known
        return rows

    def _known(self, title: str) -> list[int]:
        words = title_words(title)
        rows = [row for word in words for row in self._word_rows(word)]
        rows += [row for pair in _pairs(words) if (row := self._row.get(pair))]
        return list(dict.fromkeys(rows))[:MAX_FEATURES]

    def _find_word(self, word: str) -> tuple[int, ...]:
        return tuple(row for feature in _word_features(word) if (row := self._row.get(feature)))


def title_words(title: str) -> list[str]:
    """The words and numbers of a title, without case and accents."""
    text = title[:MAX_CHARACTERS]
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _WORD.findall(text.casefold())


def title_features(title: str) -> list[int]:
    """Hashes of the distinct features of a title: words, parts of words, pairs of words."""
    words = title_words(title)
    return list(dict.fromkeys([*(feature for word in words for feature in _word_features(word)), *_pairs(words)]))


def _pairs(words: Sequence[str]) -> list[int]:
    return [zlib.crc32(f"{one} {two}".encode()) for one, two in itertools.pairwise(words)]


@lru_cache(maxsize=_REMEMBERED)
def _word_features(word: str) -> tuple[int, ...]:
    """Hashes of a word and of its parts."""
    marked = f"<{word}>"
    parts = [f"#{marked[i : i + _PART]}" for i in range(len(marked) - _PART + 1)] if len(marked) > _PART else []
    return tuple(zlib.crc32(feature.encode()) for feature in (word, *parts))
