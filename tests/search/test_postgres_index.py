"""The index in a database answers as the one in a folder does, through every change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tagger.errors import IndexFolderError, SearchError
from tagger.search import Hit, Index, Item, ProductIndex, Query, build_index
from tagger.search.distinct import leave_out_near_duplicates
from tagger.search.filters import parse_filter
from tagger.search.look_up import Asked, look_up
from tagger.search.mix import Part, mix
from tests.search.postgres_server import schema, server, url

__all__ = ["server", "url"]

DIMENSIONS = 12
ONES = np.full(DIMENSIONS, DIMENSIONS**-0.5, dtype=np.float32)
COLOURS = ("Red", "Navy Blue", 'O\'Neill "x"', "Weiß", "")
THINGS = ("shirt", "dresses", "shoes", "watch", "lipstick")


def products(count: int, seed: int = 0, prefix: str = "p") -> list[tuple[Item, NDArray[np.float32]]]:
    """Products of some kinds, with prices, several usages, and now and then neither name nor colour."""
    rng = np.random.default_rng(seed)
    kinds = np.random.default_rng(99).standard_normal((len(THINGS), DIMENSIONS))
    made = []
    for number in range(count):
        kind, colour = int(rng.integers(len(THINGS))), COLOURS[int(rng.integers(len(COLOURS)))]
        labels = {"articleType": THINGS[kind], "usage": "Casual|Sports" if number % 3 else "Formal"}
        labels |= {"baseColour": colour} if colour else {}
        facts = {"price": f"{int(rng.integers(100, 3000))}{'.0' * (number % 2)}", "size": "M" if number % 7 else "42"}
        facts = facts if number % 11 else {"price": "on request"}
        title = f"{colour} {THINGS[kind]} № {number % 17}" if number % 9 else ""
        about = "Wash cold, dry flat. A floral print." if number % 4 else ""
        item = Item(f"{prefix}{number}", title, labels, ("usage",), f"/photos/{number}.jpg", about, facts)
        made.append((item, (kinds[kind] + 0.4 * rng.standard_normal(DIMENSIONS)).astype(np.float32)))
    return made


def both(folder: Path, url: str, items: Sequence[tuple[Item, NDArray[np.float32]]]) -> tuple[Index, ProductIndex]:
    from tagger.search.postgres import build_postgres_index

    return build_index(items, folder, bundle_id="b", bundle_name="shop"), build_postgres_index(
        items, url, bundle_id="b", bundle_name="shop"
    )


def assert_same(ours: Iterable[Sequence[Hit]], theirs: Iterable[Sequence[Hit]]) -> None:
    """The same products in the same order, with all that is known of them, and the same three scores."""
    for one, other in zip(ours, theirs, strict=True):
        assert [hit.id for hit in one] == [hit.id for hit in other]
        for hit, same in zip(one, other, strict=True):
            left, right = vars(hit), vars(same)
            for name in ("score", "image_score", "text_score"):
                assert left[name] == (None if right[name] is None else pytest.approx(right[name], abs=2e-6))
            assert {name: left[name] for name in vars(Item(""))} == {name: right[name] for name in vars(Item(""))}


def queries_of(index: ProductIndex) -> list[Query]:
    """By looks, words, both, products with and without a name, and mixes with what is not wanted."""
    vector = np.random.default_rng(5).standard_normal(DIMENSIONS).astype(np.float32)
    photos = {"a": vector, "b": -vector + 0.1}
    asked = [
        [Part("image", "a")],
        [Part("text", "red floral dress")],
        [Part("text", "Weiss weiß WATCHES unheard-of")],
        [Part("image", "a", 0.7), Part("text", "navy blue shoe", 0.3), Part("image", "b", -0.2)],
        [Part("text", "dress", 1.0), Part("text", "floral", -0.4)],
        [Part("image", "a"), Part("text", "unheard-of")],
        [Part("id", "p7")],
        [Part("id", "p9")],
        [Part("id", "p8"), Part("id", "p10", 0.5)],
    ]
    return [mix(index, parts, photos) for parts in asked]


FILTERS = [
    [],
    ["articleType=shirt"],
    ["usage=Sports|Formal", "price<1500"],
    ["usage!=Sports", "price>=400"],
    ["baseColour="],
    ["baseColour!="],
    ["baseColour=|Red"],
    ["price=1500|700|2000", "size!=42.0"],
    ["size=42.0"],
    ["size>41"],
    ['baseColour=O\'Neill "x"'],
    ["baseColour='; DROP TABLE about; --"],
    ["baseColour!=%s{}$1"],
    ["price>1e9"],
]


@pytest.mark.parametrize("where", FILTERS, ids=lambda texts: " & ".join(texts) or "all")
def test_answers_are_those_of_the_folder(same: tuple[Index, ProductIndex], where: list[str]) -> None:
    folder, database = same
    filters = [parse_filter(text) for text in where]
    mixes = queries_of(folder)
    for k in (1, 10, 400):
        assert_same(database.search(queries_of(database), k, where=filters), folder.search(mixes, k, where=filters))
    assert_same(
        database.search(mixes, 20, where=filters, min_score=0.3), folder.search(mixes, 20, where=filters, min_score=0.3)
    )


@pytest.mark.parametrize("met", [-1, 1_000])
@pytest.mark.parametrize("where", FILTERS[:4], ids=lambda texts: " & ".join(texts) or "all")
def test_answers_are_the_same_where_little_is_looked_at_at_first(
    same: tuple[Index, ProductIndex], monkeypatch: pytest.MonkeyPatch, met: int, where: list[str]
) -> None:
    from tagger.search.postgres import queries

    folder, database = same
    for name, value in {"_LEAST": 1, "_EACH": 1, "_MORE": 2, "_SAMPLE": 100, "_MET": met}.items():
        monkeypatch.setattr(queries, name, value)
    filters = [parse_filter(text) for text in where]
    asked = queries_of(folder)
    asked.append(mix(folder, [Part("id", "p7"), Part("text", "wash floral", -0.9)], {}))
    for k in (1, 10):
        assert_same(database.search(asked, k, where=filters), folder.search(asked, k, where=filters))


@pytest.mark.parametrize("block", [1, 7])
def test_words_are_kept_in_blocks_of_any_size(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    from tagger.search.postgres import texts

    monkeypatch.setattr(texts, "_BLOCK", block)
    folder, database = both(tmp_path / "index", url, products(60))
    assert database.add(products(25, 1, "a"), bundle_id="b") == folder.add(products(25, 1, "a"), bundle_id="b")
    assert_same(database.search(queries_of(database), 30), folder.search(queries_of(folder), 30))


def test_products_need_no_words(tmp_path: Path, url: str) -> None:
    wordless = [(Item(f"p{row}"), vector) for row, vector in enumerate(np.eye(12, dtype=np.float32))]
    folder, database = both(tmp_path / "index", url, wordless)
    asked = [Query(ONES), mix(folder, [Part("text", "shirt")], {})]
    assert_same(database.search(asked, 5), folder.search(asked, 5))
    assert database.add(products(3), bundle_id="b") == folder.add(products(3), bundle_id="b")
    asked = queries_of(folder)[:4]
    assert_same(database.search(asked, 5), folder.search(asked, 5))


@pytest.fixture(scope="module")
def same(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Index, ProductIndex]]:
    """The same 300 products, some twice under another id, in a folder and in a database."""
    items = products(300)
    items += [(Item(**vars(item) | {"id": f"copy-{item.id}"}), vector) for item, vector in items[:40]]
    with schema(server) as own:
        yield both(tmp_path_factory.mktemp("index") / "index", own, items)


def test_it_knows_what_the_folder_knows(same: tuple[Index, ProductIndex]) -> None:
    folder, database = same
    assert (len(database), database.dimensions, database.bundle_id, database.bundle_name) == (340, 12, "b", "shop")
    assert (database.columns, database.labels) == (folder.columns, folder.labels)
    assert database.item("p9") == folder.item("p9") and "p9" in database and "q" not in database
    np.testing.assert_array_equal(database.vectors(["p3", "copy-p3"]), folder.vectors(["p3", "copy-p3"]))
    assert database.vectors([]).shape == (0, 12)
    assert database.encode("…") is None and database.encode_item(Item("x")) is None
    for text in ("Red dresses, red", "unheard-of"):
        for one, other in zip(database.encode(text) or (), folder.encode(text) or (), strict=True):
            np.testing.assert_array_equal(one, other)
    for (mine, own), (theirs, other) in zip(database.scan(), folder.scan(), strict=True):
        assert mine == theirs
        np.testing.assert_array_equal(own, other)
    assert_same([database.similar_to("p3", 7)], [folder.similar_to("p3", 7)])


@pytest.mark.parametrize("where", FILTERS, ids=lambda texts: " & ".join(texts) or "all")
def test_as_many_products_meet_filters(same: tuple[Index, ProductIndex], where: list[str]) -> None:
    ours, theirs = (index.count([parse_filter(text) for text in where]) for index in same)
    assert ours == theirs


def test_errors_are_those_of_the_folder(same: tuple[Index, ProductIndex]) -> None:
    _, database = same
    with pytest.raises(SearchError, match=r'"p1000" among the 340 of .* Did you mean "p100"'):
        database.item("p1000")
    with pytest.raises(SearchError, match=r'"P12".* Did you mean "p12"'):
        database.vectors(["p1", "P12"])
    with pytest.raises(
        SearchError,
        match=r'no column "colour" in .* Did you mean "baseColour"\? There are: articleType, usage, baseColour',
    ):
        database.search([Query(ONES)], where=[parse_filter("colour=Red")])
    with pytest.raises(SearchError, match="embeddings of 12 numbers"):
        database.search([Query(np.ones(7, dtype=np.float32))])
    with pytest.raises(SearchError, match="NaN"):
        database.search([Query(np.full(12, np.nan, dtype=np.float32))])
    with pytest.raises(ValueError, match="at least 1"):
        database.search([], 0)


def test_look_up_works_on_it(same: tuple[Index, ProductIndex]) -> None:
    folder, database = same

    def none() -> None:
        raise AssertionError

    plainly = Asked(5, (parse_filter("price<2500"),), 0.1, distinct=True)
    for asked in (plainly, replace(plainly, diversity=0.4)):
        for parts in ([Part("id", "p3")], [Part("text", "red shirt")]):
            found, expected = (look_up(index, parts, asked, none) for index in (database, folder))  # type: ignore[arg-type]
            assert found.query == expected.query
            assert_same([found.hits], [expected.hits])
    query = queries_of(folder)[0]
    hits = folder.search([query], 50)[0]
    kept = [leave_out_near_duplicates(index, query, hits, 20) for index in (database, folder)]
    assert kept[0] == kept[1] and len(kept[0]) == 20


def test_changes_leave_the_same_index(tmp_path: Path, url: str) -> None:
    folder, database = both(tmp_path / "index", url, products(60))
    batches = [products(20, 1, "a"), products(70, 2), products(5, 3, "ä\ud800\0�"), products(200, 4, "n")]
    removals = [["p3", "p3", "none", "p59"], [f"p{number}" for number in range(65)], [], ["ä\ud800\0�1"]]
    for batch, gone in zip(batches, removals, strict=True):
        assert database.add(batch, bundle_id="b") == folder.add(batch, bundle_id="b")
        assert database.remove(gone) == folder.remove(gone)
        assert len(database) == len(folder)
        assert [items for items, _ in database.scan()] == [items for items, _ in _joined(folder)]
        mixes = [Query(ONES), *(mix(folder, [Part("text", text)], {}) for text in THINGS)]
        assert_same(database.search(mixes, 50), folder.search(mixes, 50))
        for text in ("red shirt", "floral dresses, navy"):
            assert [*map(list, database.encode(text) or ())] == [*map(list, folder.encode(text) or ())]


def _joined(index: ProductIndex) -> Iterable[tuple[list[Item], None]]:
    return [([item for items, _ in index.scan() for item in items], None)]


def test_an_index_may_become_empty_and_full_again(tmp_path: Path, url: str) -> None:
    folder, database = both(tmp_path / "index", url, products(3))
    for index in (folder, database):
        assert index.remove(["p0", "p1", "p2"]) == ["p0", "p1", "p2"] and len(index) == 0
        with pytest.raises(SearchError, match="is empty"):
            index.search([Query(ONES)])
        assert index.add([], bundle_id="b") == (0, 0)
        index.add(products(30, 7), bundle_id="b")
    mixes = queries_of(folder)
    assert_same(database.search(queries_of(database), 30), folder.search(mixes, 30))


def test_to_index_again_changes_nothing(tmp_path: Path, url: str) -> None:
    _, database = both(tmp_path / "index", url, products(50))
    folder, again = both(tmp_path / "other", url, products(50))
    assert database.add(products(50), bundle_id="b") == (0, 50)
    for index in (again, database):
        assert len(index) == 50
        assert_same(index.search(queries_of(index), 50), folder.search(queries_of(folder), 50))
    assert both(tmp_path / "index", url, products(20, 1))[1].item("p5") == products(20, 1)[5][0]
    assert len(database) == 20  # an open one sees it, too


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "found none"),
        ([*products(3), products(1)[0]], 'found "p0" at least twice'),
        ([(Item("x"), [1.0, np.nan])], "finite numbers as the embedding of product x"),
        ([(Item("x"), [1.0, 2.0]), (Item("y"), [1.0])], "embeddings of 2 numbers, product y has 1"),
    ],
)
def test_products_that_cannot_be_indexed_leave_what_was_there(
    url: str, items: list[tuple[Item, NDArray[np.float32]]], message: str
) -> None:
    from tagger.search.places import open_index, write_index

    with pytest.raises(IndexFolderError, match=message):
        write_index(items, url, bundle_id="b")
    with pytest.raises(IndexFolderError, match="There is no index"):
        open_index(url)
    write_index(products(4), url, bundle_id="b")
    with pytest.raises(IndexFolderError, match=message):
        write_index(items, url, bundle_id="b")
    if items:
        with pytest.raises(IndexFolderError):
            open_index(url).add(items, bundle_id="b")
    assert [len(items) for items, _ in open_index(url).scan()] == [4]


def test_embeddings_of_another_bundle_are_refused_by_name(url: str) -> None:
    from tagger.search.places import open_index, write_index

    index = write_index(products(4), url, bundle_id="b", bundle_name="shop")
    with pytest.raises(IndexFolderError, match="with the bundle shop, these embeddings are those of other"):
        index.add(products(2), bundle_id="c", bundle_name="other")
    write_index(products(4), url, bundle_id="c", bundle_name="other")
    with pytest.raises(IndexFolderError, match="made anew with another bundle, other"):
        index.similar(np.ones(12))
    assert open_index(url).bundle_name == "other"
