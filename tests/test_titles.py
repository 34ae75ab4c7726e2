from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.errors import BundleError
from tagger.titles import MAX_CHARACTERS, MAX_FEATURES, Vocabulary, title_features, title_words


def test_words_are_without_case_accents_and_marks() -> None:
    assert title_words("Nike Men's CAFÉ-au-lait 2.0 T_shirt ＡＢ straße") == [
        "nike", "men", "s", "cafe", "au", "lait", "2", "0", "t", "shirt", "ab", "strasse",
    ]  # fmt: skip


def test_a_title_is_not_read_to_its_end_where_it_is_endless() -> None:
    assert title_words("a" * 10**7) == ["a" * MAX_CHARACTERS]
    endless = " ".join(f"{number}{number}" for number in range(10**5))
    assert len(title_features(endless)) < 2 * MAX_CHARACTERS
    assert Vocabulary.learn([endless] * 2).rows([endless]).shape == (1, MAX_FEATURES)


def test_features_are_words_pairs_and_parts_of_words() -> None:
    assert len(title_features("red shirt")) == 2 + 1 + 2 + 4  # <red, red>; <shi, shir, hirt, irt>
    assert set(title_features("red")) < set(title_features("Red shirt"))
    assert title_features("red shirt") != title_features("shirt red")
    assert set(title_features("shirts")) & set(title_features("tshirt"))
    assert title_features("red red red") == title_features("red red")


@given(st.text())
def test_any_text_has_features(title: str) -> None:
    features = title_features(title)
    assert len(set(features)) == len(features)
    assert all(0 <= feature < 2**32 for feature in features)


def test_a_vocabulary_knows_what_two_products_have() -> None:
    known = Vocabulary.learn(["red shirt", "red shoes", "blue belt", ""])
    rows = known.rows(["red", "belt", "", "RED shirt"])
    assert rows.dtype == np.int32 and (rows[1:3] == 0).all()
    assert set(rows[0]) - {0} == set(range(1, len(known))) - set(known.rows(["shoes"])[0])
    assert known.rows([]).shape == (0, 1)
    assert Vocabulary.learn([]).rows(["anything"]).tolist() == [[0]]


def test_a_vocabulary_does_not_depend_on_the_order_of_the_products() -> None:
    titles = ["red shirt", "shirt red", "belt red", "blue belt"]
    np.testing.assert_array_equal(Vocabulary.learn(titles).hashes, Vocabulary.learn(titles[::-1]).hashes)


def test_it_is_read_back(tmp_path: Path) -> None:
    known = Vocabulary.learn(["red shirt"] * 2)
    known.write(tmp_path / "vocabulary.npy")
    np.testing.assert_array_equal(Vocabulary.read(tmp_path / "vocabulary.npy").hashes, known.hashes)


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, 1], dtype=np.uint32), np.array([1], dtype=np.int64), np.array([[1]], dtype=np.uint32),
        np.arange(20_000, dtype=np.uint32), np.array([{"a": 1}], dtype=object),
    ],
)  # fmt: skip
def test_something_else_is_refused(tmp_path: Path, values: np.ndarray) -> None:
    np.save(tmp_path / "vocabulary.npy", values, allow_pickle=True)
    with pytest.raises(BundleError, match=r"vocabulary\.npy (can't be read|holds no vocabulary)"):
        Vocabulary.read(tmp_path / "vocabulary.npy")


def test_more_features_than_the_file_has(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.npy"
    Vocabulary(np.arange(3, dtype=np.uint32)).write(path)
    path.write_bytes(path.read_bytes().replace(b"(3,), }" + b" " * 13, b"(30000000000000,), }"))
    with pytest.raises(BundleError, match=r"vocabulary\.npy can't be read"):
        Vocabulary.read(path)
    Vocabulary(np.zeros(0, dtype=np.uint32)).write(path)
    assert len(Vocabulary.read(path)) == 1
