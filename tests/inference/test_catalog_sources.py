"""The photos of catalogs, as `tagger tag` finds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagger.config import CatalogConfig
from tagger.errors import CatalogError
from tagger.inference.sources import find_sources, is_catalog
from tagger.inference.tags import Photo


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    """Two products, one with a photo; a record that must not be read."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "7.jpg").write_bytes(b"any")
    (tmp_path / "styles" / "7.json").mkdir(parents=True)
    (tmp_path / "styles.csv").write_text("id,articleType\n7,Cups\n8,Mugs\n")
    return tmp_path


def test_a_catalog_gives_its_products_in_order(fashion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagger.catalog.fashion._load_record", lambda path: pytest.fail(f"{path} was read"))
    expected = [Photo("7", str(fashion / "images" / "7.jpg")), Photo("8", "")]
    assert list(find_sources([fashion])) == expected
    assert list(find_sources([fashion / "styles.csv"])) == expected


@pytest.mark.parametrize("name", ["a.csv", "a.TSV", "a.jsonl", "a.ndjson"])
def test_a_table_gives_its_products_by_the_columns_of_the_config(fashion: Path, name: str) -> None:
    lines = {"a.csv": "sku,photo\n1,7.jpg\n", "a.TSV": "sku\tphoto\n1\t7.jpg\n"}
    (fashion / name).write_text(lines.get(name, '{"sku": 1, "photo": "7.jpg"}\n'))
    config = CatalogConfig(columns={"id": "sku", "image": "photo"}, image_folder="images")
    assert is_catalog(fashion / name)
    assert list(find_sources([fashion / name], config)) == [Photo("1", str(fashion / "images" / "7.jpg"))]


def test_a_broken_catalog_is_told(fashion: Path) -> None:
    (fashion / "styles.csv").write_text("sku\n7\n")
    with pytest.raises(CatalogError, match="Expected a column id"):
        list(find_sources([fashion]))


def test_products_have_their_titles(fashion: Path) -> None:
    (fashion / "styles.csv").write_text("id,productDisplayName\n7,Blue cup\n8,\n")
    assert [photo.title for photo in find_sources([fashion])] == ["Blue cup", ""]
    (fashion / "a.csv").write_text("id,image,name\n1,images/7.jpg,Red cup\n")
    assert [photo.title for photo in find_sources([fashion / "a.csv"])] == [""]
    assert [photo.title for photo in find_sources([fashion / "a.csv"], title_column="name")] == ["Red cup"]
    mapped = CatalogConfig(columns={"title": "name"})
    assert [photo.title for photo in find_sources([fashion / "a.csv"], mapped)] == ["Red cup"]
    assert [photo.title for photo in find_sources([fashion / "images" / "7.jpg"])] == [""]
