"""What a person asks for: a photo, an id, words, a mix, or neither."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tagger.errors import BundleError, IndexFolderError, PhotoError, SearchError
from tagger.inference import Tagger
from tagger.search import Index, Item, build_index
from tagger.search.filters import parse_filter
from tagger.search.look_up import Asked, Found, look_up, name_part, open_tagger
from tagger.search.mix import Part, parse_part


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (60, 80), (250, 10, 0)).save(tmp_path / "red.png")
    return tmp_path / "red.png"


@pytest.fixture
def index(tmp_path: Path, photo: Path, colour_tagger: Tagger) -> Index:
    items = [
        (Item("1", "Red shirt", {"colour": "Red"}, (), str(photo), "", {"price": "900"}), [25, 1, 0]),
        (Item("2", "Pink dress", {"colour": "Pink"}, facts={"price": "1900"}), [25, 15, 12]),
        (Item("3", "Blue shirts", {"colour": "Blue"}), [0, 0, 1]),
        (Item("4"), [25, 15.1, 12]),
    ]
    bundle = colour_tagger.bundle
    return build_index(items, tmp_path / "index", bundle_id=bundle.id, bundle_name="old", bundle_path=bundle.path)


@pytest.fixture
def ask(index: Index, colour_tagger: Tagger) -> Callable[..., Found]:
    """Look up parts, with the settings of `Asked`."""
    return lambda *parts, **asked: look_up(index, parts, Asked(**asked), lambda: colour_tagger)


def ids(found: Found) -> list[str]:
    return [hit.id for hit in found.hits]


def test_an_id_needs_no_bundle(index: Index) -> None:
    found = look_up(index, [Part("id", "1")], Asked(2), lambda: pytest.fail("the bundle was opened"))
    assert found.query.title == "Red shirt"
    assert ids(found) == ["2", "4"]


def test_a_product_with_a_name_is_looked_up_by_looks_and_words(ask: Callable[..., Found]) -> None:
    hits = {hit.id: hit for hit in ask(Part("id", "1")).hits}
    assert hits["3"].text_score and hits["3"].text_score > 0 == hits["2"].text_score
    for hit in hits.values():
        assert hit.score == pytest.approx(0.7 * hit.image_score + 0.3 * hit.text_score, abs=1e-6)
    assert [hit.text_score for hit in ask(Part("id", "4")).hits] == [None] * 3
    assert ids(ask(Part("id", "1"), text_weight=1.0, k=1)) == ["3"]


def test_words_alone_find_products_that_have_them(ask: Callable[..., Found]) -> None:
    found = ask(Part("text", "SHIRT!"))
    assert ids(found) == ["1", "3"] and found.query == Item("SHIRT!")
    assert found.hits[0].image_score is None and found.hits[0].score == found.hits[0].text_score
    assert ids(ask(Part("text", "trousers"))) == []
    with pytest.raises(SearchError, match='Expected words to look for, got "!!!"'):
        ask(Part("text", "!!!"))


def test_a_photo_is_tagged_and_its_own_product_left_out(ask: Callable[..., Found], photo: Path) -> None:
    found = ask(Part("image", str(photo)), k=2)
    assert found.query == Item("red.png", "", {"baseColour": "Red"}, ("baseColour",), str(photo))
    assert ids(found) == ["2", "4"]
    copy = shutil.copy(photo, photo.with_name("copy.png"))
    assert ids(ask(Part("image", str(copy)), k=2)) == ["1", "2"]
    (photo.parent / "link.png").symlink_to(photo)
    assert ids(ask(Part("image", str(photo.parent / "link.png")), k=2)) == ["2", "4"]


def test_parts_are_weighed(ask: Callable[..., Found], photo: Path) -> None:
    copy = str(shutil.copy(photo, photo.with_name("copy.png")))
    usual = ask(Part("image", copy), Part("text", "blue"), k=4)
    given = ask(Part("image", copy, 1.4), Part("text", "blue", 0.6), k=4)
    assert [(hit.id, round(hit.score, 6)) for hit in usual.hits] == [
        (hit.id, round(hit.score, 6)) for hit in given.hits
    ]
    assert given.query.id == "copy.png:1.4 + blue:0.6"
    assert ids(ask(Part("image", copy, 0.1), Part("text", "blue", 0.9), k=1)) == ["3"]
    unwanted = ask(Part("text", "shirt"), Part("text", "blue", -0.5))
    assert ids(unwanted) == ["1", "3"] and unwanted.hits[1].score < 0.5 * ask(Part("text", "shirt")).hits[1].score
    assert ids(ask(Part("id", "1", 1), Part("id", "3", 0.5))) == ["2", "4"]


@pytest.mark.parametrize("weights", [(1, -1), (0.2, -0.5), (0, 0)])
def test_weights_of_which_nothing_is_left_are_refused(ask: Callable[..., Found], weights: tuple[float, float]) -> None:
    with pytest.raises(SearchError, match=r"sum to more than zero, got .* \+ "):
        ask(Part("id", "1", weights[0]), Part("text", "blue", weights[1]))


@pytest.mark.parametrize(("image", "text", "text_weight"), [(0, None, 0), (None, 0, 1), (None, -0.8, 0.3)])
def test_weights_that_are_not_given_count_as_they_are_used(
    ask: Callable[..., Found], photo: Path, image: float | None, text: float | None, text_weight: float
) -> None:
    with pytest.raises(SearchError, match=r"sum to more than zero, got .* \+ "):
        ask(Part("image", str(photo), image), Part("text", "blue", text), text_weight=text_weight)


def test_weights_are_read_as_a_person_writes_them(index: Index, photo: Path) -> None:
    assert parse_part("image", f"{photo}:-.5") == Part("image", str(photo), -0.5)
    assert parse_part("text", "linen:0.3") == Part("text", "linen", 0.3)
    assert parse_part("text", "at 9:nan") == Part("text", "at 9:nan")
    assert parse_part("id", "7:2", index) == Part("id", "7", 2)
    index.add([(Item("7:2"), [1, 0, 0])], bundle_id=index.bundle_id)
    assert parse_part("id", "7:2", index) == Part("id", "7:2")
    odd = photo.rename(photo.with_name("red:1e3"))
    assert parse_part("image", str(odd)) == Part("image", str(odd))
    for weight in ("nan", "-inf", "1e308", "0,5"):
        with pytest.raises(SearchError, match=r"Expected a weight such as 0\.7 .* got "):
            parse_part("image", f"{photo}:{weight}")


def test_filters_scores_and_near_duplicates(ask: Callable[..., Found]) -> None:
    assert ids(ask(Part("id", "1"), where=(parse_filter("colour=Pink|Blue"),))) == ["2", "3"]
    assert ids(ask(Part("id", "1"), where=(parse_filter("price>1000"),))) == ["2"]
    assert ids(ask(Part("id", "1"), where=(parse_filter("price>9000"),))) == []
    assert ids(ask(Part("id", "1"), min_score=0.3)) == ["2", "4"]
    assert ids(ask(Part("id", "1"), distinct=True)) == ["2", "3"]
    with pytest.raises(SearchError, match=r'no column "color" .* Did you mean "colour"\?'):
        ask(Part("id", "1"), where=(parse_filter("color=Red"),))


def test_neither_photo_nor_id(index: Index, photo: Path) -> None:
    assert name_part(index, str(photo)) == Part("image", str(photo)) and name_part(index, "1") == Part("id", "1")
    with pytest.raises(SearchError, match=r'"7" is neither a photo nor the id of one of the 4 products'):
        name_part(index, "7")
    with pytest.raises(SearchError, match=r'neither .* Did you mean "1"\?'):
        name_part(index, "nowhere/1.jpg")


def test_another_bundle_is_refused(tmp_path: Path, photo: Path, colour_tagger: Tagger) -> None:
    index = build_index([(Item("1"), [1, 2, 3])], tmp_path / "other", bundle_id="another", bundle_name="mine")
    with pytest.raises(
        IndexFolderError, match=r"was made with the bundle mine, these embeddings are those of .*bundle"
    ):
        look_up(index, [Part("image", str(photo))], Asked(), lambda: colour_tagger)


def test_a_broken_photo_says_why(tmp_path: Path, ask: Callable[..., Found]) -> None:
    (tmp_path / "notes.jpg").write_text("dear diary")
    with pytest.raises(PhotoError, match=r"notes\.jpg: not a photo"):
        ask(Part("image", str(tmp_path / "notes.jpg")))


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
