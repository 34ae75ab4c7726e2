"""The index in a PostgreSQL database with pgvector: the same calls and answers as in a folder, for several writers.

Imported only where a place is the URL of a database.
"""

from tagger.errors import MissingDependencyError

try:
    import pgvector  # noqa: F401
    import psycopg  # noqa: F401
except ImportError as error:
    raise MissingDependencyError("psycopg with pgvector", "postgres", "for an index in PostgreSQL") from error

from tagger.search.postgres.build import build_postgres_index
from tagger.search.postgres.index import PostgresIndex

__all__ = ["PostgresIndex", "build_postgres_index"]
