"""The approximate index of the vectors: HNSW by pgvector, in half precision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector, Vector
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier

from tagger.errors import IndexFolderError
from tagger.search.arrays import widen
from tagger.search.postgres.state import State

#: Beyond so many products it is built unasked.
WORTH_IT = 100_000
#: Candidates that a search keeps; pgvector's default is 40.
_LEAST, _MOST = 128, 1_000
#: Neighbours that are looked at for each new product; pgvector's default is 64.
_CONSTRUCTION = 128
#: Where pgvector can't index half precision any more.
_MAX_DIMENSIONS = 4_000
#: Memory for the build, in kB: for the graph of each product beside its vector, and at most.
_GRAPH, _MAX_MEMORY = 0.5, 2_000_000
#: Products that the recall is measured with, and hits of each.
_SAMPLE, _HITS = 500, 10
#: What half precision can't tell apart.
_ROUNDING = 1e-4
_BLOCK = 4_096
#: Plans that are no walk through the approximate index.
_OTHER_PLANS = ("enable_seqscan", "enable_bitmapscan", "enable_sort")


def is_wanted(state: State) -> bool:
    """Whether there is to be an approximate index."""
    return state.ann if state.ann is not None else state.count > WORTH_IT


def build_hnsw(connection: Connection[Any], products: Identifier, state: State) -> float | None:
    """Build the approximate index, if there is to be one; returns its recall.

    Raises:
        IndexFolderError: the vectors are too large for it.
    """
    if not is_wanted(state) or not state.count:
        return None
    create_hnsw(connection, products, state)
    return measure_recall(connection, products, state)


def create_hnsw(connection: Connection[Any], products: Identifier, state: State) -> None:
    """Build the approximate index.

    Raises:
        IndexFolderError: the vectors are too large for it.
    """
    if state.dimensions > _MAX_DIMENSIONS:
        raise IndexFolderError(
            f"pgvector builds approximate indexes of up to {_MAX_DIMENSIONS:,} dimensions, these embeddings have "
            f"{state.dimensions:,}. Make the index with --no-ann."
        )
    # As much as it takes, else the build is many times slower; the server's own setting if that is more.
    needed = min(int(state.count * (state.dimensions * 2 / 1024 + _GRAPH)), _MAX_MEMORY)
    connection.execute(
        "SELECT set_config('maintenance_work_mem', %s, true) FROM pg_settings"
        " WHERE name = 'maintenance_work_mem' AND setting::bigint < %s",
        (f"{needed}kB", needed),
    )
    connection.execute(
        SQL("CREATE INDEX ON {} USING hnsw (embedding halfvec_ip_ops) WITH (ef_construction = {})").format(
            products, _CONSTRUCTION
        )
    )


@contextlib.contextmanager
def searching_widely(connection: Connection[Any], count: int) -> Iterator[None]:
    """In a transaction, let an approximate search look at so many candidates, and at more where filters refuse some.

    The planner, who takes every filter for a narrow one, is told to use the approximate index all the same.
    """
    settings = {
        "hnsw.ef_search": str(min(max(count, _LEAST), _MOST)), "hnsw.iterative_scan": "relaxed_order",
        **dict.fromkeys(_OTHER_PLANS, "off"),
    }  # fmt: skip
    _set(connection, settings)
    yield
    _set(connection, dict.fromkeys(_OTHER_PLANS, "on"))


def _set(connection: Connection[Any], settings: dict[str, str]) -> None:
    """Until the transaction ends."""
    calls = SQL(", ").join(SQL("set_config({}, {}, true)").format(*pair) for pair in settings.items())
    connection.execute(SQL("SELECT {}").format(calls))


def nearest(products: Identifier, where: Composable, count: int) -> Composed:
    """SQL for the numbers and vectors of about the `count` nearest products to %(near)s, a HalfVector."""
    return SQL("SELECT number, embedding FROM {} WHERE {} ORDER BY embedding <#> %(near)s::halfvec LIMIT {}").format(
        products, where, count
    )


def measure_recall(connection: Connection[Any], products: Identifier, state: State) -> float:
    """Of the ten nearest products of some hundred products, the share that the approximate index finds.

    Another product that is as near counts, too.
    """
    sampled = np.random.default_rng(0).choice(state.count, min(_SAMPLE, state.count), replace=False)
    rows = _fetch(
        connection,
        SQL(
            "SELECT number, embedding FROM (SELECT number, embedding, row_number() OVER (ORDER BY number) - 1 AS row"
            " FROM {}) AS numbered WHERE row = ANY(%(rows)s)"
        ).format(products),
        {"rows": sampled.tolist()},
    )
    numbers, queries = np.array([number for number, _ in rows]), _matrix(rows)
    k = min(_HITS, state.count - 1)
    if not k:
        return 1.0
    limits = _exact(connection, products, numbers, queries, k)[:, 0]
    statement = SQL("SELECT number, -(embedding::vector <#> %(image)s) FROM ({}) AS near").format(
        nearest(products, SQL("true"), k + 1)
    )
    found = 0
    with searching_widely(connection, k):
        for own, query, limit in zip(numbers.tolist(), queries, limits.tolist(), strict=True):
            hits = _fetch(connection, statement, {"image": Vector(query), "near": HalfVector(query)})
            others = sorted((score for number, score in hits if number != own), reverse=True)[:k]
            found += sum(score >= limit - _ROUNDING for score in others)
    return found / (len(numbers) * k)


def _exact(
    connection: Connection[Any], products: Identifier, numbers: NDArray[np.int64], queries: NDArray[np.float32], k: int
) -> NDArray[np.float32]:
    """Scores of the k nearest others of each query, rising, float32 (Q, k)."""
    best = np.empty((len(queries), 0), dtype=np.float32)
    with connection.cursor("tagger_vectors", binary=True) as cursor:
        cursor.execute(SQL("SELECT number, embedding FROM {}").format(products))
        while rows := cursor.fetchmany(_BLOCK):
            scores = queries @ _matrix(rows).T  # (Q, N)
            scores[numbers[:, None] == np.array([number for number, _ in rows])] = -np.inf
            best = np.sort(np.hstack([best, scores]), axis=1)[:, -k:]
    return best


def _fetch(connection: Connection[Any], statement: Composed, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor(binary=True) as cursor:
        return cursor.execute(statement, values).fetchall()


def _matrix(rows: list[tuple[int, HalfVector]]) -> NDArray[np.float32]:
    """float32 (N, D)."""
    return widen(np.stack([embedding.to_numpy() for _, embedding in rows]))
