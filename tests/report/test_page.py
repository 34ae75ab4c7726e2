from __future__ import annotations

import re

import numpy as np
import pytest

from tagger.errors import OutputError
from tagger.report.page import (
    Cell,
    Column,
    Fold,
    Gallery,
    KeyFigure,
    KeyFigures,
    Note,
    Page,
    Photos,
    Plot,
    Row,
    Section,
    Table,
    Text,
    Thumbnail,
    render_page,
    write_page,
)
from tagger.report.thumbnails import make_strip, make_thumbnail

NASTY = """<b>"O'Hara"</b> & </script><script>document.title = "broken into"</script> שלום"""
PHOTO = np.full((80, 60, 3), 128, dtype=np.uint8)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="9" height="9"/></svg>'


def all_parts(text: str) -> Page:
    """A page with every kind of part and the text in each place that takes one."""
    table = Table(
        text,
        [
            Column(text, help=text),
            Column("n", "number", full=3),
            Column("share", "share", 1),
            Column("photo", "picture"),
            Column("photos", "photos"),
        ],
        [
            [text, 1, 0.25, make_strip([PHOTO, PHOTO], text), Photos([Thumbnail(make_thumbnail(PHOTO, text), text)])],
            ["plain", None, float("nan"), None, Photos([])],
        ],
    )
    parts = [
        Text(text, code=text),
        Note(text, [text], "warning"),
        KeyFigures([KeyFigure(text, text, text)]),
        Row(
            [
                Plot(SVG, alt=text, caption=text),
                Gallery([Thumbnail(make_thumbnail(PHOTO, text), text, [text])], text, 2),
            ]
        ),
        Plot(SVG, alt=text, full_size=True),
        Fold(text, [table]),
        Section(text, [Gallery([Thumbnail(None, text)])], lead=text),
    ]
    return Page(text, [Section(text, parts, lead=text), Section(text, [])], lead=text, command=text)


def numbers(rows: int) -> Page:
    """A page with a table of so many rows, the third of which lacks its number, and the last is the largest."""
    columns = [
        Column("name"),
        Column("score", "number", 2, full=1.0),
        Column("share", "share", 1),
        Column("range", "number"),
    ]
    values = [[f"class {i}", None if i == 2 else i / rows, i / rows, Cell(-i, f"{i} ± 1")] for i in range(rows)]
    return Page("Numbers", [Section("All", [Table("Classes", columns, values)])])


def first_cells(page) -> list[str]:
    return page.locator("tbody tr:visible th").all_inner_texts()


def test_every_text_is_escaped():
    html = render_page(all_parts(NASTY))
    assert "<b>" not in html
    assert html.count("<script") == html.count("</script>") == 1
    assert html.count("&lt;b&gt;") > 20


def test_nothing_is_fetched_and_only_the_own_script_may_run():
    html = render_page(all_parts("x"))
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", html)
    assert "default-src 'none'" in html and "script-src 'sha256-" in html


def test_sections_of_one_title_have_links_of_their_own():
    page = Page("x", [Section("A b", []), Section("A b", []), Section("ש", []), Section("ש", [])])
    assert page.anchors == ["a-b", "a-b-2", "section", "section-4"]
    html = render_page(page)
    assert all(f'href="#{anchor}"' in html and f'id="{anchor}"' in html for anchor in page.anchors)


def test_numbers_as_they_are_shown():
    assert Column("n", "number").show(12345) == "12,345"
    assert Column("n", "number", 3).show(-0.5) == "−0.500"
    assert Column("n", "share", 1).show(0.123) == "12.3 %"
    table = Table("t", [Column("n", "number", 1, full=2.0)], [[1], [3], [None], [float("nan")], [Cell(1, "1 of 2")]])
    cells = [row[0] for row in table.shown()]
    assert [(c.text, c.key, c.fill) for c in cells] == [
        ("1.0", "1.0", 50), ("3.0", "3.0", 100), ("–", "", None), ("–", "", None), ("1 of 2", "1.0", 50),
    ]  # fmt: skip


def test_a_row_that_does_not_fit_the_columns_is_refused():
    with pytest.raises(ValueError, match="zip"):
        list(Table("t", [Column("a"), Column("b")], [["only one"]]).shown())


def test_a_place_that_can_not_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Can't write"):
        write_page(all_parts("x"), tmp_path / "file" / "page.html")


def test_names_that_are_no_unicode(tmp_path):
    write_page(all_parts("caf\udce9"), tmp_path / "page.html")
    assert "caf?" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1600])
def test_opens_from_disk_and_shows_nasty_labels_as_they_are(open_page, tmp_path, width, dark):
    write_page(all_parts(NASTY), tmp_path / "page.html")
    page = open_page(tmp_path / "page.html", width=width, dark=dark)
    assert page.title() == NASTY
    assert page.locator("h1").inner_text() == NASTY
    page.locator("summary").click()
    assert page.locator("tbody th").first.inner_text() == NASTY
    # Fails where a picture can't be decoded.
    page.evaluate("Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode(); }))")
    # Nothing sticks out to the side.
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_large_drawing_is_scrolled_and_not_shrunk(open_page, tmp_path):
    wide = SVG.replace(b'width="40"', b'width="2000"')
    write_page(Page("x", [Section("x", [Plot(wide, "a"), Plot(wide, "b", full_size=True)])]), tmp_path / "page.html")
    page = open_page(tmp_path / "page.html", width=900)
    small, large = (page.locator(f"img[alt={alt}]") for alt in "ab")
    for image in (small, large):
        image.scroll_into_view_if_needed()
        image.evaluate("image => image.decode()")
    assert small.bounding_box()["width"] < 900 < large.bounding_box()["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 900


def test_a_click_on_a_heading_sorts_and_what_is_missing_stays_last(open_page, tmp_path):
    write_page(numbers(11), tmp_path / "page.html")
    page = open_page(tmp_path / "page.html")
    score = page.get_by_role("button", name="score")
    score.click()
    assert first_cells(page) == [f"class {i}" for i in (10, 9, 8, 7, 6, 5, 4, 3, 1, 0, 2)]
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("score")
    score.click()
    assert first_cells(page) == [f"class {i}" for i in (0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 2)]
    page.get_by_role("button", name="name").focus()
    page.keyboard.press("Enter")
    assert first_cells(page) == [f"class {i}" for i in range(11)]
    page.get_by_role("button", name="range").click()
    assert first_cells(page)[0] == "class 0"
    assert page.locator("th[aria-sort]:not([aria-sort=none])").count() == 1


def test_search_in_two_thousand_rows(open_page, tmp_path):
    write_page(numbers(2000), tmp_path / "page.html")
    page = open_page(tmp_path / "page.html")
    assert page.locator("output").inner_text() == "2,000 rows"
    page.get_by_label("Search").fill("CLASS 199")
    assert page.locator("output").inner_text() == "12 of 2,000 rows"
    page.get_by_role("button", name="score").click()
    assert first_cells(page) == [
        f"class {i}" for i in (1999, 1998, 1997, 1996, 1995, 1994, 1993, 1992, 1991, 1990, 1199, 199)
    ]
    page.get_by_label("Search").fill("nowhere")
    assert first_cells(page) == []


def test_the_navigation_marks_what_is_read(open_page, tmp_path):
    parts = [Text("word " * 2000)]
    write_page(Page("x", [Section("First", parts), Section("Second", parts)]), tmp_path / "page.html")
    page = open_page(tmp_path / "page.html")
    page.locator("nav a", has_text="Second").click()
    page.wait_for_selector("nav a[aria-current]:has-text('Second')")
    assert page.locator("nav a[aria-current]").count() == 1


def test_trouble_is_noticed(open_page, tmp_path):
    (tmp_path / "page.html").write_text('<img src="other.png"><script>lost()</script>')
    open_page(tmp_path / "page.html").wait_for_load_state("networkidle")
    assert any("asked for file:" in trouble and "other.png" in trouble for trouble in open_page.troubles)
    assert any(trouble.startswith("raised: ") and "lost" in trouble for trouble in open_page.troubles)
    open_page.troubles.clear()
