"""The index in a database."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psycopg import Connection, errors
from psycopg.sql import SQL

from tagger.errors import IndexFolderError
from tagger.search.arrays import widen
from tagger.search.base import BaseIndex, hit_of
from tagger.search.filters import Filter, check_columns
from tagger.search.hints import id_hint
from tagger.search.items import Item
from tagger.search.postgres.address import parse_address
from tagger.search.postgres.changes import add_products, find_weights, remove_products
from tagger.search.postgres.conditions import condition
from tagger.search.postgres.connection import connect, explained
from tagger.search.postgres.queries import LookUp, Row
from tagger.search.postgres.state import State, missing, read_state
from tagger.search.postgres.tables import item_of, products, storable
from tagger.search.product_index import Change, Hit, Query
from tagger.search.text import TextVector, WordWeights, count_item_terms, count_terms

_SCAN = 4_096
#: Changes that may come in between while something is read.
_TRIES = 5
_T = TypeVar("_T")


class PostgresIndex(BaseIndex):
    """An opened index in a PostgreSQL database, always as it is now. Offers what `ProductIndex` says.

    Each call reads the database as it was when the call started; `scan` reads on while others change it. Threads take
    turns. After the server went away, the next call connects again.

    Args:
        url: postgresql://USER@HOST/DATABASE; with ?schema=NAME if not in the schema "tagger".
        exact: never use the approximate index.

    Raises:
        IndexFolderError: there is no index, or one of a version that this program can't read.
        DatabaseError: the database can't be reached, lacks pgvector or refuses.
    """

    def __init__(self, url: str, *, exact: bool = False) -> None:
        self.address = parse_address(url)
        self.exact = exact
        self._lock = threading.RLock()
        self._connection: Connection[Any] | None = None
        self._bundle_id: str | None = None
        self._state = self._read(lambda connection, state: state)
        self._bundle_id = self._state.bundle_id

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def __repr__(self) -> str:
        return f"PostgresIndex({self.place!r}, {self._state.count:,} products, {self.dimensions} dimensions)"

    def __len__(self) -> int:
        return self._read(lambda connection, state: state.count)

    def __contains__(self, id_: str) -> bool:
        return bool(self._select(SQL("SELECT 1 FROM {} WHERE id = %s"), (storable(id_),)))

    @property
    def place(self) -> str:
        """The URL of the database, without the password."""
        return self.address.place

    @property
    def dimensions(self) -> int:
        """Numbers in an embedding."""
        return self._state.dimensions

    @property
    def bundle_id(self) -> str:
        """`Bundle.embeddings_id` of the bundle whose embeddings it holds: no others can be compared with them."""
        return self._state.bundle_id

    @property
    def bundle_name(self) -> str:
        """How a person knows that bundle; "" where nobody said."""
        return self._state.bundle_name

    def bundle_paths(self) -> Iterator[Path]:
        """Where that bundle was when the index was made, on the machine that made it."""
        return map(Path, self._state.places)

    @property
    def columns(self) -> list[str]:
        """Labels and facts that filters can ask for, also those that only products had which are no more."""
        return list(self._state.columns)

    @property
    def labels(self) -> list[str]:
        """Those that are labels."""
        return [name for name, is_label in self._state.columns.items() if is_label]

    @property
    def recall(self) -> float | None:
        """Recall of its approximate index, as measured when it was built; None where it has none."""
        return self._state.recall

    def item(self, id_: str) -> Item:
        """What the index knows of a product.

        Raises:
            SearchError: it has no such product.
        """
        rows = self._select(SQL("SELECT item FROM {} WHERE id = %s"), (storable(id_),))
        if not rows:
            raise self._unknown(id_)
        return item_of(rows[0][0], self.place)

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of products, float32 (N, D).

        Raises:
            SearchError: it lacks one of them.
        """
        stored = [storable(id_) for id_ in ids]
        found = dict(self._select(SQL("SELECT id, embedding FROM {} WHERE id = ANY(%s)"), (stored,)))
        for id_, own in zip(ids, stored, strict=True):
            if own not in found:
                raise self._unknown(id_)
        halves = [found[own].to_numpy() for own in stored]
        return widen(np.stack(halves)) if halves else np.empty((0, self.dimensions), dtype=np.float32)

    def hint(self, id_: str) -> str:
        """Return ' Did you mean "…"?' for an id near one that it does not have, or ''."""
        guesses: dict[str, str] = {}

        def note(guess: str) -> bool:
            guesses[storable(guess)] = guess
            return False

        # All guesses are looked up at once.
        id_hint(id_, note)
        rows = self._select(SQL("SELECT id FROM {} WHERE id = ANY(%s)"), (list(guesses),))
        return id_hint(id_, {guesses[own] for (own,) in rows}.__contains__)

    def count(self, where: Sequence[Filter]) -> int:
        """Products that meet all these filters; see `ProductIndex.count`."""

        def counted(connection: Connection[Any], state: State) -> int:
            check_columns(where, state.columns, f"the index {self.place}")
            met, parameters = condition(where)
            statement = SQL("SELECT count(*) FROM {} WHERE {}").format(products(self.address, state), met)
            ((found,),) = connection.execute(statement, parameters)
            return int(found)

        return self._read(counted)

    def encode(self, text: str) -> TextVector | None:
        """The unit vector of a text with the index's own weights of words; None where it holds no word."""
        return self._weights(count_terms(text)).encode(text)

    def encode_item(self, item: Item) -> TextVector | None:
        """The same of a product's name, or else its description; None where it has neither."""
        return self._weights(count_item_terms(item)).encode_item(item)

    def scan(self) -> Iterator[tuple[list[Item], NDArray[np.float32]]]:
        """All products, some thousand at a time: items (N) and unit vectors float32 (N, D), the oldest first.

        Raises:
            IndexFolderError: all products were replaced meanwhile.
        """
        last, first = 0, self._read(lambda connection, state: state.first)
        statement = SQL("SELECT number, item, embedding FROM {} WHERE number > %s ORDER BY number LIMIT %s")
        while rows := self._select(statement, (last, _SCAN)):
            if self._state.first != first:
                raise IndexFolderError(f"The index {self.place} was made anew while it was read. Run again.")
            last = rows[-1][0]
            vectors = np.stack([embedding.to_numpy() for _, _, embedding in rows])
            yield [item_of(value, self.place) for _, value, _ in rows], widen(vectors)

    def search(
        self, queries: Sequence[Query], k: int = 5, *, where: Sequence[Filter] = (), min_score: float | None = None
    ) -> list[list[Hit]]:
        """Find the k best products for each query, the best first; see `ProductIndex.search`.

        Raises:
            SearchError: the index is empty or lacks a column, or a query can't be compared with it.
            DatabaseError: the database can't be reached, or refuses.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        return self._read(lambda connection, state: self._search(connection, state, queries, k, where, min_score))

    def add(self, items: Iterable[tuple[Item, ArrayLike]], *, bundle_id: str, bundle_name: str = "") -> Change:
        """Add products, or put them in the place of those with the same id; see `ProductIndex.add`."""
        change = add_products(self.address, items, bundle_id, bundle_name)
        self._read(lambda connection, state: None)
        return change

    def remove(self, ids: Iterable[str]) -> list[str]:
        """Remove products; returns the ids of those that were there."""
        removed = remove_products(self.address, ids)
        self._read(lambda connection, state: None)
        return removed

    def _read(self, action: Callable[[Connection[Any], State], _T]) -> _T:
        """Do something in one transaction, with the state that then holds."""
        with self._lock:
            connection = self._connected()
            with explained(self.address, connection):
                for attempt in range(_TRIES):
                    try:
                        with connection.transaction():
                            self._state = self._checked(read_state(connection, self.address))
                            return action(connection, self._state)
                    except (errors.UndefinedTable, errors.InvalidSchemaName):
                        # Somebody wrote another generation, and dropped this one, in between; or there is none.
                        if attempt == _TRIES - 1:
                            raise missing(self.address) from None
            raise AssertionError

    def _connected(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.address, reading=True)
            weakref.finalize(self, self._connection.close)
        return self._connection

    def _checked(self, state: State | None) -> State:
        if state is None:
            raise missing(self.address)
        if self._bundle_id not in (None, state.bundle_id):
            raise IndexFolderError(
                f"The index {self.place} was made anew with another bundle, {state.bundle_name or '(not named)'}. "
                "Run again."
            )
        return state

    def _select(self, statement: SQL, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Rows of the products' table."""

        def select(connection: Connection[Any], state: State) -> list[tuple[Any, ...]]:
            with connection.cursor(binary=True) as cursor:
                return cursor.execute(statement.format(products(self.address, state)), values).fetchall()

        return self._read(select)

    def _weights(self, terms: Iterable[int]) -> WordWeights:
        """The weights of these words."""
        hashes = np.array(list(terms), dtype=np.uint64)
        return self._read(lambda connection, state: find_weights(connection, self.address, state, hashes))

    def _search(
        self, connection: Connection[Any], state: State, queries: Sequence[Query], k: int, where: Sequence[Filter],
        min_score: float | None,
    ) -> list[list[Hit]]:  # fmt: skip
        self._check(state.count, state.columns, queries, where)
        approximate = not self.exact and state.recall is not None
        look_up = LookUp(connection, self.address, state, where, min_score, approximate=approximate)
        return [[self._hit(query, row) for row in look_up.best(query, k)] for query in queries]

    def _hit(self, query: Query, row: Row) -> Hit:
        return hit_of(query, item_of(row.item, self.place), row.total, row.image, row.text)
