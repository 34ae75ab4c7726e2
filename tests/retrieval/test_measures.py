from __future__ import annotations

import numpy as np
import pytest

from tagger.retrieval.collection import Collection, Text
from tagger.retrieval.measures import Relevance
from tagger.retrieval.ranking import NOTHING, nearest, overlap, rank_by_cosine


def labelled(*rows: str) -> Collection:
    """Products by "type colour"; "-" is missing."""
    cells = [["" if cell == "-" else cell for cell in row.split()] for row in rows]
    labels = {
        name: np.array([row[at] for row in cells], dtype=object)
        for at, name in enumerate(("articleType", "baseColour"))
    }
    count = len(rows)
    return Collection(
        [str(i) for i in range(count)], labels, np.zeros((count, 2), dtype=np.float32), [Text("")] * count
    )


GALLERY = labelled("shirt red", "shirt blue", "belt red", "shirt red", "shirt -")


def test_measures_of_a_ranking_worked_out_by_hand():
    relevance = Relevance(["articleType", "baseColour"], labelled("shirt red", "belt red"), GALLERY)
    assert relevance.name == "articleType + baseColour"
    assert relevance.possible.tolist() == [2, 1]
    ranking = np.array([[1, 0, 3], [0, 1, 2]])
    found = relevance.measure(ranking)
    assert found.precision == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert found.recall == 1
    assert found.mean_average_precision == pytest.approx(((1 / 2 + 2 / 3) / 2 + (1 / 3) / 1) / 2)
    gains = 1 / np.log2([2, 3, 4])
    assert found.ndcg == pytest.approx(((gains[1] + gains[2]) / (gains[0] + gains[1]) + gains[2] / gains[0]) / 2)
    assert found.precision_error == pytest.approx(1 / 6 / np.sqrt(2))
    assert found.recall_error == 0


def test_a_perfect_ranking_is_worth_one_even_where_few_are_relevant():
    relevance = Relevance(["articleType", "baseColour"], labelled("belt red"), GALLERY)
    found = relevance.measure(np.array([[2, 0, 1]]))
    assert (found.mean_average_precision, found.ndcg) == (1, 1)
    assert found.precision == pytest.approx(1 / 3)


def test_what_has_no_label_is_neither_judged_nor_relevant():
    relevance = Relevance(["articleType", "baseColour"], labelled("shirt -", "shirt red"), GALLERY)
    assert relevance.judged.tolist() == [False, True]
    assert relevance.of(np.array([[0, 1], [4, 0]])).tolist() == [[False, True]]
    assert Relevance(["articleType"], labelled("shirt -"), GALLERY).possible.tolist() == [4]


def test_a_query_that_nobody_can_answer_counts_as_nothing():
    found = Relevance(["articleType"], labelled("cup red"), GALLERY).measure(np.array([[0, 1]]))
    assert (found.precision, found.recall, found.mean_average_precision, found.ndcg) == (0, 0, 0, 0)


def test_places_that_a_method_left_empty_are_not_relevant():
    relevance = Relevance(["articleType"], labelled("shirt red"), labelled("belt red", "shirt red"))
    assert relevance.of(np.array([[1, NOTHING]])).tolist() == [[True, False]]


def test_the_nearest_come_first_and_of_equal_ones_the_first():
    similarity = np.array([[0.1, 0.9, 0.5, 0.9, 0.2]], dtype=np.float32)
    assert nearest(similarity, 3).tolist() == [[1, 3, 2]]
    assert nearest(similarity, 9).shape == (1, 5)


def test_many_queries_are_ranked_like_one():
    vectors = np.random.default_rng(0).normal(size=(600, 5)).astype(np.float32)
    ranking = rank_by_cosine(vectors, vectors[:50], 4)
    assert ranking.shape == (600, 4)
    assert np.array_equal(ranking[555], np.argsort(-(vectors[:50] @ vectors[555]))[:4])


def test_overlap_counts_what_both_found_wherever_it_stands():
    assert overlap(np.array([[3, 1, NOTHING], [0, 1, 2]]), np.array([[1, 2, 3], [0, 1, 2]])) == pytest.approx(5 / 6)
