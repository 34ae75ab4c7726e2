"""What a person asks for: a photo, an id, or neither."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from tagger.errors import BundleError, IndexFolderError, PhotoError
from tagger.inference import Tagger
from tagger.search import Index, Item, build_index
from tagger.search.look_up import find_by_photo, look_up, open_tagger


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (60, 80), (250, 10, 0)).save(tmp_path / "red.png")
    return tmp_path / "red.png"


@pytest.fixture
def index(tmp_path: Path, photo: Path, colour_tagger: Tagger) -> Index:
    items = [
        (Item("1", "Red", {}, (), str(photo)), [25, 1, 0]),
        (Item("2", "Pink"), [25, 15, 12]),
        (Item("3", "Blue"), [0, 0, 1]),
    ]
    bundle = colour_tagger.bundle
    return build_index(items, tmp_path / "index", bundle_id=bundle.id, bundle_path=bundle.path)


def test_an_id_needs_no_bundle(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tagger, "open", lambda path, *_: pytest.fail("the bundle was opened"))
    found = look_up(index, "1", 2)
    assert found.query.title == "Red"
    assert [hit.id for hit in found.hits] == ["2", "3"]


def test_a_photo_is_tagged_and_its_own_product_left_out(
    index: Index, photo: Path, colour_tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(Tagger, "open", lambda path, *_: opened.append(path) or colour_tagger)
    colour_tagger.bundle.path.mkdir()
    found = look_up(index, str(photo), 2)
    assert found.query == Item("red.png", "", {"baseColour": "Red"}, ("baseColour",), str(photo))
    assert [hit.id for hit in found.hits] == ["2", "3"]
    copy = shutil.copy(photo, photo.with_name("copy.png"))
    assert [hit.id for hit in look_up(index, copy, 2, "elsewhere").hits] == ["1", "2"]
    assert opened == [colour_tagger.bundle.path, "elsewhere"]


def test_neither_photo_nor_id(index: Index, photo: Path) -> None:
    with pytest.raises(IndexFolderError, match=r'"4" is neither a photo nor the id of one of the 3 products'):
        look_up(index, "4")
    with pytest.raises(IndexFolderError, match=r'neither .* Did you mean "1"\?'):
        look_up(index, "nowhere/1.jpg")
    with pytest.raises(IndexFolderError, match="neither"):
        look_up(index, str(photo.parent))


def test_another_bundle_is_refused(tmp_path: Path, photo: Path, colour_tagger: Tagger) -> None:
    index = build_index([(Item("1"), [1, 2, 3])], tmp_path / "other", bundle_id="another")
    with pytest.raises(IndexFolderError, match="was made with another bundle than"):
        find_by_photo(index, photo, colour_tagger)


def test_a_broken_photo_says_why(tmp_path: Path, index: Index, colour_tagger: Tagger) -> None:
    (tmp_path / "notes.jpg").write_text("dear diary")
    with pytest.raises(PhotoError, match=r"notes\.jpg: not a photo"):
        find_by_photo(index, tmp_path / "notes.jpg", colour_tagger)


def test_a_bundle_that_is_gone_is_asked_for(index: Index) -> None:
    with pytest.raises(BundleError, match=r"is not at .*bundle any more\. Say where it is with --model"):
        open_tagger(index)


def test_the_bundle_is_found_after_both_have_moved(
    tmp_path: Path, index: Index, colour_tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "moved" / "bundle").mkdir(parents=True)
    moved = Index.open(shutil.move(index.path, tmp_path / "moved" / "index"))
    opened: list[Path] = []
    monkeypatch.setattr(Tagger, "open", lambda path, *_: opened.append(path) or colour_tagger)
    open_tagger(moved)
    assert [path.resolve() for path in opened] == [tmp_path / "moved" / "bundle"]
