from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tagger.config import Config, parse_config
from tagger.errors import CatalogError
from tagger.report.explore import explore_catalog
from tagger.report.explore_page import explore_page
from tagger.report.page import Page, render_page, write_page

NASTY = """<b onclick="x()">"O'Hara" & $5</b></script><script>alert(1)</script> שלום"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 photos in four sizes; number 7 is a copy of number 0, number 29 is broken."""
    folder = tmp_path_factory.mktemp("explored") / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for number in range(30):
        pixels = noise.integers(0, 256, (6, 4, 3), dtype=np.uint8)
        size = [(60, 80), (60, 80), (120, 160), (200, 20)][number % 4]
        Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR).save(folder / f"{number}.png")
    (folder / "7.png").write_bytes((folder / "0.png").read_bytes())
    (folder / "29.png").write_text("no photo")
    return folder


def write_table(photos: Path, name: str, columns: list[str], rows: list[list[object]]) -> Path:
    path = photos.parent / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", *columns])
        writer.writerows([f"p{n}", f"photos/{n % 30}.png", *row] for n, row in enumerate(rows))
    return path


def page_of(path: Path, config: Config | None = None) -> Page:
    return explore_page(explore_catalog(path, config or Config()))


def titles(page: Page) -> list[str]:
    return [section.title for section in page.sections]


def test_a_catalog_with_everything(photos):
    rows = [
        [f"kind {n % 3}", f"{'red' if n % 2 else 'blue'}", 2010 + n % 4, 10 * n, "yes" if n % 5 else "no"]
        for n in range(30)
    ]
    path = write_table(photos, "all.csv", ["kind", "colour", "year", "price", "fragile"], rows)
    found = explore_catalog(path, Config())
    assert [b.name for b in found.balances] == ["kind", "colour"]
    assert [(n.name, len(n.values)) for n in found.numbers] == [("year", 30), ("price", 30)]
    assert list(found.associations) == ["kind", "colour", "year", "fragile"]
    assert found.associations.loc["colour", "year"] == pytest.approx(1)
    assert [group.ids for group in found.duplicates] == [("p0", "p7")]
    assert set(found.odd["why"]) == {"unusual shape"} and len(found.odd) == 7
    page = explore_page(found, command="tagger explore all.csv")
    assert titles(page) == [
        "Overview", "Missing values", "Imbalance", "kind", "colour", "Flags", "Year and price", "What goes together",
        "Photo sizes", "Near-duplicates",
    ]  # fmt: skip
    html = render_page(page)
    for text in (
        "tagger explore all.csv",
        "p29",
        "kind 0",
        "Photos that can&#39;t be read",
        "different in kind, colour",
    ):
        assert text in html


def test_a_page_opens_from_disk_with_all_its_pictures(open_page, photos, tmp_path):
    rows = [[NASTY if n % 3 else "plain", ["12,50", "abc", "10", "0"][n % 4], 1999 + n % 2] for n in range(30)]
    write_page(page_of(write_table(photos, "nasty.csv", [NASTY, "price", "year"], rows)), tmp_path / "catalog.html")
    page = open_page(tmp_path / "catalog.html", width=700)
    page.evaluate("Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode(); }))")
    assert page.evaluate("document.images.length") > 20
    assert NASTY in page.locator("nav").inner_text()
    # "abc" and "12,50" are no prices.
    assert "16 values of price are no number" in page.locator("[role=note].warning").first.inner_text()
    classes = page.locator(".table", has_text=f"Classes of {NASTY}")
    assert classes.locator("tbody th").all_inner_texts() == [NASTY, "plain"]
    classes.get_by_role("button", name="products").click()
    classes.get_by_role("button", name="products").click()
    assert classes.locator("tbody th").all_inner_texts() == ["plain", NASTY]


def test_a_folder_of_photos_without_labels(photos):
    page = page_of(photos)
    assert titles(page) == ["Overview", "Missing values", "Photo sizes", "Near-duplicates"]
    assert "The catalog has no attributes" in render_page(page)


def test_a_folder_per_class(tmp_path):
    for number in range(6):
        folder = tmp_path / "classes" / ("cup" if number % 2 else "mug")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (80, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    page = page_of(tmp_path / "classes")
    assert "label" in titles(page)
    assert "No two photos are nearly the same." in render_page(page)


def test_a_catalog_without_a_single_photo(photos):
    path = photos.parent / "none.csv"
    path.write_text("id,image,kind\n" + "".join(f"{n},nowhere/{n}.png,{'cup' if n % 2 else 'mug'}\n" for n in range(9)))
    html = render_page(page_of(path))
    assert "The catalog has no photo whose size could be read." in html
    assert "data:image/jpeg" not in html


def test_rare_labels_and_labels_that_are_all_missing_stay_in(photos):
    rows = [["often" if n else "once", ""] for n in range(30)]
    path = write_table(photos, "rare.csv", ["kind", "colour"], rows)
    config = parse_config({"attributes": {"kind": {"min_count": 5}, "colour": {}}}, "the test")
    found = explore_catalog(path, config)
    assert found.balances[0].counts == {"often": 29, "once": 1}
    html = render_page(explore_page(found))
    assert "No product has a label of colour." in html
    assert "kept" in html


def test_one_class(photos):
    path = write_table(photos, "one.csv", ["kind"], [["cup"]] * 30)
    page = page_of(path, parse_config({"attributes": {"kind": {}}}, "the test"))
    assert titles(page)[:4] == ["Overview", "Missing values", "Imbalance", "kind"]
    assert "What goes together" not in titles(page)


def test_two_thousand_classes(photos):
    path = write_table(photos, "many.csv", ["kind"], [[f"class {n // 2:04d}"] for n in range(4200)])
    done = []
    found = explore_catalog(path, parse_config({"attributes": {"kind": {}}}, "the test"))
    html = render_page(explore_page(found, progress=lambda *told: done.append(told)))
    assert "the 2,000 most frequent of 2,100" in html
    assert len(re.findall('<th scope="row" class="text"><span dir="auto">class ', html)) == 2000
    assert len(html) < 15_000_000
    # Number 29 of 30 photos is broken, so that not all classes have one.
    assert done[-1][1:] == (2000, "classes drawn")


def test_an_empty_folder(tmp_path):
    with pytest.raises(CatalogError, match="Expected photos"):
        explore_catalog(tmp_path, Config())
