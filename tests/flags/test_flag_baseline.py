from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tagger.flags.baseline import LAST_WORD, LookUp, best_key, keys_of

TABLE = pd.DataFrame(
    {
        "articleType": ["Vases", "Vases", "Shirts", "Shirts", ""],
        "title": ["Blue Vase", "Vase", "Red Shirt 42", "", "Lamp"],
    },
    index=list("abcde"),
)


def test_it_gives_the_share_of_positives_in_train() -> None:
    look_up = LookUp.fit("articleType", TABLE, np.array([1, 0, 0, np.nan, 1], np.float32))
    assert look_up.overall == 0.5
    assert look_up.score(TABLE).tolist() == [0.5, 0.5, 0, 0, 0.5]


def test_unknown_and_missing_keys_get_the_overall_share() -> None:
    look_up = LookUp.fit("articleType", TABLE, np.array([1, 1, 0, 0, 0], np.float32))
    assert look_up.score(pd.DataFrame({"articleType": ["Cars", "", "Vases"]})).tolist() == pytest.approx([0.4, 0.4, 1])
    assert look_up.score(pd.DataFrame({"title": ["Vase"]})).tolist() == pytest.approx([0.4])


def test_the_narrowest_category_is_the_key_and_without_one_the_last_title_word() -> None:
    assert best_key(TABLE.assign(masterCategory="Home")) == "articleType"
    assert best_key(TABLE.assign(masterCategory="Home", articleType="")) == "masterCategory"
    assert best_key(TABLE[["title"]]) == LAST_WORD


def test_the_last_title_word_leaves_out_numbers() -> None:
    assert keys_of(TABLE, LAST_WORD).tolist() == ["vase", "vase", "shirt", "", "lamp"]
    assert keys_of(TABLE[["articleType"]], LAST_WORD).tolist() == [""] * 5
