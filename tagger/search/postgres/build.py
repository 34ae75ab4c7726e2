"""Fill an index in a database, in the place of the one that is there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from numpy.typing import ArrayLike

from tagger.errors import IndexFolderError
from tagger.search.items import Item
from tagger.search.postgres.address import parse_address
from tagger.search.postgres.changes import Incoming, drop_old, write_words
from tagger.search.postgres.connection import connect, explained, make_extension
from tagger.search.postgres.index import PostgresIndex
from tagger.search.postgres.state import State, lock, make_schema, write_state
from tagger.search.postgres.tables import create_tables, finish_tables


def build_postgres_index(
    items: Iterable[tuple[Item, ArrayLike]],
    url: str,
    *,
    bundle_id: str,
    bundle_name: str = "",
    bundle_path: Path | None = None,
    ann: bool | None = None,
) -> PostgresIndex:
    """Write an index and open it; see `build_index`, which does so in a folder.

    Args:
        items: products with their embeddings (D,), of any length.
        url: of the database; `schema=NAME` in it names where the index goes.
        bundle_id: `Bundle.embeddings_id` of the bundle that made the embeddings.
        bundle_name: how a person knows it.
        bundle_path: where that bundle is.
        ann: whether an approximate index (HNSW) is built, too; None: beyond a hundred thousand products.

    Raises:
        IndexFolderError: there are no items, an id comes twice, or an embedding holds NaN or has another size.
        OutputError: the schema holds something else than an index.
        DatabaseError: the database can't be reached, lacks pgvector or refuses. It then has what it had.
    """
    address = parse_address(url)
    make_extension(address)
    with connect(address) as connection, explained(address, connection):
        make_schema(connection, address)
        incoming = Incoming(connection, items)
        if not len(incoming):
            raise IndexFolderError("Expected products to index, found none.")
        with connection.transaction():
            old = lock(connection, address) or State(bundle_id)
            state = State(
                bundle_id, bundle_name, () if bundle_path is None else (str(bundle_path.resolve()),),
                incoming.dimensions, ann, generation=old.generation + 1, first=old.last + 1, last=old.last,
                taught=len(incoming), taught_last=old.last + len(incoming),
            )  # fmt: skip
            create_tables(connection, address, state)
            weights = incoming.texts.learn()
            state = write_words(connection, address, state, incoming.texts.terms, weights)
            state = incoming.move(address, state, weights)
            write_state(connection, address, finish_tables(connection, address, state))
        drop_old(connection, address)
    return PostgresIndex(url)
