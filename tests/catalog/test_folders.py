from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tagger.catalog.folders import read_folder
from tagger.errors import CatalogError


def fill(folder, *places):
    for place in places:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"any")
    return folder


def read(folder, layout="auto"):
    return read_folder(folder, layout).to_catalog()


def test_a_folder_of_photos(tmp_path):
    catalog = read(fill(tmp_path, "b.PNG", "a.jpg", "notes.txt", ".hidden.jpg", "2024/a.jpg"))
    assert set(catalog.table.index) == {"a", "b", "2024/a"}
    assert catalog.attributes == ()
    assert "split" not in catalog.table
    assert catalog.table.loc["2024/a", "image"] == str(tmp_path / "2024" / "a.jpg")


def test_a_folder_per_class(tmp_path):
    catalog = read(fill(tmp_path, "cup/1.jpg", "mug/1.jpg", "mug/deeper/2.jpg"))
    assert dict(catalog.table["label"]) == {"cup/1": "cup", "mug/1": "mug", "mug/deeper/2": "mug"}
    assert catalog.attributes == ("label",)


@pytest.mark.parametrize("validation", ["validation", "val", "Valid"])
def test_folders_of_the_split(tmp_path, validation):
    catalog = read(fill(tmp_path, "train/cup/1.jpg", f"{validation}/cup/1.jpg", "test/mug/1.jpg"))
    assert sorted(zip(catalog.table["split"], catalog.table["label"], strict=True)) == [
        ("test", "mug"),
        ("train", "cup"),
        ("validation", "cup"),
    ]
    assert len(set(catalog.table.index)) == 3


def test_a_split_without_classes(tmp_path):
    catalog = read(fill(tmp_path, "train/1.jpg", "test/2.jpg"))
    assert dict(catalog.table["split"]) == {"train/1": "train", "test/2": "test"}
    assert catalog.attributes == ()


def test_a_class_called_test_is_no_split(tmp_path):
    catalog = read(fill(tmp_path, "test/1.jpg", "exam/2.jpg"))
    assert "split" not in catalog.table
    assert set(catalog.table["label"]) == {"test", "exam"}


def test_one_subfolder_alone_is_no_class(tmp_path):
    assert read(fill(tmp_path, "images/1.jpg", "images/2.jpg")).attributes == ()
    assert read(tmp_path, "classes").attributes == ("label",)


def test_photos_beside_the_classes(tmp_path):
    fill(tmp_path, "cup/1.jpg", "mug/1.jpg", "banner.jpg")
    assert read(tmp_path).attributes == ()
    catalog = read(tmp_path, "classes")
    assert set(catalog.table.index) == {"cup/1", "mug/1"}
    assert [(f.kind, f.action, f.examples) for f in catalog.report.findings] == [
        ("photo-outside", "dropped", ("banner.jpg",))
    ]
    assert catalog.report.rows_read == 3


def test_layout_photos_gives_no_labels(tmp_path):
    catalog = read(fill(tmp_path, "cup/1.jpg", "mug/1.jpg"), "photos")
    assert catalog.attributes == ()
    assert len(catalog) == 2


def test_photos_of_one_name_and_different_kinds_both_stay(tmp_path):
    catalog = read(fill(tmp_path, "1.jpg", "1.png"))
    assert set(catalog.table.index) == {"1", "1.png"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such name")
def test_a_name_that_is_not_utf8_is_reported(tmp_path):
    fill(tmp_path, "a.jpg")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg")).write_bytes(b"any")
    catalog = read(tmp_path)
    assert list(catalog.table.index) == ["a"]
    assert [(f.kind, f.count) for f in catalog.report.findings] == [("name-not-utf-8", 1)]


def test_nothing_to_read(tmp_path):
    with pytest.raises(CatalogError, match="Expected photos"):
        read(fill(tmp_path, "notes.txt"))
    with pytest.raises(CatalogError, match="folder per class"):
        read(fill(tmp_path, "1.jpg"), "classes")


def test_a_class_is_one_label_whatever_its_folder_is_called(tmp_path):
    fill(tmp_path, "Bags /1.jpg", "Shoes|Boots/2.jpg")
    assert list(read(tmp_path).table["label"]) == ["Bags", "Shoes/Boots"]
