from __future__ import annotations

import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    for kind, colour in (("cup", "red"), ("mug", "blue")):
        folder = tmp_path / "photos" / kind
        folder.mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (60, 80 + number), colour).save(folder / f"{number}.jpg")
    return tmp_path / "photos"


def test_writes_the_page_where_it_is_told_to(photos, tmp_path, run, capsys):
    out = tmp_path / "deep" / "page.html"
    assert run("explore", photos, "--out", out) == 0
    assert capsys.readouterr().out == f"Page: {out}\n"
    html = out.read_text(encoding="utf-8")
    assert "<title>Catalog photos</title>" in html
    assert f"tagger explore {photos} --out {out}" in html


def test_the_page_is_catalog_html_and_settings_reach_it(photos, tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("explore", photos, "--set", "catalog.layout=photos") == 0
    assert "The catalog has no attributes." in (tmp_path / "catalog.html").read_text(encoding="utf-8")


def test_a_catalog_is_never_overwritten_by_its_page(photos, tmp_path, run, capsys):
    table = tmp_path / "table.csv"
    table.write_text("id,image\n1,photos/cup/0.jpg\n")
    assert run("explore", table, "--out", table) == 1
    assert "ends in .html" in capsys.readouterr().err
    assert table.read_text().startswith("id,image")


@pytest.mark.parametrize("out", ["photos.html", "file/page.html"])
def test_a_page_that_can_not_be_written(photos, tmp_path, run, capsys, out):
    (tmp_path / "photos.html").mkdir()
    (tmp_path / "file").write_text("")
    assert run("explore", photos, "--out", tmp_path / out) == 1
    assert "Can't write" in capsys.readouterr().err


def test_nothing_is_left_where_there_is_no_catalog(tmp_path, run, capsys):
    (tmp_path / "empty").mkdir()
    assert run("explore", tmp_path / "empty", "--out", tmp_path / "page.html") == 1
    assert "Expected photos" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
