"""Products listed twice: the same photo, however saved, and not one that only looks like it."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tagger.catalog.cache import open_cache
from tagger.catalog.duplicates import near_duplicate_pairs
from tagger.catalog.read import read_catalog
from tagger.catalog.sample import draw_sample
from tagger.catalog.table import Catalog
from tagger.config import PhotoConfig
from tagger.search.duplicates import find_duplicates, write_listings
from tagger.search.group_sheet import write_group_sheet

pytest.importorskip("imagehash")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Forty drawn products, one of them again in two qualities, one again with another label on it."""
    folder = tmp_path_factory.mktemp("catalog")
    draw_sample(folder, products=40, seed=3)
    table = folder / "styles.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    first, second = (line.split(",", 1) for line in lines[1:3])
    for number, quality in enumerate((97, 95)):
        photo = Image.open(folder / "images" / f"{first[0]}.jpg")
        photo.save(folder / "images" / f"9000{number}.jpg", quality=quality)
        lines.append(f"9000{number},{first[1]}")
    with Image.open(folder / "images" / f"{second[0]}.jpg") as photo:
        ImageDraw.Draw(photo).rectangle((26, 36, 33, 43), fill=(200, 0, 90))
        photo.save(folder / "images" / "90010.jpg", quality=95)
    lines.append(f"90010,{second[1]}")
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_catalog(folder)


def test_the_same_photo_is_found_and_another_is_not(catalog: Catalog, tmp_path: Path) -> None:
    cache = open_cache(catalog, PhotoConfig(), tmp_path)
    listings = find_duplicates(catalog, cache, 6)
    first, second = catalog.table.index[:2]
    assert [listing.id for listing in listings if listing.group == 1] == [first, "90000", "90001"]
    assert 0 < listings[0].difference <= 6
    assert not {second, "90010"} & {listing.id for listing in listings}
    assert [listing.group for listing in listings] == sorted(listing.group for listing in listings)
    assert find_duplicates(catalog, cache, 0) == []


def test_groups_are_written_and_drawn(catalog: Catalog, tmp_path: Path) -> None:
    listings = find_duplicates(catalog, open_cache(catalog, PhotoConfig(), tmp_path), 6)
    write_listings(listings, catalog, tmp_path / "duplicates.csv")
    with (tmp_path / "duplicates.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["group"], row["id"]) for row in rows] == [(str(listing.group), listing.id) for listing in listings]
    assert rows[1]["title"] == catalog.table.loc["90000", "title"]
    assert write_group_sheet(tmp_path / "sheet.png", listings, catalog) == listings[-1].group
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height > 200 and len(sheet.convert("RGB").getcolors(1_000_000) or ()) > 50
    assert write_group_sheet(tmp_path / "none.png", [], catalog) == 0


def test_one_photo_of_many_products_is_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As "no image yet" is: 3,000 copies would be 4.5 million pairs."""
    draw_sample(tmp_path / "catalog", products=3, seed=3)
    table, images = tmp_path / "catalog" / "styles.csv", tmp_path / "catalog" / "images"
    lines = table.read_text(encoding="utf-8").splitlines()
    first, row = lines[1].split(",", 1)
    for number in range(50):
        shutil.copy(images / f"{first}.jpg", images / f"9{number}.jpg")
        lines.append(f"9{number},{row}")
    with Image.open(images / f"{first}.jpg") as photo:
        photo.save(images / "1.jpg", quality=97)
    table.write_text("\n".join([*lines, f"1,{row}"]) + "\n", encoding="utf-8")
    compared: list[int] = []

    def counted(hashes: NDArray[np.uint64], distance: int) -> NDArray[np.int64]:
        compared.append(len(hashes))
        return near_duplicate_pairs(hashes, distance)

    monkeypatch.setattr("tagger.search.duplicates.near_duplicate_pairs", counted)
    catalog = read_catalog(tmp_path / "catalog")
    listings = find_duplicates(catalog, open_cache(catalog, PhotoConfig(), tmp_path / "cache"), 6)
    assert [listing.id for listing in listings] == [first, *(f"9{number}" for number in range(50)), "1"]
    assert {listing.group for listing in listings} == {1}
    assert [listing.difference for listing in listings[:-1]] == [0] * 51 and listings[-1].difference > 0
    assert compared == [4]
