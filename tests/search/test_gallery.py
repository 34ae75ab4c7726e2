"""A catalog becomes an index: known labels win, broken photos are left out and named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tagger.catalog.table import CleaningReport, Products
from tagger.errors import CatalogError, OutputError
from tagger.inference import Tagger
from tagger.search import Index, Item, Query
from tagger.search.gallery import index_catalog


def products_of(folder: Path, rows: dict[str, dict[str, str]], attributes: tuple[str, ...] = ()) -> Products:
    names = next(iter(rows.values()))
    columns = {name: [row[name] for row in rows.values()] for name in names}
    return Products(folder, list(rows), columns, attributes, (), CleaningReport())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in {"red": (250, 10, 0), "green": (10, 250, 0), "blue": (0, 10, 250)}.items():
        Image.new("RGB", (60, 80), colour).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"no photo")
    return folder


def test_known_labels_win_and_the_rest_is_predicted(tmp_path: Path, photos: Path, colour_tagger: Tagger) -> None:
    rows = {
        "b": {
            "image": str(photos / "red.png"),
            "title": "A shirt",
            "usage": "Casual|Sports",
            "baseColour": "Crimson",
            "description": "Of wool",
            "brand": "Acme",
            "split": "train",
        },
        "a": {
            "image": str(photos / "blue.png"),
            "title": "",
            "usage": "",
            "baseColour": "",
            "description": "",
            "brand": "",
            "split": "",
        },
    }
    gallery = index_catalog(products_of(photos, rows, ("usage", "baseColour")), colour_tagger, tmp_path / "index")
    assert gallery.problems == {} and gallery.without_photo == ()
    assert [item for items, _ in gallery.index.scan() for item in items] == [
        Item("a", "", {"baseColour": "Blue"}, ("baseColour",), str(photos / "blue.png")),
        Item(
            "b",
            "A shirt",
            {"baseColour": "Crimson", "usage": "Casual|Sports"},
            (),
            str(photos / "red.png"),
            "Of wool",
            {"brand": "Acme"},
        ),
    ]
    assert list(gallery.index.item("b").labels) == ["baseColour", "usage"]
    assert gallery.index.bundle_id == colour_tagger.bundle.embeddings_id
    assert next(gallery.index.bundle_paths()) == colour_tagger.bundle.path


def test_a_folder_of_photos_gets_predicted_labels(tmp_path: Path, photos: Path, colour_tagger: Tagger) -> None:
    rows = {name: {"image": str(photos / f"{name}.png")} for name in ("red", "green", "blue")}
    index = index_catalog(products_of(photos, rows), colour_tagger, tmp_path / "index").index
    assert {name: index.item(name).labels["baseColour"] for name in rows} == {
        "red": "Red", "green": "Green", "blue": "Blue"
    }  # fmt: skip
    assert index.search([Query(np.array([1, 0.1, 0], np.float32))], 1)[0][0].id == "red"


def test_products_without_a_usable_photo_are_left_out_and_named(
    tmp_path: Path, photos: Path, colour_tagger: Tagger
) -> None:
    shown: list[tuple[int, int | None, str]] = []
    rows = {
        "1": {"image": str(photos / "broken.png")},
        "2": {"image": str(photos / "red.png")},
        "3": {"image": ""},
        "4": {"image": str(photos / "gone.png")},
    }
    gallery = index_catalog(
        products_of(photos, rows), colour_tagger, tmp_path / "index", lambda *now: shown.append(now)
    )
    assert len(gallery.index) == 1 and "2" in gallery.index
    assert set(gallery.problems) == {"1", "4"} and all(gallery.problems.values())
    assert gallery.without_photo == ("3",)
    assert shown[0] == (0, 3, "photos embedded") and shown[-1] == (3, 3, "photos embedded")


def test_a_catalog_without_any_usable_photo_is_refused(tmp_path: Path, photos: Path, colour_tagger: Tagger) -> None:
    rows = {"1": {"image": str(photos / "broken.png")}, "2": {"image": ""}}
    with pytest.raises(CatalogError, match=r"None of the 1 photos .* can be used\. The first: .*broken\.png"):
        index_catalog(products_of(photos, rows), colour_tagger, tmp_path / "index")
    rows = {"1": {"image": ""}, "2": {"image": ""}}
    with pytest.raises(CatalogError, match=r"None of the 2 products .* has a photo\. .*catalog\.image_folder"):
        index_catalog(products_of(photos, rows), colour_tagger, tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_a_place_that_can_not_be_taken_is_refused_before_the_work(
    tmp_path: Path, photos: Path, colour_tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tagger, "run", lambda *_, **__: pytest.fail("photos were embedded in vain"))
    rows = {"1": {"image": str(photos / "red.png")}}
    with pytest.raises(OutputError, match="holds other files"):
        index_catalog(products_of(photos, rows), colour_tagger, photos)


def test_an_index_is_the_same_whatever_the_order_of_the_catalog(
    tmp_path: Path, photos: Path, colour_tagger: Tagger
) -> None:
    rows = {str(number): {"image": str(photos / "red.png")} for number in range(9)}
    for name, order in {"up": 1, "down": -1}.items():
        index_catalog(products_of(photos, dict(list(rows.items())[::order])), colour_tagger, tmp_path / name)
    up, down = Index.open(tmp_path / "up"), Index.open(tmp_path / "down")
    assert up.manifest.segments[0].files == down.manifest.segments[0].files
    assert [hit.id for hit in down.similar_to("4", 3)] == ["0", "1", "2"]
