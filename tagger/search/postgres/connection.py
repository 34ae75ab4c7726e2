"""Connections to a database, and what its errors mean to a person."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
from pgvector.psycopg import register_vector
from psycopg import Connection, errors

from tagger.errors import DatabaseError, IndexFolderError
from tagger.search.postgres.address import Address

#: Of pgvector: the first that goes on looking where filters leave too few of what an approximate search finds.
PGVECTOR = (0, 8)
_SECONDS = "10"
#: What holds for a whole connection: plans fit the filters of each query, and compiling one takes longer than it saves.
_SETTINGS = {"plan_cache_mode": "force_custom_plan", "jit": "off", "client_min_messages": "error"}


def connect(address: Address, *, reading: bool = False) -> Connection[Any]:
    """Open a connection that commits what is not in a transaction.

    Args:
        address: of the database.
        reading: only to read; a transaction then sees the database as it was when it started.

    Raises:
        DatabaseError: it can't be reached, or lacks pgvector.
    """
    parameters = {"connect_timeout": _SECONDS, "application_name": "tagger"} | address.parameters
    try:
        connection: Connection[Any] = psycopg.connect(**parameters | {"client_encoding": "UTF8"}, autocommit=True)
    except psycopg.Error as error:
        reason = address.without_password(_first_line(error).removeprefix("connection failed: "))
        raise DatabaseError(
            f"Can't reach the database {address.place}: {reason}. Check address, user and password, and that the "
            "server runs."
        ) from None
    if reading:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
    try:
        with explained(address, connection):
            _prepare(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


def make_extension(address: Address) -> None:
    """Create the extension pgvector where the database lacks it.

    Raises:
        DatabaseError: it can't be reached, the server lacks pgvector, or the user may not create it.
    """
    try:
        connect(address).close()
    except LacksExtension:
        pass
    else:
        return
    with psycopg.connect(**address.parameters, autocommit=True) as connection, explained(address, connection):
        try:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except (errors.UndefinedFile, errors.FeatureNotSupported):
            raise DatabaseError(
                f"The server of {address.place} lacks pgvector. Install it there (Debian and Ubuntu: the package "
                "postgresql-NN-pgvector for PostgreSQL NN), then run again."
            ) from None
        except errors.InsufficientPrivilege:
            raise DatabaseError(
                f"The database {address.place} lacks pgvector, and this user may not create it. Ask its administrator "
                "to run there: CREATE EXTENSION vector"
            ) from None


class LacksExtension(DatabaseError, IndexFolderError):
    """The database has no pgvector, and so no index."""


@contextlib.contextmanager
def explained(address: Address, connection: Connection[Any]) -> Iterator[None]:
    """Turn errors of the database into one sentence.

    Raises:
        DatabaseError: instead of them.
    """
    try:
        yield
    except psycopg.Error as error:
        reason = address.without_password(_first_line(error))
        if connection.closed or isinstance(error, (errors.AdminShutdown, errors.CrashShutdown)):
            text = f"The database {address.place} went away: {reason}. What was not finished is undone; run again."
        elif isinstance(error, errors.InsufficientPrivilege):
            text = f"The database {address.place} refuses: {reason}. Ask its administrator for the right."
        elif (error.sqlstate or "").startswith("53"):
            text = f"The database {address.place} has no room left: {reason}. Nothing was changed."
        else:
            text = f"The database {address.place} can't do this: {reason}. Nothing was changed."
        raise DatabaseError(text) from error


def _prepare(connection: Connection[Any], address: Address) -> None:
    row = connection.execute(
        "SELECT extversion, nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace"
        " WHERE extname = 'vector'"
    ).fetchone()
    if row is None:
        raise LacksExtension(f"There is no index in {address.place}: it lacks pgvector. Make one with `tagger index`.")
    version, schema = row
    if tuple(int(part) for part in version.split(".")[:2]) < PGVECTOR:
        wanted = ".".join(map(str, PGVECTOR))
        raise DatabaseError(
            f"The database {address.place} has pgvector {version}, expected {wanted} or later. Ask its administrator "
            "to install that and to run there: ALTER EXTENSION vector UPDATE"
        )
    # All that is ours is named with its schema; this one is for the operators of pgvector.
    connection.execute("SELECT set_config('search_path', quote_ident(%s), false)", (schema,))
    for name, value in _SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    register_vector(connection)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(error).__name__
