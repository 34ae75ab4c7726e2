"""The tables of one generation of an index, and how a product becomes a row.

    products_N    number      rises from product to product, bigint
                  id          of the product
                  item        all that is known of it, as in `Item`, JSON in ASCII
                  cells       for filters: by column the values of its cell, and those that are numbers as such, jsonb
                  embedding   unit vector, halfvec
                  text        unit vector of its words, sparsevec; null without words
    words_N       term        hash of a word, bigint
                  number      its place in `text`
                  idf         its weight; null: it weighs as much as an unknown one

PostgreSQL stores neither the character of code 0 nor halves of surrogate pairs, which file names may hold: `storable`
writes them otherwise.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import SparseVector
from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal

from tagger.errors import IndexFolderError
from tagger.search.filters import JOINT, number
from tagger.search.items import Item
from tagger.search.postgres.address import Address
from tagger.search.postgres.hnsw import build_hnsw
from tagger.search.postgres.state import State, table

#: Numbers of words are below; it is the greatest that pgvector knows.
DIMENSIONS = 1_000_000_000
#: Larger vectors don't fit into a page with the rest of a row, and are stored elsewhere.
_MAX_INLINE = 2_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufffd]")


def products(address: Address, state: State) -> Identifier:
    """The table of the products, as SQL."""
    return table(address, f"products_{state.generation}")


def words(address: Address, state: State) -> Identifier:
    """The table of the words, as SQL."""
    return table(address, f"words_{state.generation}")


def create_tables(connection: Connection[Any], address: Address, state: State) -> None:
    """Create the tables of a generation; the indexes come when they are filled."""
    connection.execute(
        SQL("CREATE TABLE {} (term bigint PRIMARY KEY, number integer NOT NULL, idf real)").format(
            words(address, state)
        )
    )
    connection.execute(
        SQL(
            'CREATE TABLE {} (number bigint NOT NULL, id text COLLATE "C" NOT NULL, item text NOT NULL,'
            " cells jsonb NOT NULL, embedding halfvec({}) NOT NULL, text sparsevec)"
        ).format(products(address, state), Literal(state.dimensions))
    )
    if state.dimensions <= _MAX_INLINE:
        statement = "ALTER TABLE {} ALTER COLUMN embedding SET STORAGE PLAIN"
        connection.execute(SQL(statement).format(products(address, state)))


def finish_tables(connection: Connection[Any], address: Address, state: State) -> State:
    """Index the filled tables of a generation; returns the state with the recall of the approximate index, if any."""
    at = products(address, state)
    for statement in (
        SQL("ALTER TABLE {} ADD PRIMARY KEY (number)"),
        SQL("ALTER TABLE {} ADD UNIQUE (id)"),
        SQL("CREATE INDEX ON {} USING gin (cells jsonb_path_ops)"),
        SQL("ANALYZE {}"),
    ):
        connection.execute(statement.format(at))
    connection.execute(SQL("ANALYZE {}").format(words(address, state)))
    return replace(state, recall=build_hnsw(connection, at, state))


def cells(item: Item) -> dict[str, list[str | float]]:
    """The filter columns of a product."""
    found: dict[str, list[str | float]] = {}
    for name, cell in (item.labels | item.facts).items():
        values = cell.split(JOINT)
        found[storable(name)] = [
            *map(storable, values), *(value for each in values if (value := number(each)) is not None),
        ]  # fmt: skip
    return found


def item_of(text: str, place: str) -> Item:
    """The product that a row describes.

    Raises:
        IndexFolderError: it is damaged.
    """
    try:
        value = json.loads(text)
        return Item(**value | {"predicted": tuple(value["predicted"])})
    except (ValueError, KeyError, TypeError) as error:
        raise IndexFolderError(
            f"The index {place} is damaged: a product can't be read. Make it again with `tagger index`."
        ) from error


def storable(text: str) -> str:
    """A text as PostgreSQL can store it; different ones stay different."""
    return _UNSTORABLE.sub(lambda found: f"\ufffd{ord(found[0]):04x}", text)


def signed(terms: NDArray[np.uint64]) -> list[int]:
    """Hashes of words as bigint."""
    found: list[int] = terms.view(np.int64).tolist()
    return found


def sparse(numbers: NDArray[np.integer], values: NDArray[np.float32]) -> SparseVector:
    """A text vector, from the numbers of its words and their weights, (T,)."""
    return SparseVector(dict(zip(numbers.tolist(), values.tolist(), strict=True)), DIMENSIONS)
