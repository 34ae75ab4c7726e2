from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tagger.catalog.table import Catalog, CleaningReport
from tagger.catalog.words import add_word_columns
from tagger.config import AttributeConfig

SETTINGS = {"titleWords": AttributeConfig(words_of="title", heads="sigmoid", auxiliary=True)}


def _catalog(**columns: list[str]) -> Catalog:
    return Catalog(Path("shop"), pd.DataFrame(columns, dtype=str), (), (), CleaningReport())


def test_the_labels_are_the_different_words_in_lower_case() -> None:
    catalog = _catalog(title=["Nike Men's Blue T-shirt, blue 2XL", "Écharpe_noire", "", "007 | A"])
    words = add_word_columns(catalog, SETTINGS).table["titleWords"].tolist()
    assert words == ["nike|men|blue|shirt|xl", "écharpe|noire", "", ""]


def test_a_catalog_without_the_text_stays_as_it_is() -> None:
    catalog = _catalog(name=["Shirt"])
    assert add_word_columns(catalog, SETTINGS) is catalog


def test_attributes_of_their_own_columns_are_left_alone() -> None:
    catalog = _catalog(title=["Blue shirt"], colour=["Blue"])
    added = add_word_columns(catalog, {"colour": AttributeConfig(), **SETTINGS})
    assert added.table["colour"].tolist() == ["Blue"]
    assert catalog.table.columns.tolist() == ["title", "colour"]


@pytest.mark.parametrize("heads", ["softmax", "both"])
def test_words_need_a_head_that_says_several_at_once(heads: str) -> None:
    with pytest.raises(ValueError, match="words_of: title gives several labels at once"):
        AttributeConfig(words_of="title", heads=heads)
