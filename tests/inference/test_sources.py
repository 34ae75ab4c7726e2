"""Where photos come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tagger.errors import CatalogError
from tagger.inference.sources import find_sources, listed_photos
from tagger.inference.tags import Photo


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_photos_and_folders_in_the_order_given(tmp_path: Path) -> None:
    a, b, c = tmp_path / "z" / "ä 1.JPG", tmp_path / "z" / "below" / "2.png", tmp_path / "a.webp"
    touch(a, b, c, tmp_path / "z" / ".hidden.jpg", tmp_path / "z" / "notes.txt")
    assert list(find_sources([c, tmp_path / "z", str(c)])) == [
        Photo("a", str(c)), Photo("ä 1", str(a)), Photo("2", str(b)), Photo("a", str(c)),
    ]  # fmt: skip


def test_a_file_of_any_name_is_taken_for_a_photo(tmp_path: Path) -> None:
    """The content decides, when it is decoded."""
    touch(tmp_path / "upload")
    assert list(find_sources([tmp_path / "upload"])) == [Photo("upload", str(tmp_path / "upload"))]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("missing.jpg", "no photo, folder or catalog .*missing.jpg"),
        ("empty", "empty holds no photo"),
        ("b.csv", "No column of .* is known to hold"),
    ],
)
def test_a_mistake_shows_before_the_first_photo(tmp_path: Path, wrong: str, message: str) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "b.csv").write_text("colour\nred\n")
    with pytest.raises(CatalogError, match=message):
        find_sources([tmp_path / "a.jpg", tmp_path / wrong])


def test_listed_photos() -> None:
    lines = ["a/1.jpg\n", "\n", "größe №2.png\r\n", "  spaced .jpg\n", "last.gif"]
    assert list(listed_photos(lines)) == [
        Photo("1", "a/1.jpg"),
        Photo("größe №2", "größe №2.png"),
        Photo("  spaced ", "  spaced .jpg"),
        Photo("last", "last.gif"),
    ]


@pytest.mark.parametrize("lines", [[], ["\n", "\r\n"]])
def test_an_empty_list(lines: list[str]) -> None:
    with pytest.raises(CatalogError, match="list of photos is empty"):
        list(listed_photos(lines))


def test_a_name_that_is_not_utf8_finds_its_file(tmp_path: Path) -> None:
    name = os.fsdecode(b"gr\xf6\xdfe.jpg")
    try:
        touch(tmp_path / name)
    except OSError:
        pytest.skip("the file system takes UTF-8 names alone")
    (photo,) = find_sources([tmp_path])
    assert Path(photo.path).is_file()
