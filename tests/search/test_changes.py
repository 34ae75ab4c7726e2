"""Changes to an index: all or nothing, whoever else writes, reads, or is killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tagger.errors import IndexFolderError, SearchError
from tagger.search import Index, Item, Query, build_index
from tagger.search.filters import parse_filter
from tagger.search.look_up import Asked, look_up
from tagger.search.mix import Part
from tagger.search.product_index import Change

Pair = tuple[Item, NDArray[np.float32]]


def pairs(ids: Sequence[int], seed: int = 0) -> Iterator[Pair]:
    """Products with vectors and words of their own."""
    for number in ids:
        vector = np.random.default_rng([seed, number]).standard_normal(16, dtype=np.float32)
        yield Item(f"p{number}", f"Shirt n{number} v{seed}", {"parity": str(number % 2)}), vector


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build_index(pairs(range(40)), tmp_path / "index", bundle_id="b", bundle_name="mine")
    return tmp_path / "index"


def ids_of(index: Index) -> set[str]:
    return {item.id for items, _ in index.scan() for item in items}


def assert_same_answers(index: Index, other: Index, names: Sequence[str]) -> None:
    """Both find the same, whatever they are made of."""
    for name in names:
        for where in ((), (parse_filter("parity=1"),)):
            one, two = (
                [(hit.id, hit.title) for hit in look_up(each, [Part("id", name)], Asked(7, where), pytest.fail).hits]
                for each in (index, other)
            )
            assert one == two


def test_products_are_added_and_replaced(tmp_path: Path, folder: Path) -> None:
    index = Index.open(folder)
    assert index.add(pairs(range(38, 45), seed=1), bundle_id="b") == Change(5, 2)
    assert len(index) == len(Index.open(folder)) == 45 and len(index.segments) == 2
    assert index.item("p38").title == "Shirt n38 v1" and index.item("p37").title == "Shirt n37 v0"
    expected = [*pairs(range(38)), *pairs(range(38, 45), seed=1)]
    anew = build_index(expected, tmp_path / "anew", bundle_id="b")
    np.testing.assert_array_equal(index.vectors(["p5", "p38"]), anew.vectors(["p5", "p38"]))
    query = anew.vector("p39")
    assert index.similar(query, 45) == anew.similar(query, 45)
    (hit,) = look_up(index, [Part("text", "n44")], Asked(), pytest.fail).hits  # a word that nobody had before
    assert hit.id == "p44"


def test_products_are_removed(folder: Path) -> None:
    index = Index.open(folder)
    assert index.remove(["p3", "p7", "nobody", "p3"]) == ["p3", "p7"]
    assert len(index) == 38 and "p3" not in index and "p4" in index
    assert not {"p3", "p7"} & {hit.id for hit in index.similar_to("p4", 100)}
    assert len(index.similar_to("p4", 100)) == 37
    assert "p3" not in ids_of(index)
    with pytest.raises(SearchError, match=r'no product "p3" among the 38 .* Did you mean "p'):
        index.item("p3")
    index.add(pairs([3], seed=5), bundle_id="b")
    assert index.item("p3").title == "Shirt n3 v5"
    opened = Index.open(folder)
    assert opened.count([]) == len(opened) == sum(opened.count([parse_filter(f"parity={each}")]) for each in (0, 1))


def test_many_changes_make_few_segments_and_the_same_answers(tmp_path: Path, folder: Path) -> None:
    index, expected, rng = Index.open(folder), dict.fromkeys(range(40), 0), random.Random(0)
    for step in range(1, 40):
        if step % 5 == 0:
            gone = rng.sample(sorted(expected), 9)
            assert index.remove([f"p{number}" for number in gone]) == [f"p{number}" for number in gone]
            expected = {number: seed for number, seed in expected.items() if number not in gone}
        else:
            new = rng.sample(range(200), rng.randint(1, 12))
            index.add(pairs(new, seed=step), bundle_id="b")
            expected |= dict.fromkeys(new, step)
    assert len(index.segments) < 8
    assert ids_of(index) == {f"p{number}" for number in expected}
    named = {entry.name for entry in index.manifest.segments} | {entry.deleted for entry in index.manifest.segments}
    assert {path.name for path in folder.iterdir()} - {"lock", "index.json"} == named - {""}
    anew = build_index(
        (pair for number, seed in expected.items() for pair in pairs([number], seed)), tmp_path / "anew", bundle_id="b"
    )
    query = anew.vector(f"p{min(expected)}")
    assert [(h.id, h.score) for h in index.similar(query, 20)] == [(h.id, h.score) for h in anew.similar(query, 20)]


def test_weights_of_words_are_learnt_anew_once_most_is_new(tmp_path: Path, folder: Path) -> None:
    index = Index.open(folder)
    index.add(pairs(range(40, 140)), bundle_id="b")
    assert len(index.segments) == 1
    anew = build_index(pairs(range(140)), tmp_path / "anew", bundle_id="b")
    one, two = index.encode("shirt n44"), anew.encode("shirt n44")
    assert one is not None and two is not None
    np.testing.assert_array_equal(one.weights, two.weights)
    assert_same_answers(index, anew, ["p3", "p120"])


def test_an_index_that_is_emptied_says_so_and_is_filled_again(folder: Path) -> None:
    index = Index.open(folder)
    index.remove([f"p{number}" for number in range(40)])
    assert len(index) == 0 and list(index.scan()) == []
    with pytest.raises(SearchError, match=r"is empty\. Add products with `tagger index"):
        index.similar(np.ones(16))
    assert index.add(pairs(range(3)), bundle_id="b") == Change(3, 0)
    assert len(index.similar(np.ones(16))) == 3


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([(Item("a"), np.full(16, np.nan))], "finite numbers as the embedding of product a"),
        ([(Item("a"), np.ones(17))], "embeddings of 16 numbers, product a has 17"),
        ([(Item("a"), np.ones(16)), (Item("a"), np.ones(16))], 'every id once, found "a"'),
    ],
)
def test_bad_products_change_nothing(folder: Path, bad: list[Pair], message: str) -> None:
    before = (folder / "index.json").read_bytes()
    with pytest.raises(IndexFolderError, match=message):
        Index.open(folder).add([*pairs([99]), *bad], bundle_id="b")
    assert (folder / "index.json").read_bytes() == before
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1


def test_vectors_of_another_bundle_are_refused_by_name(folder: Path) -> None:
    with pytest.raises(IndexFolderError, match="made with the bundle mine, these embeddings are those of theirs"):
        Index.open(folder).add(pairs([99]), bundle_id="other", bundle_name="theirs")


def test_who_has_it_open_goes_on_with_what_it_saw(folder: Path) -> None:
    where = [parse_filter("parity=1")]
    index, other, unasked = (Index.open(folder) for _ in range(3))
    before = index.similar_to("p4", 50)
    other.remove([f"p{number}" for number in range(5, 40)])
    other.add(pairs(range(50, 150)), bundle_id="b")
    assert index.similar_to("p4", 50) == unasked.similar_to("p4", 50) == before and len(index) == 40
    assert len(unasked.search([Query(unasked.vector("p4"))], 50, where=where)[0]) == 20
    assert len(Index.open(folder)) == 105


def test_files_of_others_stay(folder: Path) -> None:
    (folder / "notes.txt").write_text("dear")
    Index.open(folder).add(pairs([99]), bundle_id="b")
    build_index(pairs(range(3)), folder, bundle_id="b")
    assert (folder / "notes.txt").read_text() == "dear"


def _add_slowly(folder: Path, first: int, count: int) -> None:
    """Add products one by one."""
    for number in range(first, first + count):
        Index.open(folder).add(pairs([number]), bundle_id="b")


def test_processes_that_write_at_once_all_succeed(folder: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_add_slowly, args=(folder, 100 * (1 + number), 5)) for number in range(3)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert 40 <= len(Index.open(folder)) <= 55  # never half of a change
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    index = Index.open(folder)
    index.verify()
    assert ids_of(index) == {f"p{n}" for n in [*range(40), *range(100, 105), *range(200, 205), *range(300, 305)]}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_kill_at_any_moment_leaves_a_whole_index(folder: Path) -> None:
    rng, attempt, longest = random.Random(1), 0, 0.1
    # A busy machine may not get to any change at first.
    while attempt < 12 or len(Index.open(folder)) == 40:
        attempt, longest = attempt + 1, longest * 1.2
        pid = os.fork()
        if pid == 0:
            _add_slowly(folder, 1000 * attempt, 1000)
            os._exit(0)
        time.sleep(rng.uniform(0.005, longest))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        index = Index.open(folder)
        index.verify()
        assert {f"p{number}" for number in range(40)} <= ids_of(index) and len(ids_of(index)) == len(index)
    index = Index.open(folder)
    index.add(pairs([99]), bundle_id="b")
    named = {entry.name for entry in index.manifest.segments}
    assert {path.name for path in folder.iterdir() if path.is_dir()} == named  # what a kill left is gone
