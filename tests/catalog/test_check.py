from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

from tagger.catalog.check import check_catalog
from tagger.catalog.check_text import render_check, write_check
from tagger.config import parse_config
from tagger.errors import CatalogError, SplitError

CONFIG = parse_config({"split": {"train": 0.6, "validation": 0.2, "test": 0.2}}, "the test")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """20 products: 17 photos of their own, 1 a copy of the first, 1 unreadable, 1 missing."""
    monkeypatch.setenv("TAGGER_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "shop"
    folder.mkdir()
    noise = np.random.default_rng(0)
    lines = ["id,image,kind,fragile"]
    for number in range(20):
        if number < 17:
            pixels = noise.integers(0, 256, (6, 4, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((60, 80), Image.Resampling.BILINEAR).save(folder / f"p{number}.png")
        lines.append(f"p{number},p{number}.png,{'cup' if number % 2 else 'mug'},{'yes' if number == 3 else 'no'}")
    (folder / "p17.png").write_bytes((folder / "p0.png").read_bytes())
    (folder / "p18.png").write_text("no photo")
    path = folder / "shop.csv"
    path.write_text("\n".join([*lines, "p0,p0.png,cup,no"]))
    return path


def test_counts_labels_flags_and_photos(shop):
    report = check_catalog(shop, CONFIG)
    assert (report.rows_read, report.products) == (21, 20)
    assert [finding.kind for finding in report.findings] == ["id-repeated", "photo-missing"]
    kind = report.labels["kind"]
    assert (kind.counts, kind.missing, kind.labelled, kind.majority) == ({"cup": 10, "mug": 10}, 0, 20, 0.5)
    flag = report.flags["fragile"]
    assert (flag.true, flag.false, flag.missing) == (1, 19, 0)
    photos = report.photos
    assert (photos.readable, photos.missing, list(photos.unreadable)) == (18, 1, ["p18"])
    assert (photos.sizes, photos.modes) == ({"60x80": 18, "unknown": 1}, {"RGB": 18})


def test_finds_near_duplicates_and_makes_the_split_that_train_would(shop):
    report = check_catalog(shop, CONFIG)
    assert report.duplicates is not None
    assert (report.duplicates.groups, report.duplicates.products, report.duplicates.largest) == (1, 2, 2)
    assert set(report.duplicates.examples[0]) == {"p0", "p17"}
    assert sum(report.split.sizes.values()) == 20
    assert sum(report.split.with_photo.values()) == 18
    assert report.split.problem == ""


def test_a_given_split_that_leaks_is_a_problem_in_the_report(shop, tmp_path):
    split = tmp_path / "split.csv"
    parts = {f"p{number}": "train" for number in range(20)} | {"p1": "validation", "p17": "test"}
    split.write_text("id,part\n" + "".join(f"{id_},{part}\n" for id_, part in parts.items()))
    report = check_catalog(shop, CONFIG, split_file=split)
    assert report.split.sizes == {"train": 18, "validation": 1, "test": 1}
    assert "span two parts" in report.split.problem
    assert "p17 (test)" in render_check(report)


def test_a_given_split_of_other_products_is_a_problem_in_the_report(shop, tmp_path):
    split = tmp_path / "split.csv"
    split.write_text("id,part\nelse,train\n")
    report = check_catalog(shop, CONFIG, split_file=split)
    assert report.split.sizes == {}
    assert report.split.problem


def test_a_split_file_that_is_none_is_an_error(shop, tmp_path):
    with pytest.raises(SplitError):
        check_catalog(shop, CONFIG, split_file=tmp_path / "nowhere.csv")


def test_without_imagehash_the_rest_is_told(shop, monkeypatch):
    monkeypatch.setitem(sys.modules, "imagehash", None)
    report = check_catalog(shop, CONFIG)
    assert report.duplicates is None
    text = render_check(report)
    assert "pip install 'catalog-tagger[report]'" in text
    assert "Near-duplicates were not looked for." in text


def test_a_folder_of_photos_has_no_attributes_but_a_report(shop):
    report = check_catalog(shop.parent, CONFIG)
    assert "The catalog has no attributes." in render_check(report)
    assert "## Flags" not in render_check(report)


def test_progress_is_told(shop):
    calls = []
    check_catalog(shop, CONFIG, progress=lambda done, total, what: calls.append((done, total, what)))
    assert (19, 19, "photo headers read") in calls


def test_the_text_has_aligned_tables_and_can_be_cut(shop):
    report = check_catalog(shop, CONFIG)
    lines = render_check(report).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert "| kind      |      2 |       20 |       0 | cup           |     50.0% |" in table
    assert max(map(len, (line for line in lines if line.startswith("- ")))) <= 118
    assert "- kind: cup 10 · mug 10" in lines
    assert "- kind: cup 10 · and 1 more" in render_check(report, most_labels=1).splitlines()


def test_written_files_say_the_same_and_others_stay(shop, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("stay")
    report = check_catalog(shop, CONFIG)
    text, data = write_check(report, out)
    assert text.read_text(encoding="utf-8") == render_check(report)
    stored = json.loads(data.read_text(encoding="utf-8"))
    assert stored["labels"]["kind"]["counts"] == {"cup": 10, "mug": 10}
    assert stored["findings"][0]["kind"] == "id-repeated"
    assert (out / "mine.txt").read_text() == "stay"


def test_words_of_titles_are_attributes_as_in_training(shop):
    text = (
        shop.read_text().replace("kind", "kind,title", 1).replace(",cup", ",cup,A blue cup").replace(",mug", ",mug,Mug")
    )
    shop.write_text(text)
    words = {"heads": "sigmoid", "words_of": "title", "auxiliary": True}
    report = check_catalog(shop, parse_config({"attributes": {"kind": {}, "words": words}}, "the test"))
    assert report.labels["words"].counts == {"mug": 10, "blue": 10, "cup": 10}


def test_a_pipe_in_the_place_of_a_photo_is_not_waited_for(shop):
    shop.unlink()
    os.mkfifo(shop.parent / "p19.png")
    assert list(check_catalog(shop.parent, CONFIG).photos.unreadable) == ["p18", "p19"]


def test_a_folder_whose_name_is_not_utf8(shop):
    folder = shop.parent.parent / os.fsdecode(b"caf\xe9")
    shop.parent.rename(folder)
    with pytest.raises(CatalogError, match="is not UTF-8"):
        check_catalog(folder / shop.name, CONFIG)
