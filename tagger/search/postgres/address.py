"""The URL of a database, and how it is shown: without the password, whatever is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from psycopg import Error
from psycopg.conninfo import conninfo_to_dict

from tagger.errors import DatabaseError

#: Of the schema that holds the index, where the URL names none.
SCHEMA = "tagger"
_PARAMETER = "schema"
_MAX_SCHEMA_BYTES = 63


@dataclass(frozen=True)
class Address:
    """Where an index is.

    Args:
        place: as it may be shown.
        schema: that holds it.
        parameters: of the connection, for libpq.
    """

    place: str
    schema: str
    parameters: dict[str, Any] = field(repr=False)

    def without_password(self, text: str) -> str:
        """A message of the server or of libpq, as it may be shown."""
        password = str(self.parameters.get("password") or "")
        return text.replace(password, "***") if password else text


def parse_address(url: str) -> Address:
    """Read postgresql://USER@HOST:PORT/DATABASE?schema=SCHEMA, or what else libpq reads, which knows ~/.pgpass, too.

    Raises:
        DatabaseError: it is no such URL.
    """
    try:
        # The scheme may be written in capitals, which libpq does not know.
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        others = urlencode([pair for pair in query if pair[0] != _PARAMETER])
        if not url[len(parts.scheme) :].startswith("://"):
            raise _unreadable()
        parameters = conninfo_to_dict(urlunsplit(("postgresql", parts.netloc, parts.path, others, "")))
    except (ValueError, Error):
        raise _unreadable() from None  # the cause quotes the URL
    schema = dict(query).get(_PARAMETER, SCHEMA)
    host, port, database = (str(parameters.get(name) or "") for name in ("host", "port", "dbname"))
    # An unescaped character in a password puts what follows it elsewhere: there it would be printed.
    numbers = port.replace(",", "")
    if parts.fragment or "@" in host + database or (numbers and not (numbers.isascii() and numbers.isdigit())):
        raise _unreadable()
    if not 0 < len(schema.encode()) <= _MAX_SCHEMA_BYTES or not schema.isprintable() or schema.startswith("pg_"):
        raise DatabaseError(f'Expected the name of a schema after "{_PARAMETER}=", got "{schema}".')
    return Address(_place(parameters, schema), schema, parameters)


def _place(parameters: dict[str, Any], schema: str) -> str:
    user, host, port, database = (str(parameters.get(name) or "") for name in ("user", "host", "port", "dbname"))
    query = {}
    if host.startswith("/"):  # a socket
        query, host = {"host": host}, ""
    if schema != SCHEMA:
        query[_PARAMETER] = schema
    authority = (f"{user}@" if user else "") + host + (f":{port}" if port else "")
    return f"postgresql://{authority}/{database}" + (f"?{urlencode(query, safe='/')}" if query else "")


def _unreadable() -> DatabaseError:
    return DatabaseError(
        "The URL of the database can't be read (it is not shown, as it may hold a password). Expected "
        "postgresql://USER@HOST:PORT/DATABASE, with special characters written as %40 for @, %2F for / and %23 for #."
    )
