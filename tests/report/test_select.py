from pathlib import Path

import pandas as pd
import pytest

from tagger.catalog.table import Catalog, CleaningReport
from tagger.errors import CatalogError, SplitError
from tagger.report.select import select_products

RECORDED = {"1": "train", "2": "validation", "3": "test", "4": "test", "gone": "test"}


def catalog(ids: str = "1 2 3 4", split: str | None = None) -> Catalog:
    table = pd.DataFrame({"image": ""}, index=pd.Index(ids.split(), name="id"))
    if split is not None:
        table["split"] = split.split()
    return Catalog(Path("some/catalog"), table, (), (), CleaningReport())


def test_the_recorded_split_chooses():
    selection = select_products(catalog(), "test", RECORDED)
    assert selection.ids == ["3", "4"]
    assert selection.notes == ()


def test_products_outside_the_split_are_noted():
    selection = select_products(catalog("9 1 2 3 4"), "test", RECORDED)
    assert selection.ids == ["3", "4"]
    assert "1 of the 5 products" in selection.notes[0]


def test_a_split_file_comes_first(tmp_path):
    file = tmp_path / "split.csv"
    file.write_text("id,part\n1,test\n2,train\n3,train\n4,train\n")
    selection = select_products(catalog(), "test", RECORDED, file)
    assert selection.ids == ["1"]
    assert "TRAINED on 1 of these 1 products" in selection.notes[0]
    assert selection.notes[0].endswith("Use products that it has not seen for that.")


def test_a_bundle_that_knows_none_of_the_products_leaves_it_to_the_catalog():
    selection = select_products(catalog("a b", split="test train"), "test", RECORDED)
    assert selection.ids == ["a"]


def test_a_bundle_that_knows_the_products_overrules_the_catalog():
    selection = select_products(catalog(split="test test test test"), "train", RECORDED)
    assert selection.ids == ["1"]


@pytest.mark.parametrize(("recorded", "why"), [(RECORDED, "knows none of its products"), (None, "holds no split")])
def test_no_split_at_all_says_what_to_do(recorded, why):
    with pytest.raises(SplitError, match=rf"{why}.*--split all"):
        select_products(catalog("a b"), "test", recorded)


def test_all_products_with_a_warning_about_those_trained_on():
    selection = select_products(catalog(), "all", RECORDED)
    assert selection.ids == ["1", "2", "3", "4"]
    assert "TRAINED on 1 of these 4" in selection.notes[0]
    assert selection.notes[0].endswith("Use --split test for that.")
    assert "1 of these 4 products chose the best epoch" in selection.notes[1]


def test_all_products_of_an_unknown_catalog_need_no_split():
    selection = select_products(catalog("a b"), "all", None)
    assert selection.ids == ["a", "b"]
    assert selection.notes == ()


def test_an_empty_part_says_how_large_the_parts_are():
    with pytest.raises(SplitError, match=r"no product .* into validation \(train 1, validation 0, test 1\)"):
        select_products(catalog("1 3"), "validation", RECORDED)


def test_an_empty_catalog():
    with pytest.raises(CatalogError, match="Expected products"):
        select_products(catalog(""), "all", RECORDED)
