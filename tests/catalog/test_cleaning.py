from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.catalog.cleaning import clean_labels, count_labels
from tagger.catalog.table import Catalog, CleaningReport, Finding
from tagger.config import AttributeConfig
from tagger.errors import CatalogError


def make(**columns):
    size = len(next(iter(columns.values())))
    index = pd.Index([f"p{row}" for row in range(size)], name="id", dtype=str)
    table = pd.DataFrame({"image": [""] * size, **columns}, index=index, dtype=str)
    return Catalog(Path("shop"), table, tuple(columns), (), CleaningReport(size, [Finding("earlier", "kept", 1, "x")]))


def told(catalog):
    return [(f.action, f.count, f.examples) for f in catalog.report.findings if f.kind == "rare-label"]


def test_by_default_classes_of_one_product_are_dropped():
    catalog = make(kind=["cup", "cup", "mug", ""], colour=["red", "red", "red", "red"])
    cleaned = clean_labels(catalog, {})
    assert list(cleaned.table.index) == ["p0", "p1", "p3"]
    assert cleaned.attributes == ("kind", "colour")
    assert told(cleaned) == [("dropped", 1, ("mug (1)",))]
    assert cleaned.report.findings[0].kind == "earlier"
    assert cleaned.report.rows_read == 4


def test_the_catalog_given_stays_as_it_was():
    catalog = make(kind=["cup", "cup", "mug"])
    clean_labels(catalog, {"kind": AttributeConfig(rare="merge")})
    assert list(catalog.table["kind"]) == ["cup", "cup", "mug"]
    assert len(catalog.report.findings) == 1


def test_missing_labels_are_no_class():
    cleaned = clean_labels(make(kind=["", "cup", "cup"]), {"kind": AttributeConfig(top=1)})
    assert list(cleaned.table["kind"]) == ["", "cup", "cup"]


def test_merge():
    catalog = make(kind=["cup", "cup", "mug", "jar", "Other"])
    cleaned = clean_labels(catalog, {"kind": AttributeConfig(rare="merge")})
    assert list(cleaned.table["kind"]) == ["cup", "cup", "Other", "Other", "Other"]
    assert told(cleaned) == [("merged", 2, ("jar (1)", "mug (1)"))]


def test_keep_only_reports():
    cleaned = clean_labels(make(kind=["cup", "cup", "mug"]), {"kind": AttributeConfig(rare="keep")})
    assert len(cleaned) == 3
    assert told(cleaned) == [("kept", 1, ("mug (1)",))]


@pytest.mark.parametrize("rare", ["drop", "merge"])
def test_top(rare):
    catalog = make(kind=["a"] * 4 + ["b"] * 3 + ["c"] * 3 + ["d"] * 2)
    cleaned = clean_labels(catalog, {"kind": AttributeConfig(top=2, rare=rare)})
    assert set(cleaned.table["kind"]) == ({"a", "b"} if rare == "drop" else {"a", "b", "Other"})


def test_a_rare_value_leaves_a_cell_with_several():
    catalog = make(tags=["x|y", "x", "y|z", "z2|z3"])
    cleaned = clean_labels(catalog, {"tags": AttributeConfig()})
    assert list(cleaned.table["tags"]) == ["x|y", "x", "y"]
    assert told(cleaned) == [
        ("dropped", 1, ("z (1)", "z2 (1)", "z3 (1)")),
        ("masked", 1, ("z (1)", "z2 (1)", "z3 (1)")),
    ]


def test_merging_in_a_cell_with_several_gives_other_once():
    cleaned = clean_labels(make(tags=["x|y|z", "x"]), {"tags": AttributeConfig(rare="merge")})
    assert list(cleaned.table["tags"]) == ["x|Other", "x"]


def test_dropping_for_one_attribute_may_make_a_label_of_another_rare():
    catalog = make(kind=["cup", "cup", "mug", "mug"], colour=["red", "red", "red", "blue"])
    cleaned = clean_labels(catalog, {"kind": AttributeConfig(), "colour": AttributeConfig()})
    assert list(cleaned.table["kind"]) == ["cup", "cup"]


def test_an_unknown_attribute_is_named_with_the_nearest():
    with pytest.raises(CatalogError, match=r'asks for the attribute kinds, .* has: kind\. Did you mean "kind"\?'):
        clean_labels(make(kind=["cup", "cup"]), {"kinds": AttributeConfig()})


def test_an_optional_attribute_may_be_missing():
    settings = {"kind": AttributeConfig(), "tags": AttributeConfig(optional=True)}
    assert clean_labels(make(kind=["cup", "cup"]), settings).attributes == ("kind",)


def test_any_text_column_can_be_made_an_attribute():
    catalog = make(kind=["cup", "cup"], year=["2011", "2011"])
    assert clean_labels(catalog, {"year": AttributeConfig()}).attributes == ("year",)


def test_nothing_left():
    with pytest.raises(CatalogError, match=r"None of 2 products .*kind: 2 label\(s\) with fewer than 2 products"):
        clean_labels(make(kind=["cup", "mug"]), {})


def test_a_catalog_without_attributes_stays_whole():
    index = pd.Index(["a", "b"], name="id")
    catalog = Catalog(Path("x"), pd.DataFrame({"image": ["", ""]}, index=index), (), (), CleaningReport(2))
    assert len(clean_labels(catalog, {})) == 2


def test_count_labels_sorts_by_count_and_name():
    assert list(count_labels(pd.Series(["b|a", "b", "", "c", "a"])).items()) == [("a", 2), ("b", 2), ("c", 1)]


ROWS = st.tuples(st.sampled_from(["", "a", "b", "c", "a|b", "b|c", "d"]), st.sampled_from("xyz"))


@given(st.lists(ROWS, min_size=1, max_size=25), st.integers(1, 4))
def test_every_label_that_stays_has_enough_products(rows, min_count):
    catalog = make(left=[left for left, _ in rows], right=[right for _, right in rows])
    settings = {"left": AttributeConfig(min_count=min_count), "right": AttributeConfig(min_count=min_count)}
    try:
        cleaned = clean_labels(catalog, settings)
    except CatalogError:
        return
    for name in settings:
        assert all(count >= min_count for count in count_labels(cleaned.table[name]).values())
    assert set(cleaned.table.index) <= set(catalog.table.index)
