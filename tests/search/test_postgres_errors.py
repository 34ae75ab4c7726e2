"""What goes wrong with a database is said in a sentence, without the password, and nothing is half-written."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tagger.errors import DatabaseError, IndexFolderError, MissingDependencyError, OutputError
from tagger.search import Item, ProductIndex
from tagger.search.places import is_database, open_index, write_index
from tests.search.postgres_server import server, url

__all__ = ["server", "url"]

Products = list[tuple[Item, NDArray[np.float32]]]


def products(count: int, prefix: str = "p", seed: int = 0) -> Products:
    vectors = np.random.default_rng(seed).standard_normal((count, 8)).astype(np.float32)
    return [(Item(f"{prefix}{row}", f"Shirt {row}"), vector) for row, vector in enumerate(vectors)]


def ids(index: ProductIndex) -> list[str]:
    return [item.id for items, _ in index.scan() for item in items]


@pytest.fixture
def psycopg() -> Iterator[object]:
    yield pytest.importorskip("psycopg")


@pytest.mark.parametrize("place", ["postgresql://h/d", "postgres://h/d", "postgresql:/h", "Postgres:x"])
def test_urls_are_told_from_folders(place: str) -> None:
    assert is_database(place) and not is_database(Path(place)) and not is_database(f"./{place}")


@pytest.mark.parametrize(
    "place",
    [
        "postgresql://me:se@cret@host/d", "postgresql://me:se/cret@host/d", "postgresql://me:cret#x@host/d",
        "postgresql://me:cret?x@host/d", "postgresql:/me:cret@host/d", "postgresql:me:cret", "postgresql://me:cret%@h/d",
        "postgresql://h:cret/d", "postgresql://[me:cret@h/d", "postgresql://h/d?password=cret&nonsense=1",
        "postgresql://h/d?cret", "postgresql://me:cret@h:99999999/d",
    ],
)  # fmt: skip
def test_an_unreadable_url_is_not_shown(psycopg: object, place: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        open_index(place)
    assert "cret" not in str(caught.value) and ("can't be read" in str(caught.value) or "reach" in str(caught.value))


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("postgresql://me:cret@shop.example:5433/d", "postgresql://me@shop.example:5433/d"),
        ("POSTGRES://h/d?password=cret&schema=autumn", "postgresql://h/d?schema=autumn"),
        ("postgresql://me:c%40ret@/d?host=/run/pg", "postgresql://me@/d?host=/run/pg"),
    ],
)
def test_an_address_is_shown_without_the_password(psycopg: object, place: str, shown: str) -> None:
    from tagger.search.postgres.address import parse_address

    address = parse_address(place)
    assert address.place == shown and "ret" not in repr(address)
    secret = str(address.parameters["password"])
    assert address.without_password(f"it was {secret}!") == "it was ***!"


def test_the_command_line_says_that_it_cannot_be_reached(psycopg: object) -> None:
    command = [sys.executable, "-m", "tagger", "similar", "p1", "--index", "postgresql://me:cret@127.0.0.1:1/d"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and not done.stdout and "cret" not in done.stderr
    assert done.stderr.startswith("Error: Can't reach the database postgresql://me@127.0.0.1:1/d: ")
    assert done.stderr.count("\n") == 1


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("tagger.search.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'catalog-tagger\[postgres\]'"):
        open_index("postgresql://h/d")


def test_there_may_be_no_index_or_another_version(url: str) -> None:
    import psycopg

    with pytest.raises(IndexFolderError, match=r"There is no index in postgresql://.*Make one with `tagger index"):
        open_index(url)
    index = write_index(products(3), url, bundle_id="b")
    own = url.rsplit("=", 1)[1]
    with psycopg.connect(url.rsplit("schema=", 1)[0].rstrip("&?"), autocommit=True) as connection:
        connection.execute(f"UPDATE {own}.about SET version = 3")
        for action in (lambda: open_index(url), lambda: len(index), lambda: index.remove(["p1"])):
            with pytest.raises(IndexFolderError, match=r"version 3, .* reads version 2\. Upgrade with: pip"):
                action()
        connection.execute(f"UPDATE {own}.about SET version = 0")
        with pytest.raises(IndexFolderError, match=r"version 0, .* Make it again"):
            open_index(url)
        connection.execute(f"""UPDATE {own}.about SET version = 2, state = '{{"count": 3}}'""")
        with pytest.raises(IndexFolderError, match="is damaged"):
            open_index(url)


def test_tables_of_others_are_left_alone(url: str) -> None:
    import psycopg

    base, own = url.rsplit("schema=", 1)
    with psycopg.connect(base.rstrip("&?"), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {own}")
        connection.execute(f"CREATE TABLE {own}.orders (x int)")
        with pytest.raises(OutputError, match="holds other tables than an index, such as orders"):
            write_index(products(3), url, bundle_id="b")
        connection.execute(f"DROP TABLE {own}.orders")
        connection.execute(f"CREATE TABLE {own}.about (x int)")
        for action in (lambda: write_index(products(3), url, bundle_id="b"), lambda: open_index(url)):
            with pytest.raises(IndexFolderError, match="is not an index of catalog-tagger"):
                action()


def test_rights_and_the_extension_may_be_missing(server: str, url: str) -> None:
    import psycopg

    write_index(products(3), url, bundle_id="b")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS tagger_bare")
        connection.execute("CREATE DATABASE tagger_bare")
        connection.execute("DROP ROLE IF EXISTS tagger_guest")
        connection.execute("CREATE ROLE tagger_guest LOGIN")
        try:
            with pytest.raises(DatabaseError, match=r"refuses: permission denied for schema .* Ask its administrator"):
                open_index(url.replace("://postgres:@", "://tagger_guest@"))
            bare = server.replace("/postgres?", "/tagger_bare?")
            with pytest.raises(DatabaseError, match=r"There is no index in .*/tagger_bare"):
                open_index(bare)
            with pytest.raises(DatabaseError, match="lacks pgvector, and this user may not create it"):
                write_index(products(3), bare.replace("://postgres:@", "://tagger_guest@"), bundle_id="b")
            assert ids(write_index(products(3), bare, bundle_id="b")) == ["p0", "p1", "p2"]
        finally:
            connection.execute("DROP DATABASE tagger_bare WITH (FORCE)")
            connection.execute("DROP ROLE tagger_guest")


def disconnect(server: str, name: str) -> None:
    """End the connections of that name, as a server does that is shut down."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", (name,)
        )


def test_a_server_that_goes_away_leaves_what_was_there(server: str, url: str) -> None:
    write_index(products(3), url, bundle_id="b")

    def half() -> Iterator[tuple[Item, NDArray[np.float32]]]:
        for number, each in enumerate(products(6_000, "n")):
            if number == 5_000:
                disconnect(server, "gone")
            yield each

    gone = open_index(f"{url}&application_name=gone")
    with pytest.raises(DatabaseError, match=r"went away: .*What was not finished is undone; run again"):
        gone.add(half(), bundle_id="b")
    with pytest.raises(DatabaseError, match="went away"):
        write_index(half(), f"{url}&application_name=gone", bundle_id="b")
    with pytest.raises(DatabaseError, match="went away"):
        gone.similar(np.ones(8))
    assert len(gone.similar(np.ones(8))) == 3  # connected again
    assert ids(gone) == ["p0", "p1", "p2"]


def test_several_write_and_read_at_once(url: str) -> None:
    write_index(products(40), url, bundle_id="b")
    failures: list[BaseException] = []
    sizes: list[int] = []
    done = threading.Event()

    def write(number: int) -> None:
        try:
            for round_ in range(3):
                open_index(url).add(products(30, f"w{number}-", round_) + products(5, "shared"), bundle_id="b")
        except BaseException as error:
            failures.append(error)

    def read() -> None:
        try:
            index = open_index(url)
            while not done.is_set():
                sizes.append(len(index.similar(np.ones(8), 500)))
        except BaseException as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert not failures
    index = open_index(url)
    assert len(index) == len(ids(index)) == len(set(ids(index))) == 40 + 3 * 30 + 5
    assert sizes == sorted(sizes) and {size % 5 for size in sizes} == {0}


def test_an_approximate_index_is_measured_and_finds_what_an_exact_search_finds(url: str) -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((20, 16))
    made = [
        (
            Item(f"p{n}", f"Thing {n % 20}", {"kind": str(n % 20), "rare": str(n % 500)}),
            centres[n % 20] + 0.5 * rng.standard_normal(16),
        )
        for n in range(3_000)
    ]
    from tagger.search.filters import parse_filter
    from tagger.search.mix import Part, mix

    index = write_index(made, url, bundle_id="b", ann=True)
    exact = open_index(url, exact=True)
    assert index.recall is not None and index.recall > 0.9
    found = expected = 0
    for number in range(0, 3_000, 200):
        query = mix(index, [Part("id", f"p{number}")], {})
        for filters in ([], ["kind=3|4|5|6|7|8|9"], ["rare=7"]):
            where = [parse_filter(text) for text in filters]
            mine, theirs = ({hit.id for hit in each.search([query], 10, where=where)[0]} for each in (index, exact))
            assert len(mine) == len(theirs)
            found, expected = found + len(mine & theirs), expected + len(theirs)
    assert found / expected > 0.95
    index.add([(Item("new"), np.ones(16))], bundle_id="b")
    assert index.similar(np.ones(16), 1)[0].id == "new"
