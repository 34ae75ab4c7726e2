"""The baseline that a flags network has to beat: a look-up of the share of positives by one key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tagger.flags.features import CATEGORY_COLUMNS, words_of

LAST_WORD = "last title word"


@dataclass(frozen=True)
class LookUp:
    """For each key the share of positives among the train products that have it.

    Args:
        key: what it looks up, see `keys_of`.
        shares: key → share of positives.
        overall: share of positives among all train products, for a key that none of them has.
    """

    key: str
    shares: pd.Series
    overall: float

    @classmethod
    def fit(cls, key: str, table: pd.DataFrame, positive: NDArray[np.float32]) -> Self:
        """Count.

        Args:
            key: what to look up.
            table: the N products of the train part.
            positive: float32 (N,), 1, 0, or NaN for missing.
        """
        values = pd.Series(positive, index=table.index, dtype=np.float64)
        shares = values.groupby(keys_of(table, key)).mean().dropna()
        return cls(key, shares.drop("", errors="ignore"), float(values.mean()))

    def score(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """Return the share of positives for the key of each product, float64 (N,)."""
        return keys_of(table, self.key).map(self.shares).fillna(self.overall).to_numpy(np.float64)


def best_key(table: pd.DataFrame) -> str:
    """Return the most telling key that the products have: articleType, else a wider category, else the last title word.

    In a title such as "Ray-Ban Men Aviator Sunglasses" the last word is the noun, so this is what somebody without a
    network would look up for a product that has no category yet.
    """
    return next((name for name in reversed(CATEGORY_COLUMNS) if name in table and (table[name] != "").any()), LAST_WORD)


def keys_of(table: pd.DataFrame, key: str) -> pd.Series:
    """Return the key of each product, "" for none: the value of the column `key`, or the last word of the title."""
    if key != LAST_WORD:
        return table[key] if key in table else pd.Series("", index=table.index)
    if "title" not in table:
        return pd.Series("", index=table.index)
    return pd.Series([(words_of(title) or [""])[-1] for title in table["title"]], index=table.index, dtype="str")
