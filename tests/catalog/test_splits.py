from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.catalog.splits import check_split, make_split, read_split, write_split
from tagger.catalog.table import Catalog, CleaningReport
from tagger.config import SplitConfig
from tagger.errors import OutputError, SplitError

NO_GROUPS = pd.Series(dtype="int64")


def catalog_of(types: list[str], split: list[str] | None = None, ids: list[str] | None = None) -> Catalog:
    index = pd.Index(ids or [f"p{row}" for row in range(len(types))], name="id")
    table = pd.DataFrame({"image": "", "articleType": types}, index=index, dtype="str")
    if split is not None:
        table["split"] = split
    return Catalog(Path(), table, ("articleType",), (), CleaningReport())


def shuffled(catalog: Catalog, seed: int) -> Catalog:
    return Catalog(
        catalog.root, catalog.table.sample(frac=1, random_state=seed), catalog.attributes, (), catalog.report
    )


def parts_of(split: pd.Series, catalog: Catalog, label: str) -> list[str]:
    return sorted(split[catalog.table["articleType"] == label])


@st.composite
def grouped_catalogs(draw):
    types = draw(st.lists(st.sampled_from("abcdefg"), min_size=30, max_size=150))
    groups = draw(st.lists(st.integers(0, len(types)), min_size=len(types), max_size=len(types)))
    catalog = catalog_of(types)
    with_photo = catalog.table.index[: draw(st.integers(0, len(types)))]
    return catalog, pd.Series(groups[: len(with_photo)], index=with_photo)


@settings(max_examples=50, deadline=None)
@given(grouped_catalogs(), st.integers(0, 3))
def test_groups_stay_whole_and_train_has_every_class_in_any_row_order(given_catalog, seed):
    catalog, groups = given_catalog
    config = SplitConfig(seed=seed)
    try:
        split = make_split(catalog, groups, config)
    except SplitError:
        assert groups.value_counts().max() > 2  # a few large groups can leave nothing for the other parts
        return
    check_split(split, groups)
    assert list(split.index) == list(catalog.table.index)
    assert set(split) == {"train", "validation", "test"}
    train = catalog.table.loc[split[split == "train"].index, "articleType"]
    assert set(train) == set(catalog.table["articleType"])
    again = make_split(shuffled(catalog, seed), groups.sample(frac=1, random_state=seed), config)
    assert again.loc[split.index].tolist() == split.tolist()


def test_shares_hold_over_the_whole_and_in_each_class():
    rng = np.random.default_rng(0)
    types = [f"type {number}" for number in rng.zipf(1.5, 5000) if number < 200]
    catalog = catalog_of(types)
    groups = pd.Series(rng.integers(0, 3 * len(types), len(types)), index=catalog.table.index)
    split = make_split(catalog, groups, SplitConfig(train=0.7, validation=0.2, test=0.1))
    shares = split.value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.7, abs=0.005)
    assert shares["test"] == pytest.approx(0.1, abs=0.005)
    largest = catalog.table["articleType"].value_counts().index[:3]
    for label in largest:
        assert parts_of(split, catalog, label).count("validation") / len(
            parts_of(split, catalog, label)
        ) == pytest.approx(0.2, abs=0.02)


def test_classes_with_few_products():
    catalog = catalog_of(["one", *["two"] * 2, *["three"] * 3, *["many"] * 60])
    split = make_split(catalog, NO_GROUPS, SplitConfig())
    assert parts_of(split, catalog, "one") == ["train"]
    assert parts_of(split, catalog, "two") == ["test", "train"]
    assert parts_of(split, catalog, "three") == ["test", "train", "validation"]


def test_large_groups_are_shared_out_too():
    catalog = catalog_of(["a"] * 600)
    groups = pd.Series([row // 20 if row < 400 else row for row in range(600)], index=catalog.table.index)
    split = make_split(catalog, groups, SplitConfig())
    in_large = split[groups < 20]
    assert in_large.value_counts(normalize=True)["train"] == pytest.approx(0.8, abs=0.11)
    assert set(in_large) == {"train", "validation", "test"}


def test_a_class_found_only_in_mixed_groups_still_reaches_train():
    catalog = catalog_of(["rare", "common", "rare", "common", *["common"] * 30])
    groups = pd.Series([0, 0, 1, 1], index=["p0", "p1", "p2", "p3"])
    for seed in range(10):
        split = make_split(catalog, groups, SplitConfig(seed=seed))
        assert "train" in parts_of(split, catalog, "rare")


def test_another_seed_gives_another_split_and_the_same_seed_the_same():
    catalog = catalog_of(["a"] * 200)
    first, again, other = (make_split(catalog, NO_GROUPS, SplitConfig(seed=seed)) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_a_part_with_a_share_of_zero_stays_empty():
    split = make_split(catalog_of(["a"] * 20), NO_GROUPS, SplitConfig(train=0.75, validation=0, test=0.25))
    assert split.value_counts().to_dict() == {"train": 15, "test": 5}


def test_the_attribute_to_stratify_by_is_a_setting():
    catalog = catalog_of(["a"] * 40)
    catalog.table["season"] = ["Summer"] * 37 + ["Winter"] * 3
    split = make_split(catalog, NO_GROUPS, SplitConfig(stratify="season"))
    assert set(split[catalog.table["season"] == "Winter"]) == {"train", "validation", "test"}
    with pytest.raises(SplitError, match=r'no such column\. Did you mean "articleType"'):
        make_split(catalog, NO_GROUPS, SplitConfig(stratify="articleTypes"))


def test_a_catalog_without_attributes_is_split_at_random():
    catalog = Catalog(Path(), catalog_of(["a"] * 50).table[["image"]], (), (), CleaningReport())
    assert make_split(catalog, NO_GROUPS, SplitConfig()).value_counts().to_dict() == {
        "train": 40,
        "validation": 5,
        "test": 5,
    }


def test_a_catalog_too_small_for_the_parts_is_refused():
    with pytest.raises(
        SplitError, match="2 products in 1 near-duplicate groups and 1 classes can't fill validation and test"
    ):
        make_split(catalog_of(["a", "a"]), pd.Series([0, 0], index=["p0", "p1"]), SplitConfig())


def test_a_split_given_by_the_layout_is_taken():
    given_parts = ["test", "train", "validation", "train"]
    split = make_split(catalog_of(["a"] * 4, given_parts), NO_GROUPS, SplitConfig())
    assert split.tolist() == given_parts


def test_the_parts_that_a_given_split_lacks_come_out_of_its_train_part():
    split = make_split(catalog_of(["a"] * 100, ["train"] * 90 + ["test"] * 10), NO_GROUPS, SplitConfig())
    assert (split.iloc[90:] == "test").all()
    assert split.value_counts().to_dict() == {"train": 80, "validation": 10, "test": 10}


def test_a_given_split_that_leaks_is_kept_with_a_warning(caplog):
    catalog = catalog_of(["a"] * 4, ["test", "train", "validation", "train"])
    with caplog.at_level(logging.WARNING):
        split = make_split(catalog, pd.Series([7, 7], index=["p0", "p1"]), SplitConfig())
    assert split["p0"] == "test"
    assert "1 near-duplicate group(s)" in caplog.text
    assert "p0, p1" in caplog.text


def test_a_given_split_with_gaps_is_refused():
    with pytest.raises(SplitError, match="1 have none of train, validation, test, such as p1"):
        make_split(catalog_of(["a"] * 3, ["test", "", "train"]), NO_GROUPS, SplitConfig())


def test_check_split_names_the_group_and_its_ids():
    split = pd.Series({"1": "train", "2": "test", "3": "train"})
    check_split(split, pd.Series({"1": 0, "2": 1, "3": 0, "no part": 1}))
    with pytest.raises(SplitError, match=r"group 5: 1 \(train\), 2 \(test\)"):
        check_split(split, pd.Series({"1": 5, "2": 5, "3": 6}))


def test_a_written_split_can_be_read_again(tmp_path):
    ids = ["007", "NA", "größe", "a,b"]
    catalog = catalog_of(["a"] * 4, ids=ids)
    split = pd.Series(["train", "test", "validation", "train"], index=pd.Index(ids, name="id"), name="part")
    write_split(split, tmp_path / "split.csv")
    assert (tmp_path / "split.csv").read_text(encoding="utf-8").splitlines()[:2] == ["id,part", "007,train"]
    assert read_split(tmp_path / "split.csv").to_dict() == split.to_dict()
    assert read_split(tmp_path / "split.csv", shuffled(catalog, 0)).to_dict() == split.to_dict()


def test_a_split_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write_split(pd.Series({"1": "train"}), tmp_path / "file" / "split.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,part\n1,train\n1,test\n", "names 1 id.* more than once, such as 1"),
        ("id,part\n1,valid\n", 'expected the part train, validation or test, found "valid" for 1. Did you mean "valid'),
        ("id,part\n1,\n", 'found "" for 1'),
        ("product,part\n1,train\n", "Expected the columns id and part, found product, part"),
        ("", "Expected a CSV file"),
        ("id,part\n1,train,x\n1,train,x,y\n", "Expected a CSV file"),
        (b"\xff\xfe\x00\x81PNG", "Expected a CSV file"),
    ],
)
def test_a_bad_split_file_is_refused(tmp_path, content, message):
    path = tmp_path / "split.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SplitError, match=message):
        read_split(path)


def test_a_missing_split_file_is_told(tmp_path):
    with pytest.raises(SplitError, match="No such file"):
        read_split(tmp_path / "split.csv")


def test_a_split_must_fit_the_catalog(tmp_path):
    path = tmp_path / "split.csv"
    path.write_text("id,part\np0,train\np1,test\nother,test\n")
    with pytest.raises(SplitError, match=r"1 id.* that the catalog does not have, such as other"):
        read_split(path, catalog_of(["a"] * 2))
    path.write_text("id,part\r\np0,train\r\n", encoding="utf-8-sig")
    with pytest.raises(SplitError, match=r"no part to 1 product.*, such as p1"):
        read_split(path, catalog_of(["a"] * 2))


def test_what_a_network_has_learned_from_is_never_held_out():
    catalog = catalog_of(["a", "b"] * 50)
    groups = pd.Series(np.arange(100) // 2, index=catalog.table.index)
    before = make_split(catalog, groups, SplitConfig(seed=1))
    learned = list(before.index[before == "train"])
    split = make_split(catalog, groups, SplitConfig(train=0.9, validation=0.1, test=0, seed=2), learned)
    check_split(split, groups)
    assert set(split[learned]) == {"train"}
    assert (split == "validation").sum() == pytest.approx(10, abs=2)
    assert set(split) == {"train", "validation"}
    assert list(split.index) == list(catalog.table.index)


def test_near_duplicates_of_what_was_learned_from_are_in_train_too():
    catalog = catalog_of(["a"] * 40)
    groups = pd.Series(np.arange(40) // 2, index=catalog.table.index)
    learned = [f"p{row}" for row in range(0, 20, 2)]
    split = make_split(catalog, groups, SplitConfig(train=0.7, validation=0.3, test=0), learned)
    assert set(split[:20]) == {"train"}
    assert (split[20:] == "validation").sum() == 12


def test_too_little_that_is_new_to_hold_out():
    catalog = catalog_of(["a"] * 40)
    learned = [f"p{row}" for row in range(36)]
    with pytest.raises(
        SplitError, match=r"Only 4 of 40 products are new to the network .* split\.validation and split\.test"
    ):
        make_split(catalog, NO_GROUPS, SplitConfig(), learned)
