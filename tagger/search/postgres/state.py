"""What a schema holds.

    about            one row: the version of all this, and what `State` says
    products_N       one row a product, see `tables`
    words_N          one row a word that taught its weight, see `tables`
    postings_N       which products have each word, see `tables` and `texts`

N is the generation: whatever changes all products or the weights of words writes new tables, and `about` names them in
the same transaction. So whoever reads sees all of the old or all of the new.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from psycopg import Connection, errors
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Json

from tagger._version import __version__
from tagger.errors import DatabaseError, IndexFolderError, OutputError
from tagger.search.postgres.address import Address

VERSION = 2
ABOUT = "about"
_OURS = r"^(about|(products|words|postings)_\d+)$"


@dataclass(frozen=True)
class State:
    """What `about` says of an index.

    Args:
        bundle_id: `Bundle.embeddings_id` of the bundle that made the embeddings.
        bundle_name: how a person knows it.
        places: where that bundle was.
        dimensions: numbers in an embedding.
        ann: whether there is to be an approximate index; None: for very many products.
        recall: of the approximate index, measured when it was built; None where there is none.
        generation: of the tables.
        count: products.
        first: number of the first product since all were replaced.
        last: number of the last product. Numbers rise and are never given twice.
        taught: how many products taught the weights of words.
        taught_last: the last of these.
        unknown: weight of a word that none of them had.
        columns: for filters, and whether they are labels.
    """

    bundle_id: str
    bundle_name: str = ""
    places: tuple[str, ...] = ()
    dimensions: int = 0
    ann: bool | None = None
    recall: float | None = None
    generation: int = 0
    count: int = 0
    first: int = 1
    last: int = 0
    taught: int = 0
    taught_last: int = 0
    unknown: float = 1.0
    columns: dict[str, bool] = field(default_factory=dict)


def table(address: Address, name: str) -> Identifier:
    """A table of the index, as SQL."""
    return Identifier(address.schema, name)


def find_state(connection: Connection[Any], address: Address) -> State | None:
    """What `about` says; None where there is no index, nor the table.

    Raises:
        IndexFolderError: it was made by another version, or is none.
    """
    try:
        with connection.transaction():
            return read_state(connection, address)
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        return None


def read_state(connection: Connection[Any], address: Address) -> State | None:
    """What `about` says; None where it is empty.

    Raises:
        IndexFolderError: it was made by another version, or is none.
        psycopg.Error: there is no such table.
    """
    statement = SQL("SELECT version, state FROM {}").format(table(address, ABOUT))
    try:
        row = connection.execute(statement).fetchone()
    except errors.UndefinedColumn:
        raise IndexFolderError(
            f'{address.place} is not an index of catalog-tagger: the table "{ABOUT}" of the schema '
            f'"{address.schema}" is something else. Name another schema: ?schema=NAME'
        ) from None
    if row is None:
        return None
    version, value = row
    if version != VERSION:
        step = (
            "Make it again with `tagger index`" if version < VERSION else "Upgrade with: pip install -U catalog-tagger"
        )
        raise IndexFolderError(
            f"The index {address.place} has version {version}, this program (tagger {__version__}) reads version "
            f"{VERSION}. {step}."
        )
    try:
        return State(**{each.name: value[each.name] for each in fields(State)} | {"places": tuple(value["places"])})
    except (KeyError, TypeError) as error:
        raise IndexFolderError(
            f'The index {address.place} is damaged: the table "{ABOUT}" lacks {error}. Make it again with '
            "`tagger index`."
        ) from error


def missing(address: Address) -> IndexFolderError:
    """The error where there is no index."""
    return IndexFolderError(f"There is no index in {address.place}. Make one with `tagger index CATALOG --out URL`.")


def write_state(connection: Connection[Any], address: Address, state: State) -> None:
    """Put what `about` says in the place of what it said."""
    about = table(address, ABOUT)
    connection.execute(SQL("DELETE FROM {}").format(about))
    connection.execute(
        SQL("INSERT INTO {} (version, tagger_version, state) VALUES (%s, %s, %s)").format(about),
        (VERSION, __version__, Json(asdict(state))),
    )


def make_schema(connection: Connection[Any], address: Address) -> None:
    """Make sure that there is a schema that can hold an index.

    Raises:
        OutputError: it holds other tables.
    """
    others = connection.execute(
        "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE nspname = %s AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relname !~ %s ORDER BY relname LIMIT 1",
        (address.schema, _OURS),
    ).fetchone()
    if others is not None:
        raise OutputError(
            f'The schema "{address.schema}" of {address.place} holds other tables than an index, such as {others[0]}. '
            "Name another one: ?schema=NAME"
        )
    find_state(connection, address)  # refuse what is not ours
    try:
        with connection.transaction():
            exists = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (address.schema,)).fetchone()
            if not exists:
                connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(address.schema)))
            connection.execute(
                SQL(
                    "CREATE TABLE IF NOT EXISTS {} (one boolean PRIMARY KEY DEFAULT true CHECK (one),"
                    " version integer NOT NULL, tagger_version text NOT NULL,"
                    " changed timestamptz NOT NULL DEFAULT now(), state json NOT NULL)"
                ).format(table(address, ABOUT))
            )
    except (errors.UniqueViolation, errors.DuplicateSchema, errors.DuplicateTable):
        pass  # another process has just made it


def lock(connection: Connection[Any], address: Address) -> State | None:
    """Wait until nobody else changes the index, until the transaction ends; who reads does not wait.

    Raises:
        DatabaseError: there is no index any more.
    """
    try:
        connection.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(table(address, ABOUT)))
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        raise DatabaseError(f"The index {address.place} is no more: somebody removed it. Make it again.") from None
    return read_state(connection, address)
