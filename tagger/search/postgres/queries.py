"""One look-up in a database: what looks most like the query, by comparing all or by the approximate index, and words.

Who has both is found by the threshold algorithm (Fagin, Lotem and Naor 2003): text scores of all products are known,
so that beside the best by looks only those need a closer look whose words could still make up for theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector, Vector
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed

from tagger.search.filters import Filter
from tagger.search.postgres.address import Address
from tagger.search.postgres.conditions import condition
from tagger.search.postgres.hnsw import nearest, searching_widely
from tagger.search.postgres.state import State
from tagger.search.postgres.tables import postings, products
from tagger.search.postgres.texts import text_scores
from tagger.search.product_index import Query

#: Products meeting the filters that an approximate search comes across. The more the filters refuse, the more others it
#: looks at on its way; where these are more than the filters leave, those are searched exactly.
_MET = 100
#: Products that filters are tried on, to guess how many they leave.
_SAMPLE = 500
#: Products looked at for each hit wanted, at least so many, and at most.
_EACH, _LEAST, _MOST = 4, 100, 4_000
#: How much more is looked at when that was not enough.
_MORE = 8
#: What rounding may make of a total score.
_ROUNDING = 1e-6

#: Single precision, as the query's vector is: half would change the scores.
_SCORED = SQL("SELECT number, (-(embedding::vector <#> %(image)s))::real AS image FROM {}{}")


class Row(NamedTuple):
    """A hit: its item, total score, image score and text score."""

    item: str
    total: float
    image: float
    text: float


class _Scores(NamedTuple):
    """Image scores float32 (N,) of products by number, int64 (N,)."""

    numbers: NDArray[np.int64]
    images: NDArray[np.float32]

    def joined(self, other: _Scores) -> _Scores:
        """Both, one after the other."""
        numbers, images = np.concatenate([self.numbers, other.numbers]), np.concatenate([self.images, other.images])
        return _Scores(numbers, images)


class LookUp:
    """Looks up queries among the products of an index, within one transaction.

    Args:
        connection: to read.
        address: of the index.
        state: that holds in the transaction.
        where: filters that hits meet.
        min_score: the least total.
        approximate: use the approximate index where it helps.
    """

    def __init__(
        self, connection: Connection[Any], address: Address, state: State, where: Sequence[Filter],
        min_score: float | None, *, approximate: bool,
    ) -> None:  # fmt: skip
        self.connection = connection
        self.products = products(address, state)
        self.postings = postings(address, state)
        self.state = state
        self.where = where
        self.min_score = min_score
        self._few = self._filtered() if where and self._are_few() else None
        self.approximate = approximate and self._few is None

    def best(self, query: Query, k: int) -> list[Row]:
        """The k best products, the best first."""
        texts = None
        if query.text is not None:
            texts = text_scores(self.connection, self.postings, self.state, query.text)
        if query.image is None:
            numbers = np.empty(0, dtype=np.int64) if texts is None else self._telling(query, texts, k)
            found = _Scores(numbers, np.zeros(len(numbers), dtype=np.float32))
        elif texts is None:
            found, _ = self._by_looks(query, k)
        else:
            found = self._by_both(query, texts, k)
        return self._rows(query, found, texts, k)

    def _totals(self, query: Query, found: _Scores, texts: NDArray[np.float32] | None) -> NDArray[np.float32]:
        totals = np.float32(query.image_share) * found.images
        return totals if texts is None else totals + np.float32(query.text_share) * texts[self._places(found.numbers)]

    def _places(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where text scores of products are."""
        return numbers - self.state.first

    def _rows(self, query: Query, found: _Scores, texts: NDArray[np.float32] | None, k: int) -> list[Row]:
        """The k best of what was found."""
        totals = self._totals(query, found, texts)
        order = np.lexsort((found.numbers, -totals))[:k]
        if self.min_score is not None:
            order = order[totals[order].astype(np.float64) >= self.min_score]
        numbers = found.numbers[order]
        own = np.zeros(len(numbers), dtype=np.float32) if texts is None else texts[self._places(numbers)]
        statement = SQL("SELECT number, item FROM {} WHERE number = ANY(%(numbers)s)").format(self.products)
        items = dict(self._fetch(statement, {"numbers": numbers.tolist()})) if len(numbers) else {}
        return [
            Row(items[number], *scores)
            for number, *scores in zip(
                numbers.tolist(), totals[order].tolist(), found.images[order].tolist(), own.tolist(), strict=True
            )
        ]

    def _by_looks(self, query: Query, k: int) -> tuple[_Scores, bool]:
        """The k best by looks and some more; and whether these are all that may be found."""
        count = max(_EACH * k, _LEAST)
        if self.approximate and count <= _MOST:
            where, parameters = self._condition(query)
            with searching_widely(self.connection, count):
                near = SQL("({}) AS near").format(nearest(self.products, where, count))
                found = self._scores(_SCORED.format(near, SQL("")), parameters)
            if len(found.numbers) == count:
                return found, False
        return self._by_looks_exactly(query, count)

    def _by_looks_exactly(self, query: Query, count: int) -> tuple[_Scores, bool]:
        where, parameters = self._condition(query)
        scored = _SCORED.format(self.products, SQL(" WHERE {}").format(where))
        found = self._scores(
            SQL("SELECT number, image FROM ({}) AS scored ORDER BY image DESC, number LIMIT {}").format(scored, count),
            parameters,
        )
        return found, len(found.numbers) < count

    def _by_both(self, query: Query, texts: NDArray[np.float32], k: int) -> _Scores:
        """Enough products for the k best by looks and words to be among them."""
        found, all_ = self._by_looks(query, k)
        while not all_:
            least = float(found.images.min())
            if self._kth(query, found, texts, k) + _ROUNDING >= query.image_share * least:
                return self._with_telling(query, found, texts, k, least)
            # Unwanted words spoil the best: there may be better ones among those that look less alike.
            found, all_ = self._by_looks_exactly(query, _MORE * len(found.numbers))
        return found

    def _kth(self, query: Query, found: _Scores, texts: NDArray[np.float32], k: int) -> float:
        """The k-th best total of what was found."""
        return float(np.sort(self._totals(query, found, texts))[-k:][0])

    def _with_telling(self, query: Query, found: _Scores, texts: NDArray[np.float32], k: int, least: float) -> _Scores:
        """With all others whose words may make up for looks of `least` at most."""
        places = self._best_first(texts)
        places = places[~np.isin(places, self._places(found.numbers))]
        start, count = 0, _LEAST
        while start < len(places):
            needed = self._kth(query, found, texts, k) - query.image_share * least - _ROUNDING
            chunk = places[start : start + count]
            chunk = chunk[np.float32(query.text_share) * texts[chunk] >= needed]
            if not len(chunk):
                break
            found = found.joined(self._scored(query, chunk + self.state.first))
            start, count = start + count, count * _MORE
        return found

    def _telling(self, query: Query, texts: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        """Numbers of the k best by words, or a few more."""
        places = self._best_first(texts)
        where, parameters = self._condition(query)
        statement = SQL("SELECT number FROM {} WHERE number = ANY(%(numbers)s) AND {}").format(self.products, where)
        found: list[int] = []
        start, count = 0, max(_EACH * k, _LEAST)
        while start < len(places) and len(found) < k:
            asked = (places[start : start + count] + self.state.first).tolist()
            found += [number for (number,) in self._fetch(statement, parameters | {"numbers": asked})]
            start, count = start + count, count * _MORE
        return np.array(found, dtype=np.int64)

    def _scored(self, query: Query, numbers: NDArray[np.int64]) -> _Scores:
        """Image scores of those of some products that may be found."""
        where, parameters = self._condition(query)
        scored = _SCORED.format(self.products, SQL(" WHERE number = ANY(%(numbers)s) AND {}").format(where))
        return self._scores(scored, parameters | {"numbers": numbers.tolist()})

    def _best_first(self, texts: NDArray[np.float32]) -> NDArray[np.int64]:
        """Places of the scores above 0, the highest first; of equal ones the first. What filters leave, where few."""
        places = np.flatnonzero(texts > 0)
        if self._few is not None:
            places = np.intersect1d(places, self._places(self._few), assume_unique=True)
        return places[np.argsort(-texts[places], kind="stable")]

    def _condition(self, query: Query) -> tuple[Composable, dict[str, Any]]:
        where, parameters = condition([] if self._few is not None else self.where, sorted(query.exclude))
        if self._few is not None:
            where = SQL("{} AND number = ANY(%(few)s)").format(where)
            parameters["few"] = self._few.tolist()
        if query.image is not None:
            parameters |= {"image": Vector(query.image), "near": HalfVector(query.image)}
        return where, parameters

    def _are_few(self) -> bool:
        """Whether filters leave few products, by a guess from some of them."""
        where, parameters = condition(self.where)
        asked = np.random.default_rng(0).integers(self.state.first, self.state.last + 1, _SAMPLE)
        ((met, seen),) = self._fetch(
            SQL("SELECT count(*) FILTER (WHERE {}), count(*) FROM {} WHERE number = ANY(%(numbers)s)").format(
                where, self.products
            ),
            parameters | {"numbers": asked.tolist()},
        )
        return bool(met**2 * self.state.count <= _MET * seen**2)

    def _filtered(self) -> NDArray[np.int64]:
        """Numbers of the products that filters leave."""
        where, parameters = condition(self.where)
        rows = self._fetch(SQL("SELECT number FROM {} WHERE {}").format(self.products, where), parameters)
        return np.array([number for (number,) in rows], dtype=np.int64)

    def _scores(self, statement: Composed, parameters: dict[str, Any]) -> _Scores:
        rows = self._fetch(statement, parameters)
        return _Scores(
            np.array([number for number, _ in rows], dtype=np.int64),
            np.array([image for _, image in rows], dtype=np.float32),
        )

    def _fetch(self, statement: Composed, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        with self.connection.cursor(binary=True) as cursor:
            return cursor.execute(statement, parameters).fetchall()
