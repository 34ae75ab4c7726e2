"""Changes to an index in a database: each is one transaction, so that it happens whole or not at all.

Products come in through a temporary table, which takes as long as their photos are embedded; only when all are there,
the writer waits for its turn and moves them into the index. So several can work at once.

The weights of words are learnt anew when an index in a folder would: once half as many products as taught them came
since, or half of those are gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pgvector import HalfVector
from psycopg import Connection
from psycopg.sql import SQL, Composable

from tagger.errors import IndexFolderError
from tagger.search.changes import other_bundle
from tagger.search.items import Item
from tagger.search.postgres.address import Address
from tagger.search.postgres.connection import connect, explained
from tagger.search.postgres.hnsw import build_hnsw, is_wanted
from tagger.search.postgres.state import State, find_state, lock, missing, table, write_state
from tagger.search.postgres.tables import (
    cells,
    create_tables,
    finish_tables,
    item_of,
    postings,
    products,
    storable,
    words,
)
from tagger.search.postgres.texts import Postings, Texts, signed
from tagger.search.product_index import Change
from tagger.search.segment import stored_vector
from tagger.search.text import WordWeights

#: Products that are sent together.
_BLOCK = 4_096
_INCOMING = SQL("pg_temp.incoming")
_MERGED_AT = 0.5


class Incoming:
    """Products in a temporary table of a connection, in the order in which they came.

    Args:
        connection: the table lives as long as it does.
        items: products with their embeddings, of any length.
        dimensions: numbers that these must have; 0: as many as the first has.

    Raises:
        IndexFolderError: an id comes twice, or an embedding holds NaN or has another size.
    """

    def __init__(
        self, connection: Connection[Any], items: Iterable[tuple[Item, ArrayLike]], dimensions: int = 0
    ) -> None:
        self.connection = connection
        self.dimensions = dimensions
        self.texts = Texts()
        self.columns: dict[str, bool] = {}
        connection.execute(
            SQL(
                "CREATE TEMPORARY TABLE incoming"
                ' (position bigint, id text COLLATE "C", item text, cells jsonb, embedding halfvec)'
            )
        )
        items = iter(items)
        # In between there is no transaction: it might last for hours.
        while block := list(islice(items, _BLOCK)):
            self._send(block)
        connection.execute(SQL("ANALYZE {}").format(_INCOMING))
        repeated = connection.execute(
            SQL("SELECT id FROM {} GROUP BY id HAVING count(*) > 1 LIMIT 1").format(_INCOMING)
        ).fetchone()
        if repeated:
            raise IndexFolderError(
                f'Expected every id once, found "{repeated[0]}" at least twice. Make the ids unique.'
            )

    def __len__(self) -> int:
        return len(self.texts)

    def _send(self, block: list[tuple[Item, ArrayLike]]) -> None:
        rows = []
        for item, embedding in block:
            vector = stored_vector(item.id, embedding, self.dimensions or None)
            self.dimensions = vector.size
            self.texts.add(item)
            rows.append((len(self), storable(item.id), json.dumps(vars(item)), cells(item), HalfVector(vector)))
            self.columns |= {name: self.columns.get(name, False) for name in item.labels | item.facts}
            self.columns |= dict.fromkeys(item.labels, True)
        copy_rows(
            self.connection, SQL("{} (position, id, item, cells, embedding)").format(_INCOMING),
            ["int8", "text", "text", "jsonb", "halfvec"], rows,
        )  # fmt: skip

    def move(self, address: Address, state: State, weights: WordWeights) -> State:
        """Append them to the products of an index; returns its state with them.

        Args:
            address: of the index.
            state: of the index, locked.
            weights: of the words.
        """
        self.connection.execute(
            SQL(
                "INSERT INTO {} (number, id, item, cells, embedding)"
                " SELECT position + %s, id, item, cells, embedding FROM {} ORDER BY position"
            ).format(products(address, state), _INCOMING),
            (state.last,),
        )
        numbers = np.arange(state.last + 1, state.last + 1 + len(self))
        write_postings(self.connection, address, state, self.texts.postings(weights, numbers))
        columns = state.columns | {name: state.columns.get(name, False) or own for name, own in self.columns.items()}
        count, last = state.count + len(self), state.last + len(self)
        return replace(state, count=count, last=last, columns=columns)


def add_products(
    address: Address, items: Iterable[tuple[Item, ArrayLike]], bundle_id: str, bundle_name: str = ""
) -> Change:
    """Add products; those whose id is there already take the place of the old ones. See `ProductIndex.add`."""
    with connect(address) as connection, explained(address, connection):
        state = checked(find_state(connection, address), address, bundle_id, bundle_name)
        incoming = Incoming(connection, items, state.dimensions)
        if not len(incoming):
            return Change(0, 0)
        with connection.transaction():
            state = checked(lock(connection, address), address, bundle_id, bundle_name)
            if state.dimensions != incoming.dimensions:
                raise other_bundle(address.place, state.bundle_name, bundle_name)
            updated = connection.execute(
                SQL("DELETE FROM {} AS old USING {} AS new WHERE old.id = new.id").format(
                    products(address, state), _INCOMING
                )
            ).rowcount
            state = replace(state, count=state.count - updated)
            weights = find_weights(connection, address, state, incoming.texts.terms)
            _settle(connection, address, incoming.move(address, state, weights))
        drop_old(connection, address)
    return Change(len(incoming) - updated, updated)


def remove_products(address: Address, ids: Iterable[str]) -> list[str]:
    """Remove products; returns the ids of those that were there."""
    asked = {storable(id_): id_ for id_ in ids}
    with connect(address) as connection, explained(address, connection):
        if find_state(connection, address) is None:
            raise missing(address)
        with connection.transaction():
            state = lock(connection, address)
            if state is None:
                raise missing(address)
            removed = connection.execute(
                SQL("DELETE FROM {} WHERE id = ANY(%s) RETURNING id").format(products(address, state)), (list(asked),)
            ).fetchall()
            if removed:
                _settle(connection, address, replace(state, count=state.count - len(removed)))
        drop_old(connection, address)
    gone = {id_ for (id_,) in removed}
    return [id_ for stored, id_ in asked.items() if stored in gone]


def checked(state: State | None, address: Address, bundle_id: str, bundle_name: str) -> State:
    """The state of an index to which embeddings of a bundle can be added.

    Raises:
        IndexFolderError: there is no index, or one of another bundle.
    """
    if state is None:
        raise missing(address)
    if state.bundle_id != bundle_id:
        raise other_bundle(address.place, state.bundle_name, bundle_name)
    return state


def write_words(
    connection: Connection[Any], address: Address, state: State, terms: NDArray[np.uint64], weights: WordWeights
) -> State:
    """Write the words of a new generation; returns its state with what the others weigh."""
    rows = zip(signed(terms), weights.of(terms).tolist(), strict=True)
    copy_rows(connection, SQL("{} (term, idf)").format(words(address, state)), ["int8", "float4"], rows)
    return replace(state, unknown=weights.unknown)


def write_postings(connection: Connection[Any], address: Address, state: State, rows: Iterable[Postings]) -> None:
    """Write which products have each word."""
    into = SQL("{} (term, first, products)").format(postings(address, state))
    copy_rows(connection, into, ["int8", "int8", "bytea"], rows)


def copy_rows(connection: Connection[Any], into: Composable, types: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows in bulk."""
    with connection.cursor() as cursor, cursor.copy(SQL("COPY {} FROM STDIN (FORMAT binary)").format(into)) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def drop_old(connection: Connection[Any], address: Address) -> None:
    """Drop the tables of earlier generations, also those that a killed process left."""
    with connection.transaction():
        state = lock(connection, address)
        for (name,) in connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename ~ %s",
            (address.schema, r"^(products|words|postings)_\d+$"),
        ).fetchall():
            if state is not None and not name.endswith(f"_{state.generation}"):
                connection.execute(SQL("DROP TABLE {}").format(table(address, name)))


def find_weights(connection: Connection[Any], address: Address, state: State, terms: NDArray[np.uint64]) -> WordWeights:
    """The weights of some words."""
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(
            SQL("SELECT term, idf FROM {} WHERE term = ANY(%s)").format(words(address, state)), (signed(terms),)
        ).fetchall()
    known = sorted((term % 2**64, idf) for term, idf in rows)
    found = np.array([term for term, _ in known], dtype=np.uint64)
    return WordWeights(found, np.array([idf for _, idf in known], dtype=np.float32), state.unknown)


def _settle(connection: Connection[Any], address: Address, state: State) -> None:
    """After a change: learn the weights of words anew if it is time, build what is wanted, and write the state."""
    (left,) = connection.execute(
        SQL("SELECT count(*) FROM {} WHERE number <= %s").format(products(address, state)), (state.taught_last,)
    ).fetchone() or (0,)
    came = state.count - left
    if left <= state.taught - left or (came > 0 and came >= _MERGED_AT * left):
        state = _learn(connection, address, state)
    elif state.recall is None and is_wanted(state):
        state = replace(state, recall=build_hnsw(connection, products(address, state), state))
    write_state(connection, address, state)


def _learn(connection: Connection[Any], address: Address, state: State) -> State:
    """Copy all products into the next generation, with the weights of words that they teach; returns its state."""
    texts, numbers = Texts(), []
    for number, item in _items(connection, address, state):
        texts.add(item)
        numbers.append(number)
    new = replace(state, generation=state.generation + 1, taught=state.count, taught_last=state.last)
    weights = texts.learn() if numbers else WordWeights.none()
    create_tables(connection, address, new)
    new = write_words(connection, address, new, texts.terms, weights)
    connection.execute(
        SQL(
            "INSERT INTO {} (number, id, item, cells, embedding)"
            " SELECT number, id, item, cells, embedding FROM {} ORDER BY number"
        ).format(products(address, new), products(address, state))
    )
    write_postings(connection, address, new, texts.postings(weights, np.array(numbers, dtype=np.int64)))
    return finish_tables(connection, address, new)


def _items(connection: Connection[Any], address: Address, state: State) -> Iterator[tuple[int, Item]]:
    with connection.cursor("tagger_items") as cursor:
        cursor.itersize = _BLOCK
        cursor.execute(SQL("SELECT number, item FROM {} ORDER BY number").format(products(address, state)))
        for number, value in cursor:
            yield number, item_of(value, address.place)
