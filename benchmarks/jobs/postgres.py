"""Fill an index in a database from one in a folder, and look things up in it.

postgres FOLDER COUNT URL      COUNT 0: the products of the folder; more of them: others that look alike
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.jobs.lookalikes import Lookalikes
from tagger.search import Index, Item, Query
from tagger.search.filters import Filter
from tagger.search.mix import Part, mix
from tagger.search.postgres import PostgresIndex, build_postgres_index
from tagger.search.postgres.address import parse_address
from tagger.search.postgres.changes import Incoming
from tagger.search.postgres.connection import connect, make_extension
from tagger.search.postgres.hnsw import create_hnsw, measure_recall
from tagger.search.postgres.state import lock, write_state
from tagger.search.postgres.tables import products

_QUERIES, _HITS = 40, 10


def measure(folder: str, count: int, url: str) -> dict[str, Any]:
    """Seconds, bytes, milliseconds and shares."""
    source, address = Index.open(folder, exact=True), parse_address(url)
    count = count or len(source)
    make_extension(address)
    values: dict[str, Any] = {"count": count}
    with connect(address) as connection:
        values["copy"], _ = _timed(lambda: Incoming(connection, _items(source, count)))
    values["fill"], _ = _timed(
        lambda: build_postgres_index(_items(source, count), url, bundle_id=source.bundle_id, ann=False)
    )
    with connect(address) as connection:
        with connection.transaction():
            state = lock(connection, address)
            assert state is not None
            table = products(address, state)
            values["hnsw"], _ = _timed(lambda: create_hnsw(connection, table, state))
            values["measure"], values["recall"] = _timed(lambda: measure_recall(connection, table, state))
            write_state(connection, address, replace(state, ann=True, recall=values["recall"]))
        values |= _sizes(connection, address.schema)
    exact = PostgresIndex(url, exact=True)
    approximate = PostgresIndex(url)
    ids = [item.id for item, _ in _items(source, len(source))]
    chosen = [ids[row] for row in np.random.default_rng(0).choice(len(ids), min(_QUERIES, len(ids)), replace=False)]
    expected = _ask(exact, chosen)
    for way, index in {"exact": exact, "HNSW": approximate}.items():
        answers = expected if way == "exact" else _ask(index, chosen)
        values[way] = {name: statistics.median(each for each, _ in own) for name, own in answers.items()}
        pairs = [
            (mine, theirs)
            for name in answers
            for (_, mine), (_, theirs) in zip(answers[name], expected[name], strict=True)
        ]
        values[way]["same"] = sum(len(set(a) & set(b)) for a, b in pairs) / max(1, sum(len(b) for _, b in pairs))
    return values


def _items(source: Index, count: int) -> Iterator[tuple[Item, NDArray[np.float16]]]:
    """The products of the folder, then copies of them that look a little different."""
    rng, copy, left = np.random.default_rng(0), 0, count
    lookalikes = Lookalikes(np.vstack([vectors for _, vectors in source.scan()])) if count > len(source) else None
    while True:
        start = 0
        for items, vectors in source.scan():
            if copy and lookalikes:
                vectors = lookalikes.of(np.arange(start, start + len(items)), rng)
            for item, vector in zip(items[:left], vectors[:left], strict=True):
                yield replace(item, id=f"{item.id}-{copy}") if copy else item, vector
            start, left = start + len(items), max(0, left - len(items))
            if not left:
                return
        copy += 1


def _ask(index: PostgresIndex, ids: Sequence[str]) -> dict[str, list[tuple[float, list[str]]]]:
    """Milliseconds and hits of each query, by kind of query."""
    answers: dict[str, list[tuple[float, list[str]]]] = {}
    for id_ in ids:
        item = index.item(id_)
        label = next(iter(item.labels.items()), None)
        where = [Filter(label[0], "=", (label[1],))] if label else []
        asked: dict[str, tuple[Query, list[Filter]]] = {
            "photo": (Query(index.vector(id_), exclude=frozenset([id_])), []),
            "product": (mix(index, [Part("id", id_)], {}), []),
            "filtered": (mix(index, [Part("id", id_)], {}), where),
        }
        if index.encode(item.title) is not None:
            asked["words"] = (mix(index, [Part("text", item.title)], {}), [])
        for name, (query, filters) in asked.items():
            index.search([query], _HITS, where=filters)  # reads what it needs into memory
            seconds, hits = _timed(lambda q=query, f=filters: index.search([q], _HITS, where=f)[0])  # type: ignore[misc]
            answers.setdefault(name, []).append((1000 * seconds, [hit.id for hit in hits]))
    return answers


def _sizes(connection: Any, schema: str) -> dict[str, Any]:
    (total,) = connection.execute(
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
        " WHERE relnamespace = quote_ident(%s)::regnamespace AND relkind = 'r'",
        (schema,),
    ).fetchone()
    (hnsw,) = connection.execute(
        "SELECT sum(pg_relation_size(pg_class.oid)) FROM pg_class JOIN pg_am ON pg_am.oid = relam"
        " WHERE amname = 'hnsw' AND relnamespace = quote_ident(%s)::regnamespace",
        (schema,),
    ).fetchone()
    (server,) = connection.execute(
        "SELECT current_setting('server_version') || ', pgvector ' || extversion FROM pg_extension"
        " WHERE extname = 'vector'"
    ).fetchone()
    return {"bytes": int(total), "hnsw_bytes": int(hnsw), "server": server}


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    place, number, address_ = sys.argv[1:]
    print(json.dumps(measure(place, int(number), address_)))
