"""Products with titles are found by what photo and title say together, those without by their photos."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tagger.bundle import Bundle, seal
from tagger.catalog.table import Catalog, CleaningReport, Products
from tagger.config import PhotoConfig
from tagger.inference import Photo, Tagger
from tagger.report.predict import predict
from tagger.retrieval.source import embed_queries, read_collection
from tagger.search import Index
from tagger.search.gallery import index_catalog
from tagger.search.look_up import Asked, look_up
from tagger.search.many import answer_photos
from tagger.search.mix import Part
from tests.conftest import know_similarity

#: Photo and title of each product. The titles of the grey ones say what their photos don't.
_PRODUCTS = {
    "1": ("grey", "shirt"),
    "2": ("grey", "belt"),
    "3": ("blue", "belt"),
    "4": ("red", ""),
    "5": ("broken", "shoes"),
}


@pytest.fixture
def tagger(titled_bundle: Path) -> Tagger:
    know_similarity(titled_bundle)
    return Tagger.open(titled_bundle, "onnxruntime")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in {"grey": (90, 90, 90), "blue": (0, 0, 255), "red": (255, 0, 0)}.items():
        Image.new("RGB", (16, 20), colour).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"no photo")
    return folder


@pytest.fixture
def products(photos: Path) -> Products:
    images, titles = zip(*_PRODUCTS.values(), strict=True)
    columns = {"image": [str(photos / f"{name}.png") for name in images], "title": list(titles)}
    return Products(photos, list(_PRODUCTS), columns, (), (), CleaningReport())


@pytest.fixture
def index(products: Products, tagger: Tagger, tmp_path: Path) -> Index:
    gallery = index_catalog(products, tagger, tmp_path / "index")
    assert list(gallery.problems) == ["5"]
    assert isinstance(gallery.index, Index)
    return gallery.index


def asked_with(index: Index, tagger: Tagger, path: Path, titles: Sequence[str], **asked: Any) -> list[list[str]]:
    named = [Photo(f"new{number}", str(path), title) for number, title in enumerate(titles)]
    answers = answer_photos(index, named, tagger, Asked(3, text_weight=0, **asked), of_catalog=True)
    return [[hit.id for hit in answer.hits] for answer in answers]


def test_the_title_decides_where_photos_are_alike(index: Index, tagger: Tagger, tmp_path: Path, photos: Path) -> None:
    copy = Path(shutil.copy(photos / "grey.png", tmp_path / "copy.png"))
    shirt, belt, nothing = asked_with(index, tagger, copy, ["shirt", "A belt", "of no known word"])
    assert (shirt[0], belt[:2]) == ("1", ["2", "3"])
    found = look_up(index, [Part("image", str(copy))], Asked(3), lambda: tagger)
    assert [hit.id for hit in found.hits] == nothing
    assert index.item("1").labels["articleType"] == "Tshirts" and index.item("2").labels["articleType"] == "Belts"


def test_near_duplicates_are_known_whatever_their_titles(
    index: Index, tagger: Tagger, tmp_path: Path, photos: Path
) -> None:
    copy = tmp_path / "copy.jpg"
    Image.open(photos / "grey.png").convert("RGB").save(copy, quality=85)
    for title in ("", "shirt", "A belt"):
        assert {"1", "2"} & set(asked_with(index, tagger, copy, [title])[0])
        assert sorted(asked_with(index, tagger, copy, [title], distinct=True)[0]) == ["3", "4"]
    few = PhotoConfig(max_pixels=16 * 20 - 1)
    assert {"1", "2"} & set(asked_with(index, tagger, copy, [""], distinct=True, photo=few)[0])
    (photos / "grey.png").unlink()  # its pixels can't be compared any more, the others go on
    assert {"1", "2"} & set(asked_with(index, tagger, copy, [""], distinct=True)[0])


def test_search_is_measured_with_photos_alone_and_with_titles(index: Index, products: Products, tagger: Tagger) -> None:
    catalog: Catalog = products.to_catalog()
    embedded = read_collection(catalog, (), tagger)
    assert embedded.ids == ["1", "2", "3", "4"]
    stored, alone, both = embedded.vectors, embedded.by_photo().vectors, embedded.by_photo_and_title().vectors
    np.testing.assert_allclose(stored, index.vectors(embedded.ids), atol=1e-3)
    np.testing.assert_allclose(alone[0], alone[1], atol=1e-6)  # both are grey
    assert np.abs(both[0] - both[1]).max() > 0.1
    # An index holds what is half-way between; without a title there is one vector.
    np.testing.assert_allclose((stored * alone).sum(axis=1), (stored * both).sum(axis=1), atol=1e-5)
    np.testing.assert_allclose(alone[3], both[3], atol=1e-6)
    indexed = read_collection(catalog, (), tagger, index)
    assert indexed.by_photo() is indexed
    some = embed_queries(indexed, np.array([0, 2]), catalog, tagger)
    np.testing.assert_allclose(some.by_photo().vectors[[0, 2]], alone[[0, 2]], atol=1e-6)
    np.testing.assert_allclose(some.by_photo_and_title().vectors[[0, 2]], both[[0, 2]], atol=1e-6)
    np.testing.assert_array_equal(some.by_photo().vectors[[1, 3]], indexed.vectors[[1, 3]])
    assert embed_queries(embedded, np.array([0]), catalog, tagger) is embedded


def test_whole_batches_without_a_photo_that_can_be_used(tagger: Tagger, photos: Path) -> None:
    """Their titles are read: they have tags, and no embedding."""
    broken = [f"{number:03}" for number in range(130)]
    columns = {
        "image": [str(photos / "broken.png")] * 130 + [str(photos / "red.png")],
        "title": ["belt"] * 130 + ["shirt"],
    }
    catalog = Products(photos, [*broken, "good"], columns, (), (), CleaningReport()).to_catalog()
    assert read_collection(catalog, (), tagger).ids == ["good"]
    found = predict(tagger, catalog, [*broken, "good"])
    assert found.ids == [*broken, "good"] and not found.problems
    assert len(found.scores["articleType_softmax"]) == 131


def test_an_index_of_a_bundle_that_read_titles_otherwise_is_another(
    index: Index, titled_bundle: Path, tagger: Tagger
) -> None:
    fusion = titled_bundle / "title" / "fusion.json"
    fusion.write_text(fusion.read_text().replace("2", "3", 1))
    seal(titled_bundle, {})
    other = Bundle.open(titled_bundle)
    assert other.embeddings_id != tagger.bundle.embeddings_id == index.bundle_id
    assert other.id == tagger.bundle.id  # its network is the same
