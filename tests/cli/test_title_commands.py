"""`tagger tag` and `tagger evaluate` with a bundle that reads titles: "shirt" says red, "shoes" green, "belt" blue."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tagger.bundle import seal
from tagger.novelty import Novelty

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Six products: title and photo disagree in the first, no title in the second, no photo in the third."""
    (tmp_path / "photos").mkdir()
    rows = []
    products = [
        ("red", "Blue belt", "Belts"), ("red", "", "Tshirts"), ("", "Shoes", "Sports Shoes"), ("", "", "Tshirts"),
        ("lime", "shoes", "Sports Shoes"), ("red", "belt", "Belts"),
    ]  # fmt: skip
    for number, (colour, title, kind) in enumerate(products, start=1):
        if colour:
            Image.new("RGB", (16, 20), colour).save(tmp_path / "photos" / f"{number}.png")
        rows.append(f"{number},photos/{number}.png,{title},{kind}")
    (tmp_path / "products.csv").write_text("\n".join(["id,image,title,articleType", *rows]) + "\n")
    return tmp_path / "products.csv"


def kinds(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["articleType"] for row in csv.DictReader(file)]


def test_titles_of_a_catalog_are_read(
    run: Run, titled_bundle: Path, catalog: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "tags.csv"
    assert run("tag", catalog, "--model", titled_bundle, "--out", out) == 3
    assert kinds(out) == ["Belts", "Tshirts", "Sports Shoes", "", "Sports Shoes", "Belts"]
    assert capsys.readouterr().err.splitlines() == [
        f"Tags: {out} (6 photos)",
        "2 of 6 photos could not be tagged; the column error says why.",
        "1 of these products were tagged by their titles alone.",
    ]
    assert run("tag", catalog, "--model", titled_bundle, "--out", out, "--inputs", "image") == 3
    assert kinds(out) == ["Tshirts", "Tshirts", "", "", "Sports Shoes", "Tshirts"]
    assert run("tag", catalog, "--model", titled_bundle, "--out", out, "--inputs", "title") == 3
    assert kinds(out) == ["Belts", "", "Sports Shoes", "", "Sports Shoes", "Belts"]


def test_titles_alone_need_no_photos(run: Run, titled_bundle: Path, tmp_path: Path, capsys: Captured) -> None:
    table, out = tmp_path / "titles.csv", tmp_path / "tags.csv"
    table.write_text("id,title,articleType\n1,Blue belt,Belts\n2,Shoes,Sports Shoes\n")
    assert run("tag", table, "--model", titled_bundle, "--out", out) == 1
    assert "catalog.photos=false" in capsys.readouterr().err
    assert run("tag", table, "--model", titled_bundle, "--out", out, "--inputs", "title") == 0
    assert kinds(out) == ["Belts", "Sports Shoes"]
    report = tmp_path / "report"
    asked = ("--data", table, "--split", "all", "--inputs", "title", "--out", report)
    assert run("evaluate", "--model", titled_bundle, *asked) == 0
    assert json.loads((report / "metrics.json").read_text())["attributes"]["articleType"]["accuracy"] == 1


def test_json_lines_say_what_tags_come_from(run: Run, titled_bundle: Path, catalog: Path, tmp_path: Path) -> None:
    out = tmp_path / "tags.jsonl"
    assert run("tag", catalog, "--model", titled_bundle, "--out", out) == 3
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["inputs"] for row in found] == ["image+title", "image", "title", "", "image+title", "image+title"]
    assert found[2]["error"] and found[2]["tags"]["articleType"]["label"] == "Sports Shoes"


def test_a_folder_of_photos_has_no_titles(run: Run, titled_bundle: Path, catalog: Path, tmp_path: Path) -> None:
    out = tmp_path / "tags.csv"
    assert run("tag", catalog.parent / "photos", "--model", titled_bundle, "--out", out) == 0
    assert sorted(kinds(out)) == ["Sports Shoes", "Tshirts", "Tshirts", "Tshirts"]


@pytest.mark.parametrize("name", ["name", "title"])
def test_titles_are_where_they_were_in_training(
    run: Run, titled_bundle: Path, catalog: Path, tmp_path: Path, name: str
) -> None:
    from tagger.bundle import seal

    settings = json.loads((titled_bundle / "config.json").read_text())
    settings["catalog"]["columns"] = {"title": "name"}
    (titled_bundle / "config.json").write_text(json.dumps(settings))
    seal(titled_bundle, {})
    catalog.write_text(catalog.read_text().replace("title", name, 1))
    run("tag", catalog, "--model", titled_bundle, "--out", tmp_path / "tags.csv")
    assert kinds(tmp_path / "tags.csv")[0] == "Belts"


def test_a_bundle_of_photos_alone_says_so(
    run: Run, tiny_bundle: Path, catalog: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "tags.csv"
    assert run("tag", catalog, "--model", tiny_bundle, "--out", out, "--inputs", "title") == 1
    assert "can't read titles" in capsys.readouterr().err
    assert not out.exists()


def evaluated(run: Run, bundle: Path, catalog: Path, out: Path, *more: str) -> dict:
    assert run("evaluate", "--model", bundle, "--data", catalog, "--split", "all", "--out", out, *more) == 0
    return json.loads((out / "metrics.json").read_text())


def test_image_title_and_both_are_reported_side_by_side(
    run: Run, titled_bundle: Path, catalog: Path, tmp_path: Path
) -> None:
    figures = evaluated(run, titled_bundle, catalog, tmp_path / "report")
    assert (figures["products"], figures["unreadable"]) == (5, 1)  # that without a photo has a title
    assert figures["attributes"]["articleType"]["accuracy"] == 1
    compared = figures["inputs"]  # on the three products with photo and title
    assert compared["image"]["articleType"]["accuracy"] == pytest.approx(1 / 3)
    assert compared["title"]["articleType"] == compared["both"]["articleType"] == {"accuracy": 1, "macro_f1": 1}
    assert compared["image"]["all_at_once"]["accuracy"] == pytest.approx(1 / 3)
    summary = (tmp_path / "report" / "summary.md").read_text()
    assert "## Image, title and both\n\nThe 3 products that have a photo and a title" in summary
    assert "| articleType" in summary.split("## Image, title and both")[1]


@pytest.mark.parametrize(("inputs", "accuracy", "products"), [("image", 0.5, 4), ("title", 1, 4)])
def test_what_is_judged_can_be_chosen(
    run: Run, titled_bundle: Path, catalog: Path, tmp_path: Path, inputs: str, accuracy: float, products: int
) -> None:
    figures = evaluated(run, titled_bundle, catalog, tmp_path / "report", "--inputs", inputs)
    assert figures["products"] == products
    assert figures["attributes"]["articleType"]["accuracy"] == accuracy
    assert figures["inputs"]["image"]["articleType"]["accuracy"] == pytest.approx(1 / 3)


def test_a_bundle_of_photos_alone_has_nothing_to_compare(
    run: Run, tiny_bundle: Path, catalog: Path, tmp_path: Path, capsys: Captured
) -> None:
    figures = evaluated(run, tiny_bundle, catalog, tmp_path / "report")
    assert "inputs" not in figures
    assert "Image, title" not in (tmp_path / "report" / "summary.md").read_text()
    arguments = ("evaluate", "--model", tiny_bundle, "--data", catalog, "--split", "all", "--out", tmp_path / "other")
    assert run(*arguments, "--inputs", "title") == 1
    assert "can't read titles" in capsys.readouterr().err


@pytest.mark.parametrize(("inputs", "share"), [("image", 0.25), ("auto", 0.2), ("title", None)])
def test_titles_say_nothing_of_what_is_no_product(
    run: Run, titled_bundle: Path, catalog: Path, tmp_path: Path, inputs: str, share: float | None
) -> None:
    """In batches of one, of which some have no photo. One photo of four is unlike all that the model knows."""
    Novelty(np.eye(3), np.array([[1.0, 0, 0]])).write(titled_bundle / "novelty.npy")
    seal(titled_bundle, {})
    figures = evaluated(run, titled_bundle, catalog, tmp_path / "report", "--inputs", inputs, "--batch-size", "1")
    assert figures["not_a_product"] == share
