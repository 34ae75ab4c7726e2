from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.catalog.table import Catalog
from tagger.errors import BundleError
from tagger.flags.features import TEXT_LIMIT, FeatureSpace, value_columns, words_of


def _fit(catalog: Catalog, vocabulary: int = 50) -> FeatureSpace:
    return FeatureSpace.fit(catalog.table, value_columns(catalog), vocabulary)


def _row(space: FeatureSpace, product: dict[str, str]) -> dict[Any, float]:
    """Encode one product; return its features that are not 0."""
    encoded = space.encode(pd.DataFrame([product]))
    names = [*space.tokens, "price", "price known"]
    return {name: value for name, value in zip(names, encoded.dense(np.array([0]))[0].tolist(), strict=True) if value}


def test_categories_come_first_and_flags_are_no_features(catalog: Catalog) -> None:
    assert value_columns(catalog) == ("masterCategory", "articleType", "gender", "brand")
    space = _fit(catalog)
    assert [column for column, _ in space.tokens[: space.category_width]] == ["masterCategory"] * 2 + [
        "articleType"
    ] * 4
    assert "isFragile" not in space.values


def test_display_categories_are_not_used(catalog: Catalog) -> None:
    wider = dataclasses.replace(
        catalog,
        table=catalog.table.assign(displayCategories="Sale"),
        attributes=(*catalog.attributes, "displayCategories"),
    )
    assert "displayCategories" not in value_columns(wider)


def test_several_values_and_words_are_set(catalog: Catalog) -> None:
    row = _row(_fit(catalog), {"gender": "Men|Women", "title": "RED red shirt", "articleType": "Shirts"})
    assert row == {
        ("articleType", "Shirts"): 1,
        ("gender", "Men"): 1,
        ("gender", "Women"): 1,
        ("title", "red"): 1,
        ("title", "shirt"): 1,
    }


def test_unknown_values_missing_cells_and_missing_columns_give_zeros(catalog: Catalog) -> None:
    space = _fit(catalog)
    assert _row(space, {"articleType": "Cars", "title": "Zeppelin", "brand": "", "price": ""}) == {}
    assert _row(space, {}) == {}


@pytest.mark.parametrize("price", ["", "free", "-3", "0", "inf"])
def test_a_price_that_is_no_number_above_zero_is_missing(catalog: Catalog, price: str) -> None:
    assert _row(_fit(catalog), {"price": price}) == {}


def test_the_price_is_standardised(catalog: Catalog) -> None:
    space = _fit(catalog)
    table = catalog.table[catalog.table["price"] != ""]
    numbers = space.encode(table).numbers
    assert numbers[:, 0].mean() == pytest.approx(0, abs=1e-5)
    assert numbers[:, 0].std() == pytest.approx(1, abs=1e-5)
    assert (numbers[:, 1] == 1).all()


def test_one_price_or_none_does_not_divide_by_zero() -> None:
    for prices in (["5", "5"], ["", ""]):
        space = FeatureSpace.fit(pd.DataFrame({"price": prices}), (), 0)
        assert space.price_std == 1


def test_the_vocabulary_is_bounded_and_holds_the_most_frequent_words(catalog: Catalog) -> None:
    space = _fit(catalog, vocabulary=3)
    assert sum(map(len, space.words.values())) == 3
    assert _fit(catalog, vocabulary=0).words == {"title": (), "description": ()}


def test_what_only_one_product_has_is_no_feature() -> None:
    table = pd.DataFrame({"brand": ["Acme", "Acme", "Once"], "title": ["red one", "red two", "red three"]})
    space = FeatureSpace.fit(table, ("brand",), 10)
    assert space.values == {"brand": ("Acme",)}
    assert space.words == {"title": ("red",)}


def test_words_leave_out_markup_numbers_and_the_end_of_a_long_text() -> None:
    assert words_of("<b>Größe</b> 42 T-Shirt<br/>") == ["grösse", "shirt"]
    assert words_of("aa " * TEXT_LIMIT + "late") == ["aa"] * (TEXT_LIMIT // 3) + ["aa"]


def test_the_order_of_the_products_does_not_matter(catalog: Catalog) -> None:
    assert _fit(catalog) == _fit(dataclasses.replace(catalog, table=catalog.table.iloc[::-1]))


def test_json_gives_the_same_features(catalog: Catalog) -> None:
    space = _fit(catalog)
    assert FeatureSpace.from_json(json.loads(json.dumps(space.to_json()))) == space


@pytest.mark.parametrize("stored", [None, [], {}, {"values": 3}, {"values": {}, "words": {}, "price_mean": "x"}])
def test_other_json_is_refused(stored: object) -> None:
    with pytest.raises(BundleError, match="Expected the features"):
        FeatureSpace.from_json(stored)


@settings(deadline=None)  # the first call is slow on a busy machine
@given(st.lists(st.lists(st.sampled_from("abcd"), unique=True), min_size=1, max_size=8), st.data())
def test_dense_rows_are_the_products_in_any_order(products: list[list[str]], data: st.DataObject) -> None:
    space = FeatureSpace({"brand": tuple("abcd")}, {}, 0.0, 1.0)
    encoded = space.encode(pd.DataFrame({"brand": ["|".join(values) for values in products]}))
    rows = np.array(data.draw(st.lists(st.integers(0, len(products) - 1))), np.int64)
    dense = encoded.dense(rows)
    assert dense.shape == (len(rows), 6)
    for row, line in zip(rows, dense, strict=True):
        assert [value in products[row] for value in "abcd"] == line[:4].astype(bool).tolist()
