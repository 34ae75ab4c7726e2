"""What is known of a product as numbers: the input of the flags network. Needs NumPy and pandas only.

Every value of a column and every word of a text is a feature of its own, 1 where the product has it. The price follows
as two numbers: its standardised logarithm, and whether it is known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tagger.catalog.table import Catalog
from tagger.errors import BundleError

#: What a product is: empty as long as nobody (and no photo model) has categorised it.
CATEGORY_COLUMNS = ("masterCategory", "subCategory", "articleType")
#: The shop's own navigation: it repeats the category, and changes with every sale.
_UNUSED = ("displayCategories",)
_MORE_COLUMNS = ("ageGroup", "brand")
TEXT_COLUMNS = ("title", "description")
PRICE = "price"

#: A value or a word that only one product has can't be told from noise.
MIN_PRODUCTS = 2
#: Bounds what a column of free text in the place of a category may cost.
MAX_VALUES = 5000
#: Characters that are read of a text, so that one endless description can't stall a run.
TEXT_LIMIT = 2000

_WORD = re.compile(r"[^\W\d_]{2,}")
_MARKUP = re.compile(r"<[^<>]*>")

Token = tuple[str, str]  # column, value or word


@dataclass(frozen=True, slots=True)
class EncodedTable:
    """Features of N products, compact: a product has some forty of several thousand.

    Args:
        active: int32 (A,), the features that are 1, product after product.
        starts: int64 (N + 1,), where a product's features start in `active`.
        numbers: float32 (N, 2), standardised log price (0 where missing), and 1 where it is known.
        width: how many features there are, F.
    """

    active: NDArray[np.int32]
    starts: NDArray[np.int64]
    numbers: NDArray[np.float32]
    width: int

    def __len__(self) -> int:
        return len(self.numbers)

    def dense(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the features of some products as a matrix.

        Args:
            rows: int64 (B,), row numbers of the encoded table.

        Returns:
            float32 (B, F).
        """
        counts = self.starts[rows + 1] - self.starts[rows]  # (B,)
        ends = np.cumsum(counts)
        within = np.arange(counts.sum()) - np.repeat(ends - counts, counts)
        lines = np.repeat(np.arange(len(rows)), counts)
        dense = np.zeros((len(rows), self.width), np.float32)  # (B, F)
        dense[lines, self.active[np.repeat(self.starts[rows], counts) + within]] = 1.0
        dense[:, self.width - 2 :] = self.numbers[rows]
        return dense


@dataclass(frozen=True)
class FeatureSpace:
    """The features, learned from the train part of a catalog.

    Args:
        values: column → its known values, the categories first.
        words: column → its known words, for those of TEXT_COLUMNS that the catalog has.
        price_mean: mean of the natural logarithm of the price.
        price_std: its standard deviation, never 0.
    """

    values: Mapping[str, tuple[str, ...]]
    words: Mapping[str, tuple[str, ...]]
    price_mean: float
    price_std: float

    @classmethod
    def fit(cls, table: pd.DataFrame, columns: Sequence[str], vocabulary: int) -> Self:
        """Learn the features from products.

        Args:
            table: as `Catalog.table`.
            columns: whose values become features, see `value_columns`.
            vocabulary: how many words of titles and descriptions together become features.
        """
        texts = [column for column in TEXT_COLUMNS if column in table]
        words = _frequent((token for column in texts for token in _tokens(table, column)), vocabulary)
        prices = _log_prices(table)
        known = prices[np.isfinite(prices)]
        return cls(
            values={column: _items(_frequent(_tokens(table, column), MAX_VALUES), column) for column in columns},
            words={column: _items(words, column) for column in texts},
            price_mean=float(known.mean()) if len(known) else 0.0,
            price_std=(float(known.std()) if len(known) else 0.0) or 1.0,
        )

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Every feature but the two of the price, in the order of the matrix: the categories come first."""
        return tuple(
            (column, item) for group in (self.values, self.words) for column, items in group.items() for item in items
        )

    @property
    def width(self) -> int:
        """How many features there are, F."""
        return len(self.tokens) + 2

    @property
    def category_width(self) -> int:
        """How many of the first features stem from CATEGORY_COLUMNS."""
        return sum(len(self.values.get(column, ())) for column in CATEGORY_COLUMNS)

    def encode(self, table: pd.DataFrame) -> EncodedTable:
        """Encode products; a missing column, an empty cell and an unknown value all give zeros."""
        number = {token: index for index, token in enumerate(self.tokens)}
        cells = [_cells(table, column) for column in (*self.values, *self.words)]
        active: list[int] = []
        starts = np.zeros(len(table) + 1, np.int64)
        for row, product in enumerate(zip(*cells, strict=True)):
            active.extend(number[token] for tokens in product for token in tokens if token in number)
            starts[row + 1] = len(active)
        prices = _log_prices(table)
        known = np.isfinite(prices)
        scaled = np.where(known, (prices - self.price_mean) / self.price_std, 0.0)
        numbers = np.stack([scaled, known], axis=1).astype(np.float32)  # (N, 2)
        return EncodedTable(np.array(active, np.int32), starts, numbers, self.width)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads back."""
        return {
            "values": {column: list(values) for column, values in self.values.items()},
            "words": {column: list(words) for column, words in self.words.items()},
            "price_mean": self.price_mean,
            "price_std": self.price_std,
        }

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """Read what `to_json` gave.

        Raises:
            BundleError: something else was stored.
        """
        try:
            return cls(
                values={str(column): tuple(map(str, values)) for column, values in stored["values"].items()},
                words={str(column): tuple(map(str, words)) for column, words in stored["words"].items()},
                price_mean=float(stored["price_mean"]),
                price_std=float(stored["price_std"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BundleError(
                "Expected the features of a flags network (values, words, price_mean, price_std), got something else. "
                "Train the flags again."
            ) from error


def value_columns(catalog: Catalog) -> tuple[str, ...]:
    """Return the columns whose values become features, the categories first."""
    others = (name for name in catalog.attributes if name not in _UNUSED)
    names = dict.fromkeys((*CATEGORY_COLUMNS, *others, *_MORE_COLUMNS))
    return tuple(name for name in names if name in catalog.table and name not in catalog.flags)


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, markup and numbers left out; only its first TEXT_LIMIT characters."""
    return _WORD.findall(_MARKUP.sub(" ", text[:TEXT_LIMIT]).casefold())


def _frequent(tokens: Iterable[Token], most: int) -> list[Token]:
    """Return the most frequent tokens; equally frequent ones in alphabetical order, so that every run agrees."""
    ranked = sorted((-count, token) for token, count in Counter(tokens).items() if count >= MIN_PRODUCTS)
    return [token for _, token in ranked[:most]]


def _items(tokens: Iterable[Token], column: str) -> tuple[str, ...]:
    return tuple(sorted(item for owner, item in tokens if owner == column))


def _tokens(table: pd.DataFrame, column: str) -> Iterator[Token]:
    return (token for tokens in _cells(table, column) for token in tokens)


def _cells(table: pd.DataFrame, column: str) -> Iterator[set[Token]]:
    """Yield for each product what a column says of it: each value, or each word, once."""
    if column not in table:
        return (set() for _ in range(len(table)))
    if column in TEXT_COLUMNS:
        return ({(column, word) for word in words_of(text)} for text in table[column])
    return ({(column, value) for value in text.split("|") if value} for text in table[column])


def _log_prices(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the logarithm of the price, float64 (N,), NaN where there is no number above 0."""
    if PRICE not in table:
        return np.full(len(table), np.nan)
    prices = pd.to_numeric(table[PRICE], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    usable = np.isfinite(prices) & (prices > 0)
    return np.log(np.where(usable, prices, np.nan), dtype=np.float64)
