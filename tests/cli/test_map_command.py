"""`tagger map` and `tagger evaluate-search` from the command line; the network only sees colours."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tagger.bundle import Bundle
from tagger.search.build import build_index
from tagger.search.items import Item

COLOURS = {"Tshirts": (220, 20, 20), "Sports Shoes": (20, 220, 20), "Belts": (20, 20, 220)}
Run = Callable[..., int]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Thirty products of three kinds, a third of them in each part."""
    folder = tmp_path / "catalog"
    folder.mkdir()
    random = np.random.default_rng(0)
    lines, parts = ["id,image,title,articleType,gender"], ["id,part"]
    for row in range(30):
        kind = list(COLOURS)[row % 3]
        colour = np.clip(np.array(COLOURS[kind]) + random.integers(-15, 15, 3), 0, 255)
        Image.new("RGB", (16, 20), tuple(colour.tolist())).save(folder / f"{row}.png")
        lines.append(f"{row},{row}.png,A {kind} №{row},{kind},{'Men' if row % 2 else 'Women'}")
        parts.append(f"{row},{('test', 'validation', 'train')[row // 3 % 3]}")
    (folder / "products.csv").write_text("\n".join(lines), encoding="utf-8")
    (folder / "split.csv").write_text("\n".join(parts))
    return folder / "products.csv"


@pytest.fixture
def index(run: Run, catalog: Path, tiny_bundle: Path, tmp_path: Path) -> Path:
    """The index of the catalog."""
    assert run("index", catalog, "--model", tiny_bundle, "--out", tmp_path / "index") == 0
    return tmp_path / "index"


def evaluate(run: Run, catalog: Path, out: Path, *options: object) -> int:
    return run(
        "evaluate-search", "--data", catalog, "--split-file", catalog.parent / "split.csv", "--out", out,
        "--attributes", "articleType,gender", "--queries", 8, "-k", 3, *options,
    )  # fmt: skip


def test_methods_are_measured_on_an_index(run: Run, catalog: Path, index: Path, tmp_path: Path, capsys) -> None:
    methods = "embedding,pca:best,heads,text,hybrid,eigenfaces:2,random"
    assert evaluate(run, catalog, tmp_path / "report", "--index", index, "--methods", methods) == 0
    table = capsys.readouterr().out
    assert table.splitlines()[-1] == f"Report: {tmp_path / 'report'}"
    assert "articleType R@3" in table and "+ gender R@3" in table
    found = json.loads((tmp_path / "report/metrics.json").read_text())
    assert (found["queries"], found["gallery"], found["tuning_queries"], found["seed"]) == (8, 18, 8, 0)
    by_name = {method["name"]: method["measures"] for method in found["methods"]}
    assert by_name["embedding"]["articleType"]["precision"] == 1
    assert by_name["text, TF-IDF"]["articleType"]["precision"] == 1
    assert by_name["random"]["articleType"]["precision"] < 0.8
    with (tmp_path / "report/methods.csv").open() as file:
        assert [row["method"] for row in csv.DictReader(file)] == list(by_name)
    summary = (tmp_path / "report/summary.md").read_text()
    assert (
        "8 products of the part test (drawn with seed 0)" in summary
        and "![pca dimensions](pca_dimensions.png)" in summary
    )
    assert {"methods.png", "by_rank.png"} <= {path.name for path in (tmp_path / "report").iterdir()}


def test_a_bundle_embeds_the_photos_and_the_figures_are_those_of_its_index(
    run: Run, catalog: Path, index: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    for name, source in {"a": ("--index", index), "b": ("--model", tiny_bundle), "c": ("--model", tiny_bundle)}.items():
        assert evaluate(run, catalog, tmp_path / name, *source, "--methods", "embedding,random", "--seed", 5) == 0
    a, b, c = (json.loads((tmp_path / name / "metrics.json").read_text())["methods"] for name in "abc")
    assert [m["measures"] for m in b] == [m["measures"] for m in c]
    # An index rounds its vectors, which decides between products that are as near; chance draws the same ones.
    assert a[0]["measures"]["articleType"] == b[0]["measures"]["articleType"]
    assert a[1]["measures"] == b[1]["measures"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "Give --index, or a --model"),
        (("--index", "INDEX", "--methods", "embeding"), 1, 'Did you mean "embedding"?'),
        (
            ("--index", "INDEX", "--attributes", "articletype"),
            1,
            'no column "articletype". Did you mean "articleType"?',
        ),
        (("--index", "INDEX", "--attributes", ","), 1, "Expected --attributes"),
        (("--index", "nowhere"), 1, "There is no index nowhere"),
        (
            ("--index", "INDEX", "--split", "validation", "--queries", "10"),
            1,
            "leaves no validation products to tune on",
        ),
        (("--index", "INDEX", "--queries", "0"), 2, "0 is not in the range"),
    ],
)
def test_evaluate_search_says_what_is_wrong(
    run: Run, catalog: Path, index: Path, tmp_path: Path, capsys, options: tuple[str, ...], code: int, message: str
) -> None:
    options = tuple(str(index) if option == "INDEX" else option for option in options)
    assert evaluate(run, catalog, tmp_path / "report", *options) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_an_index_of_other_products_or_of_another_bundle(
    run: Run, catalog: Path, tiny_bundle: Path, tmp_path: Path, capsys
) -> None:
    bundle = Bundle.open(tiny_bundle)
    build_index([(Item("other"), [1, 0, 0])], tmp_path / "others", bundle_id=bundle.id, bundle_path=tiny_bundle)
    assert evaluate(run, catalog, tmp_path / "report", "--index", tmp_path / "others", "--methods", "random") == 1
    assert "holds none of the 30 products" in capsys.readouterr().err
    build_index([(Item("0"), [1, 0, 0])], tmp_path / "foreign", bundle_id="x", bundle_path=tiny_bundle)
    assert evaluate(run, catalog, tmp_path / "report", "--index", tmp_path / "foreign", "--methods", "random") == 1
    assert "was made with another bundle" in capsys.readouterr().err


def test_other_files_are_not_replaced(run: Run, catalog: Path, index: Path, tmp_path: Path, capsys) -> None:
    assert evaluate(run, catalog, catalog.parent, "--index", index) == 1
    assert run("map", "--index", index, "--out", catalog.parent) == 1
    assert "holds other files than a map" in capsys.readouterr().err
    assert catalog.is_file()


def test_a_map_is_drawn(run: Run, index: Path, tmp_path: Path, capsys) -> None:
    assert run("map", "--index", index, "--by", "articleType", "--method", "pca", "--out", tmp_path / "map") == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].startswith("Tightest articleType: ") and "Mixed articleType: none" in said.out
    assert said.out.splitlines()[-1] == f"Map: {tmp_path / 'map' / 'map.html'} (30 products)"
    names = {path.name for path in (tmp_path / "map").iterdir()}
    assert names == {"map.html", "map.png", "scree.png", "clusters.csv", "places.csv"}
    with (tmp_path / "map/places.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 30
    assert run("map", "--index", index, "--method", "pca", "--products", 12, "--out", tmp_path / "map") == 0
    assert "(12 products)" in capsys.readouterr().out
    assert "Drawn by chance from 30" in (tmp_path / "map/map.html").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--by", "artikelType"), 'No product of the index has a label of "artikelType". Did you mean "articleType"?'),
        (("--products", "4"), "4 is not in the range"),
        (("--method", "mds"), "'mds' is not one of"),
    ],
)
def test_map_says_what_is_wrong(run: Run, index: Path, tmp_path: Path, capsys, options, message: str) -> None:
    assert run("map", "--index", index, "--out", tmp_path / "map", *options) != 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "map").exists()


def test_a_map_of_too_few_or_of_products_without_labels(run: Run, tmp_path: Path, capsys) -> None:
    few = [(Item(str(row), "", {"a": "b"}), [1, row]) for row in range(3)]
    build_index(few, tmp_path / "few", bundle_id="x")
    assert run("map", "--index", tmp_path / "few", "--out", tmp_path / "map") == 1
    assert "at least 5 products" in capsys.readouterr().err
    build_index([(Item(str(row)), [1, row]) for row in range(9)], tmp_path / "bare", bundle_id="x")
    assert run("map", "--index", tmp_path / "bare", "--out", tmp_path / "map") == 1
    assert "no labels to colour a map by" in capsys.readouterr().err
