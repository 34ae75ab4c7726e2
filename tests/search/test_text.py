"""TF-IDF: the weights of scikit-learn, and the cosines that follow from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tagger.search import Index, Item, Query, build_index
from tagger.search.text import NAME_COUNT, words

TEXTS = [
    ("Red Floral Dress", "A floral dress of linen, red and white"),
    ("Blue shirts", "Two shirts: wash the shirts"),
    ("Café racer jacket", ""),
    ("", "Only said at length: a dress"),
    ("", ""),
    ("Red shirt " * 300, "too long"),
]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    items = ((Item(str(number), title, description=said), [1.0, number]) for number, (title, said) in enumerate(TEXTS))
    return build_index(items, tmp_path / "index", bundle_id="b")


@pytest.mark.parametrize("query", ["red floral dresses", "SHIRT", "cafe", "wash the shirt shirt"])
def test_scores_are_those_of_scikit_learn(index: Index, query: str) -> None:
    feature_extraction = pytest.importorskip("sklearn.feature_extraction.text")
    texts = [" ".join([title] * NAME_COUNT + [said]) for title, said in TEXTS[:5]]
    vectorizer = feature_extraction.TfidfVectorizer(analyzer=lambda text: list(words(text)), sublinear_tf=True)
    vectorizer.fit([*texts, "red shirt too long"])
    expected = (vectorizer.transform(texts) @ vectorizer.transform([query]).T).toarray()[:, 0]
    vector = index.encode(query)
    assert vector is not None
    (hits,) = index.search([Query(None, vector, 0.0, 1.0)], 10)
    scores = {hit.id: hit.score for hit in hits}
    np.testing.assert_allclose([scores.get(str(number), 0) for number in range(5)], expected, atol=2e-6)


def test_a_word_that_nobody_has_counts_as_the_rarest(index: Index) -> None:
    known, unheard = index.encode("linen dress"), index.encode("linen dress unheard")
    assert known is not None and unheard is not None
    less, more = (index.search([Query(None, each, 0.0, 1.0)], 10)[0] for each in (unheard, known))
    assert [hit.id for hit in less] == [hit.id for hit in more]
    assert all(one.score < two.score for one, two in zip(less, more, strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Men's T-Shirts, 2 pack", "men s t shirt 2 pack"),
        ("dresses watches boxes brushes shoes", "dress watch box brush shoe"),
        ("glass lotus basis bus", "glass lotus basis bus"),
        ("CAFÉ crème", "cafe creme"),
        ("!!! — ", ""),
    ],
)  # fmt: skip
def test_words(text: str, expected: str) -> None:
    assert " ".join(words(text)) == expected


def test_a_product_is_asked_for_by_its_name_or_else_its_description(index: Index) -> None:
    for id_, text in {"0": "red floral dress", "3": TEXTS[3][1]}.items():
        one, two = index.encode_item(index.item(id_)), index.encode(text)
        assert one is not None and two is not None and one.terms.tolist() == two.terms.tolist()
    assert index.encode_item(index.item("4")) is None


def test_texts_without_end_are_cut(index: Index) -> None:
    assert len(list(words("word " * 100_000))) == 800
