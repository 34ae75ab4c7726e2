"""Hits that are like the query and not all like each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tagger.search import Index, Item, build_index
from tagger.search.diversity import POOL, diversify, marginally_relevant
from tagger.search.filters import parse_filter
from tagger.search.look_up import Asked, Wanted, find, look_up
from tagger.search.mix import Part
from tagger.search.product_index import Query

#: Ten red ones nearest to the query, then ten of another kind, then ten of a third.
_KINDS = {"red": (1.0, 0.3, 0.0), "pink": (0.9, 0.0, 0.55), "blue": (0.6, -0.8, 0.0)}


@pytest.fixture
def index(tmp_path: Path) -> Index:
    rng = np.random.default_rng(0)
    items = [
        (Item(f"{kind}{number}", f"{kind} thing", {"kind": kind}), np.array(looks) + 0.01 * rng.normal(size=3))
        for kind, looks in _KINDS.items()
        for number in range(10)
    ]
    return build_index(items, tmp_path / "index", bundle_id="b")


def kinds(index: Index, diversity: float, **asked: object) -> list[str]:
    wanted = [Wanted(Query(np.float32([1, 0.1, 0.1])))]
    (hits,) = find(index, wanted, Asked(5, diversity=diversity, **asked))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    return [hit.id[:-1] for hit in hits]


def test_by_hand() -> None:
    # The second is all but the first again; the third is unlike both, and the fourth between.
    vectors = np.float32([[1, 0], [1, 0], [0, 1], [0.6, 0.8]])
    scores = np.float32([0.9, 0.89, 0.5, 0.7])
    # After the first: .5 * .89 - .5 * 1, .5 * .5 - 0, .5 * .7 - .5 * .6; the third; then .5 * .7 - .5 * .8 is the most.
    assert marginally_relevant(scores, vectors, 2, 0.5).tolist() == [0, 2]
    assert marginally_relevant(scores, vectors, 3, 0.5).tolist() == [0, 2, 3]
    assert marginally_relevant(scores, vectors, 2, 0.0).tolist() == [0, 1]
    assert marginally_relevant(scores, vectors, 9, 1.0).tolist() == [0, 1, 2, 3]
    assert marginally_relevant(scores[:0], vectors[:0], 3, 0.5).tolist() == []


def test_other_kinds_get_their_turn(index: Index) -> None:
    assert kinds(index, 0) == ["red"] * 5
    some = kinds(index, 0.4)
    assert some[0] == "red" and set(some) > {"red"}
    assert set(kinds(index, 0.8)) == set(_KINDS)


def test_together_with_filters_distinct_and_the_least_score(index: Index) -> None:
    red = parse_filter("kind=red|pink")
    assert set(kinds(index, 0.8, where=(red,))) == {"red", "pink"}
    assert set(kinds(index, 0.8, min_score=0.8)) == {"red", "pink"}
    wanted = [Wanted(Query(np.float32([1, 0.1, 0.1])))]
    (hits,) = find(index, wanted, Asked(5, diversity=0.5, distinct=True))
    vectors = index.vectors([hit.id for hit in hits])
    assert (vectors @ vectors.T - np.eye(len(hits))).max() < 0.996 and len(hits) == 3


def test_no_more_candidates_than_wanted_and_none(index: Index) -> None:
    (hits,) = index.search([Query(np.float32([1, 0.1, 0.1]))], 4)
    assert diversify(index, hits, 4, 0.9) == hits and diversify(index, hits, 2, 0) == hits[:2]
    assert diversify(index, [], 4, 0.9) == []


def test_words_alone_and_many_queries(index: Index) -> None:
    def never() -> None:
        raise AssertionError

    found = look_up(index, [Part("text", "thing")], Asked(5, diversity=0.5), never)  # type: ignore[arg-type]
    assert {hit.id[:-1] for hit in found.hits} == set(_KINDS)
    query = Wanted(Query(np.float32([1, 0.1, 0.1]), exclude=frozenset({"red0"})))
    together = find(index, [query] * 3, Asked(5, diversity=0.4))
    assert together[0] == together[1] == together[2] == find(index, [query], Asked(5, diversity=0.4))[0]
    assert all(hit.id != "red0" for hit in together[0])
    assert Asked(5, diversity=0.1).candidates == 5 * POOL and Asked(5).candidates == 5
