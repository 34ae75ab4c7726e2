"""The contact sheet: everything in its place, whatever the texts and photos are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tagger.errors import OutputError
from tagger.search import Hit, Item
from tagger.search import contact_sheet as sheet_module
from tagger.search.contact_sheet import draw_contact_sheet, write_contact_sheet

GREEN, RED = (0, 200, 0), (200, 0, 0)


@pytest.fixture
def green(tmp_path: Path) -> str:
    Image.new("RGB", (6, 8), GREEN).save(tmp_path / "green.png")
    return str(tmp_path / "green.png")


@pytest.fixture
def red(tmp_path: Path) -> str:
    Image.new("RGB", (6, 8), RED).save(tmp_path / "red.png")
    return str(tmp_path / "red.png")


def hits(count: int, image: str) -> list[Hit]:
    return [Hit(str(i), f"Product {i}", {"colour": "Red"}, ("colour",), image, score=1 - i / 50) for i in range(count)]


def share(sheet: Image.Image, colour: tuple[int, int, int]) -> int:
    """How many pixels have this very colour."""
    return int((np.asarray(sheet) == colour).all(axis=2).sum())


@pytest.mark.parametrize(("count", "columns"), [(0, 1), (1, 1), (5, 5), (6, 5), (15, 5), (30, 6)])
def test_query_and_hits_are_all_drawn(green: str, red: str, count: int, columns: int) -> None:
    sheet = draw_contact_sheet(Item("q", image=green), hits(count, red))
    cell = sheet_module._WIDTH * sheet_module._PHOTO
    assert share(sheet, RED) == count * cell
    assert share(sheet, GREEN) == pytest.approx(cell * sheet_module._QUERY_SCALE**2, rel=0.01)
    assert sheet.width < 400 + columns * 200
    border = np.asarray(sheet).copy()
    border[30:-30, 30:-30] = 255
    assert (border == 255).all(), "something reaches into the margin"


def test_a_mix_of_several_parts_is_written_out(green: str) -> None:
    mix = " + ".join(f"photo{number}.jpg:0.{number}" for number in range(1, 6))
    whole, cut = (draw_contact_sheet(Item(mix, title, image=green), []) for title in ("", "Title"))
    dark = [(np.asarray(sheet.convert("L")) < 80).any(axis=1).sum() for sheet in (whole, cut)]
    assert dark[0] > 1.2 * dark[1]


def test_a_long_list_is_cut(red: str) -> None:
    sheet = draw_contact_sheet(Item("q"), hits(150, red))
    assert share(sheet, RED) == sheet_module.MAX_HITS * sheet_module._WIDTH * sheet_module._PHOTO


def test_a_photo_that_can_not_be_read_becomes_a_box(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("dear diary")
    for image in ("", str(tmp_path / "gone.jpg"), str(tmp_path / "notes.jpg"), str(tmp_path), "a\0b"):
        sheet = draw_contact_sheet(Item("q"), hits(1, image))
        assert share(sheet, sheet_module._PALE) > 0.9 * 2 * sheet_module._WIDTH * sheet_module._PHOTO


def test_predicted_labels_are_explained_only_where_there_are_any() -> None:
    def footnote(sheet: Image.Image) -> bool:
        pixels = np.asarray(sheet.convert("L"))
        return bool((pixels[-50:-30, 40:200] < 200).any())

    assert footnote(draw_contact_sheet(Item("q"), hits(1, "")))
    assert not footnote(draw_contact_sheet(Item("q"), [Hit("1", "", {"colour": "Red"}, (), "")]))


@given(st.text(st.characters(exclude_categories=()), max_size=400), st.integers(20, 300), st.integers(1, 4))
def test_any_text_fits(text: str, width: int, count: int) -> None:
    font = sheet_module._font(12)
    lines = sheet_module._wrap(text, width, count, font)
    assert len(lines) <= count
    assert all(font.getlength(line) <= width for line in lines)
    assert all(sheet_module._has_glyph(letter, font) for line in lines for letter in line if letter != " ")


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("Nike Men's T-shirt (2 pcs) & more", "Nike Men's T-shirt (2 pcs) & more"),
        ("Überwurf für Öfen, čaj", "Uberwurf fur Ofen, caj"),
        ("Straße 20 € — Łódź", "Strasse 20 EUR - Lodz"),
        ("日本語 bag", "? bag"),
    ],
)
def test_letters_that_the_font_lacks_are_replaced(text: str, drawn: str) -> None:
    assert sheet_module._drawable(text, sheet_module._font(12)) == drawn


def test_it_is_written_whole_or_not_at_all(tmp_path: Path, red: str) -> None:
    write_contact_sheet(tmp_path / "new" / "sheet.png", Item("q"), hits(2, red))
    with Image.open(tmp_path / "new" / "sheet.png") as sheet:
        assert sheet.format == "PNG" and sheet.mode == "RGB"
    with pytest.raises(OutputError, match="Can't write"):
        write_contact_sheet(Path(red) / "sheet.png", Item("q"), hits(2, red))
