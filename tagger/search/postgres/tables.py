"""The tables of one generation of an index, and how a product becomes a row.

    products_N    number      rises from product to product, bigint
                  id          of the product
                  item        all that is known of it, as in `Item`, JSON in ASCII
                  cells       for filters: by column the values of its cell, and those that are numbers as such, jsonb
                  embedding   unit vector, halfvec
    words_N       term        hash of a word, bigint
                  idf         its weight
    postings_N    term        hash of a word, bigint
                  first       number of the first product of a block
                  products    those of the block that have the word, packed as `texts` says

PostgreSQL stores neither the character of code 0 nor halves of surrogate pairs, which file names may hold: `storable`
writes them otherwise.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal

from tagger.errors import IndexFolderError
from tagger.search.filters import JOINT, number
from tagger.search.items import Item
from tagger.search.postgres.address import Address
from tagger.search.postgres.hnsw import build_hnsw
from tagger.search.postgres.state import State, table

#: Larger vectors don't fit into a page with the rest of a row, and are stored elsewhere.
_MAX_INLINE = 2_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufffd]")


def products(address: Address, state: State) -> Identifier:
    """The table of the products, as SQL."""
    return table(address, f"products_{state.generation}")


def words(address: Address, state: State) -> Identifier:
    """The table of the words, as SQL."""
    return table(address, f"words_{state.generation}")


def postings(address: Address, state: State) -> Identifier:
    """The table of the products of each word, as SQL."""
    return table(address, f"postings_{state.generation}")


def create_tables(connection: Connection[Any], address: Address, state: State) -> None:
    """Create the tables of a generation; the indexes come when they are filled."""
    connection.execute(
        SQL("CREATE TABLE {} (term bigint PRIMARY KEY, idf real NOT NULL)").format(words(address, state))
    )
    at = postings(address, state)
    connection.execute(
        SQL("CREATE TABLE {} (term bigint NOT NULL, first bigint NOT NULL, products bytea NOT NULL)").format(at)
    )
    # To compress numbers takes long and saves nothing.
    connection.execute(SQL("ALTER TABLE {} ALTER COLUMN products SET STORAGE EXTERNAL").format(at))
    connection.execute(
        SQL(
            'CREATE TABLE {} (number bigint NOT NULL, id text COLLATE "C" NOT NULL, item text NOT NULL,'
            " cells jsonb NOT NULL, embedding halfvec({}) NOT NULL)"
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
    connection.execute(SQL("ALTER TABLE {} ADD PRIMARY KEY (term, first)").format(postings(address, state)))
    for name in (words, postings):
        connection.execute(SQL("ANALYZE {}").format(name(address, state)))
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
