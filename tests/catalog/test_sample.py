from __future__ import annotations

import json
from itertools import pairwise
from itertools import product as every
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tagger.catalog.cache import perceptual_hashes
from tagger.catalog.duplicates import group_near_duplicates
from tagger.catalog.photos import decode_photo
from tagger.catalog.read import read_catalog
from tagger.catalog.sample import draw_sample, write
from tagger.catalog.sample.canvas import Canvas
from tagger.catalog.sample.kinds import COLOURS, KINDS
from tagger.catalog.sample.look import Look
from tagger.config import PhotoConfig
from tagger.errors import CatalogError, OutputError

PRODUCTS = 240


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "drawn"
    draw_sample(folder, PRODUCTS, seed=0)
    return folder


@pytest.fixture(scope="module")
def table(sample):
    return read_catalog(sample).table


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_arguments_give_the_same_files(sample, tmp_path):
    draw_sample(tmp_path / "again", PRODUCTS, seed=0)
    assert contents(tmp_path / "again") == contents(sample)


def test_another_seed_gives_other_products_with_other_ids(sample, tmp_path):
    draw_sample(tmp_path / "other", 20, seed=1)
    ours = {path.name: path.read_bytes() for path in (sample / "images").iterdir()}
    others = {path.name: path.read_bytes() for path in (tmp_path / "other" / "images").iterdir()}
    assert not ours.keys() & others.keys()
    assert not set(ours.values()) & set(others.values())


def test_a_larger_sample_starts_with_the_smaller_one(sample, tmp_path):
    draw_sample(tmp_path / "few", 30, seed=0)
    rows = (sample / "styles.csv").read_text().splitlines()
    assert (tmp_path / "few" / "styles.csv").read_text().splitlines() == rows[:31]


def test_there_are_enough_types_and_labels(table):
    assert len(table) == PRODUCTS
    assert table["articleType"].value_counts().min() >= 3
    assert table["articleType"].nunique() == len(KINDS) >= 12
    assert set(table["masterCategory"]) == {"Apparel", "Footwear", "Accessories", "Personal Care"}
    assert set(table["gender"]) == {"Men", "Women", "Boys", "Girls", "Unisex"}
    assert {"Summer", "Fall", "Winter", "Spring"} < set(table["season"])
    assert {"Casual", "Sports", "Formal", "Ethnic", "Party"} <= set(table["usage"])


def test_small_samples_have_many_types(tmp_path):
    draw_sample(tmp_path / "few", 12, seed=99)
    assert read_catalog(tmp_path / "few").table["articleType"].nunique() >= 9


def test_the_oddities_of_the_real_files_are_there(sample, table):
    rows = (sample / "styles.csv").read_text().splitlines()
    assert any(row.count(",") > 9 for row in rows)
    assert any(row.split(",")[6] in ("", "NA") for row in rows)
    photos = {path.stem: Image.open(path) for path in (sample / "images").iterdir()}
    assert len(set(photos) - set(table.index)) == 1
    assert len(set(table.index) - set(photos)) == 1
    assert sorted({image.size for image in photos.values()}) == [(53, 80), (60, 80)]
    assert {image.mode for image in photos.values()} == {"RGB", "L"}


def test_every_product_has_its_details(sample, table):
    for id_ in table.index:
        data = json.loads((sample / "styles" / f"{id_}.json").read_text())["data"]
        assert data["id"] == int(id_)
        assert data["productDisplayName"] == table.at[id_, "title"]
        assert {flag["value"] for flag in data["otherFlags"]} <= {"true", "false"}
    catalog = read_catalog(sample)
    assert {"isFragile", "isHazmat", "isReturnable"} <= set(catalog.flags)
    assert set(table["isHazmat"]) == {"true", "false"}
    assert (table["brand"] != "").all()
    assert (table["price"].astype(float) > 0).all()


def test_views_of_a_product_are_near_duplicates(sample, table):
    with_photo = [id_ for id_ in table.index if table.at[id_, "image"]]
    pixels = np.stack([decode_photo(table.at[id_, "image"], PhotoConfig()) for id_ in with_photo])
    group = dict(zip(with_photo, group_near_duplicates(perceptual_hashes(pixels), 1), strict=True))
    same = ["brand", "price", "baseColour", "articleType", "year"]
    views = [
        (here, there) for here, there in pairwise(with_photo) if table.loc[here, same].equals(table.loc[there, same])
    ]
    assert len(views) >= 10
    assert sum(group[here] == group[there] for here, there in views) / len(views) >= 0.85
    assert all(Path(table.at[a, "image"]).read_bytes() != Path(table.at[b, "image"]).read_bytes() for a, b in views)


def test_labels_can_be_seen(table):
    """The nearest other photo, found by plain pixels, tells types and colours far better than the majority does."""
    shown = table[table["image"] != ""].drop_duplicates(["title", "price"])
    small = [decode_photo(path, PhotoConfig(height=20, width=16)) for path in shown["image"]]
    flat = np.stack(small).reshape(len(shown), -1).astype(float)
    distances = ((flat[:, None] - flat[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    for attribute, factor in (("articleType", 4), ("masterCategory", 1.7), ("baseColour", 4)):
        labels = shown[attribute].to_numpy(dtype=object)
        majority = shown[attribute].value_counts(normalize=True).iloc[0]
        assert (labels[nearest] == labels).mean() > factor * majority, attribute


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.article)
def test_a_type_can_be_drawn_in_all_its_looks(kind):
    photos = set()
    for gender, season, usage in every(set(kind.genders), set(kind.seasons), set(kind.usages)):
        canvas = Canvas(np.random.default_rng(0))
        kind.draw(canvas, Look(COLOURS["Red"], COLOURS["Blue"], gender, season, usage))
        photo = canvas.photo()
        assert photo.shape == (80, 60, 3)
        assert photo.dtype == np.uint8
        assert (photo.min(axis=2) < 200).mean() > 0.05
        photos.add(photo.tobytes())
    # What differs in the catalog differs in the photo, too; Unisex may look like Men.
    drawn_alike = {"Unisex": "Men"} if "Men" in kind.genders else {}
    genders = {drawn_alike.get(gender, gender) for gender in kind.genders}
    assert len(photos) >= len(genders) * len(set(kind.seasons))


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OutputError, match="is not empty"):
        draw_sample(tmp_path, 5)
    assert contents(tmp_path) == {"mine.txt": b"precious"}


def test_an_empty_folder_is_filled(tmp_path):
    draw_sample(tmp_path / "größe", 1)
    assert len(read_catalog(tmp_path / "größe").table) == 1


def test_no_products_are_refused(tmp_path):
    with pytest.raises(CatalogError, match="at least 1 product to draw, got 0"):
        draw_sample(tmp_path / "drawn", 0)


def test_nothing_is_left_when_the_disk_is_full(tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "_save", full)
    with pytest.raises(OutputError, match="No space left on device"):
        draw_sample(tmp_path / "drawn", 5)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_products(tmp_path):
    calls = []
    draw_sample(tmp_path / "drawn", 3, progress=lambda done, total, what: calls.append((done, total, what)))
    assert calls == [(done, 3, "products drawn") for done in range(4)]
