"""`tagger duplicates` from the catalog on disk to the CSV."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tagger.cli.duplicates import _MAX_DIFFERENCE, command
from tagger.errors import CatalogError

pytest.importorskip("imagehash")


def test_a_photo_that_comes_twice(sample_catalog: Path, tmp_path: Path) -> None:
    photos = sorted((sample_catalog / "images").iterdir())[:20]
    (tmp_path / "photos").mkdir()
    for photo in photos:
        shutil.copy(photo, tmp_path / "photos")
    shutil.copy(photos[3], tmp_path / "photos" / "again.jpg")
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no photo")
    out, sheet = tmp_path / "duplicates.csv", tmp_path / "sheet.png"
    arguments = [str(tmp_path / "photos"), "--out", str(out), "--contact-sheet", str(sheet)]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    group = next(row["group"] for row in rows if row["id"] == "again")
    assert photos[3].stem in {row["id"] for row in rows if row["group"] == group}
    assert result.stdout == f"Duplicates: {out} ({rows[-1]['group']} group(s), {len(rows)} products)\n"
    assert "  broken: " in result.stderr and "not a photo" in result.stderr
    assert f"(the first {rows[-1]['group']} group(s))" in result.stderr
    assert sheet.is_file()


def test_no_catalog(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "none"), "--out", str(tmp_path / "out.csv")])
    assert isinstance(result.exception, CatalogError) and not (tmp_path / "out.csv").exists()


def test_the_default_is_that_of_the_library() -> None:
    from tagger.search.same_photo import MAX_DIFFERENCE

    assert _MAX_DIFFERENCE == MAX_DIFFERENCE
