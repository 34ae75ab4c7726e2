from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from drawn import write_catalog

from tagger.catalog.read import read_catalog
from tagger.config import AttributeConfig, Config, PhotoConfig
from tagger.errors import CatalogError, LabelError, SplitError
from tagger.training.prepare import choose_attributes, prepare

CONFIG = Config(photo=PhotoConfig(height=32, width=24))


@pytest.fixture
def catalog(tmp_path):
    return write_catalog(tmp_path / "catalog", 60)


def _rewrite(catalog, **columns):
    pd.read_csv(catalog, dtype=str, keep_default_na=False).assign(**columns).to_csv(catalog, index=False)


def test_parts_targets_and_photos_belong_together(catalog):
    prepared = prepare(catalog, CONFIG)
    ids = [id_ for part in ("train", "validation", "test") for id_ in prepared.ids(part)]
    assert sorted(ids) == sorted(prepared.catalog.table.index)
    for part in ("train", "validation"):
        learned = prepared.training_part(part)
        colour = prepared.space["colour"]
        for row, id_ in enumerate(prepared.ids(part)):
            label = prepared.catalog.table.loc[id_, "colour"]
            index = learned.targets.values["colour_softmax"][row]
            assert (colour.classes[index] if index >= 0 else "") == label
            channel = learned.pixels[learned.rows[row]].mean(axis=(0, 1)).argmax()
            assert not label or label == ("red", "green", "blue")[channel]


def test_without_attributes_in_the_config_each_column_gets_the_head_that_fits(catalog):
    prepared = prepare(catalog, CONFIG)
    heads = {name: attribute.heads for name, attribute in prepared.space.attributes.items()}
    assert heads == {"colour": ("softmax",), "use": ("sigmoid",)}


def test_an_attribute_without_any_label_is_passed_over(catalog):
    read = read_catalog(catalog)
    read = dataclasses.replace(read, table=read.table.assign(season=""), attributes=(*read.attributes, "season"))
    assert set(choose_attributes(read, {})) == {"colour", "use"}


def test_classes_are_learnt_from_the_train_part_alone(catalog, tmp_path):
    ids = pd.read_csv(catalog)["id"]
    split = pd.DataFrame({"id": ids, "part": ["test" if n % 5 == 0 else "train" for n in range(len(ids))]})
    split.to_csv(tmp_path / "split.csv", index=False)
    _rewrite(catalog, colour=np.where(split["part"] == "test", "purple", "red"))
    prepared = prepare(catalog, CONFIG, tmp_path / "split.csv")
    assert prepared.space["colour"].classes == ("red",)
    assert (prepared.training_part("test").targets.weights["colour_softmax"] == 0).all()


def test_rare_classes_merged_to_other_keep_each_of_their_parents(catalog):
    kinds = ["cup", "mug", "jug", "fork", "spoon", "knife"]
    parents = {"cup": "drink", "mug": "drink", "jug": "drink", "fork": "eat", "spoon": "eat", "knife": "eat"}
    counts = [24, 2, 2, 28, 2, 2]
    chosen = [kind for kind, count in zip(kinds, counts, strict=True) for _ in range(count)]
    _rewrite(catalog, kind=chosen, group=[parents[kind] for kind in chosen])
    attributes = {
        "group": AttributeConfig(heads="both"),
        "kind": AttributeConfig(parent="group", min_count=5, rare="merge"),
    }
    prepared = prepare(catalog, CONFIG.model_copy(update={"attributes": attributes}))
    group, kind = prepared.space["group"], prepared.space["kind"]
    assert set(kind.classes) == {"cup", "fork", "Other"}
    (family,) = prepared.space.families
    seen = {(group.classes[g], kind.classes[k]) for g, k in family.combinations}
    assert seen == {("drink", "cup"), ("eat", "fork"), ("drink", "Other"), ("eat", "Other")}


def test_an_attribute_with_one_class_is_mentioned(catalog, caplog):
    _rewrite(catalog, season="Summer")
    config = CONFIG.model_copy(update={"attributes": {"season": AttributeConfig()}})
    assert prepare(catalog, config).space["season"].classes == ("Summer",)
    assert 'All products have the same season, "Summer": nothing is learnt from it' in caplog.messages


def test_auxiliary_attributes_are_learnt_and_not_answered(catalog):
    attributes = {"colour": AttributeConfig(), "use": AttributeConfig(heads="sigmoid", auxiliary=True)}
    prepared = prepare(catalog, CONFIG.model_copy(update={"attributes": attributes}))
    assert set(prepared.training_part("train").targets.values) == {"colour_softmax", "use_sigmoid"}
    assert set(prepared.answers.attributes) == {"colour"}


def test_a_catalog_without_labels(catalog):
    _rewrite(catalog, colour="", use="")
    with pytest.raises(CatalogError, match=r"has no label to learn: expected a table with label columns"):
        prepare(catalog, CONFIG)


def test_an_attribute_of_the_config_without_a_label(catalog):
    _rewrite(catalog, season="")
    config = CONFIG.model_copy(update={"attributes": {"season": AttributeConfig()}})
    with pytest.raises((LabelError, CatalogError), match="season"):
        prepare(catalog, config)


def test_an_attribute_that_the_catalog_lacks(catalog):
    config = CONFIG.model_copy(update={"attributes": {"color": AttributeConfig()}})
    with pytest.raises(CatalogError, match=r'attribute color, .*Did you mean "colour"'):
        prepare(catalog, config)


def test_several_values_in_a_softmax_head(catalog):
    config = CONFIG.model_copy(update={"attributes": {"use": AttributeConfig()}})
    with pytest.raises(LabelError, match=r"attributes\.use\.heads: sigmoid"):
        prepare(catalog, config)


def test_all_photos_broken(catalog):
    for photo in (catalog.parent / "images").iterdir():
        photo.write_bytes(b"")
    with pytest.raises(CatalogError, match=r"No product of .*products\.csv has a readable photo. See: tagger check"):
        prepare(catalog, CONFIG)


def test_broken_photos_are_left_out_and_named(catalog, caplog):
    caplog.set_level("INFO", logger="tagger")
    broken = sorted((catalog.parent / "images").iterdir())[:7]
    for photo in broken:
        photo.write_bytes(b"no photo")
    prepared = prepare(catalog, CONFIG)
    assert not {photo.stem for photo in broken} & {id_ for part in ("train", "test") for id_ in prepared.ids(part)}
    named = [record.message for record in caplog.records if "left out: " in record.message]
    assert len(named) == 5 and all("p00" in message for message in named)


def test_no_readable_photo_in_the_train_part(catalog, tmp_path):
    ids = pd.read_csv(catalog)["id"]
    pd.DataFrame({"id": ids, "part": ["train"] * 3 + ["test"] * 57}).to_csv(tmp_path / "split.csv", index=False)
    for id_ in ids[:3]:
        (catalog.parent / "images" / f"{id_}.png").unlink()
    with pytest.raises(CatalogError, match=r"No product in the train part of .* has a readable photo"):
        prepare(catalog, CONFIG, tmp_path / "split.csv")


def test_a_split_that_leaks_is_refused(catalog, tmp_path):
    table = pd.read_csv(catalog, dtype=str, keep_default_na=False)
    table.loc[1, "image"] = table.loc[0, "image"]
    table.to_csv(catalog, index=False)
    pd.DataFrame({"id": table["id"], "part": ["train", "test"] * 30}).to_csv(tmp_path / "split.csv", index=False)
    with pytest.raises(SplitError, match="near-duplicate group"):
        prepare(catalog, CONFIG, tmp_path / "split.csv")


def test_words_of_a_title_are_an_auxiliary_attribute(catalog):
    titles = [f"{'Plain' if row % 2 else 'Striped'} shirt {row}" for row in range(60)]
    _rewrite(catalog, title=titles)
    words = AttributeConfig(words_of="title", heads="sigmoid", auxiliary=True)
    prepared = prepare(catalog, Config(photo=CONFIG.photo, attributes={"colour": AttributeConfig(), "words": words}))
    assert set(prepared.space["words"].labels) == {"plain", "striped", "shirt"}
    assert "words" not in prepared.answers.attributes
    targets = prepared.training_part("train").targets.values["words_sigmoid"]
    striped = prepared.space["words"].labels.index("striped")
    assert [bool(t) for t in targets[:, striped]] == [
        prepared.catalog.table.loc[id_, "title"].startswith("Striped") for id_ in prepared.ids("train")
    ]
