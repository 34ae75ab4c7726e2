"""`tagger index` and `tagger similar` from the catalog on disk to the printed hits; the network only sees colours."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from tagger.bundle import Bundle
from tagger.calibration import Calibration
from tagger.cli import index as index_module
from tagger.cli import similar as similar_module
from tagger.config import Config, load_config
from tagger.errors import CatalogError, ConfigError, IndexFolderError, OutputError, PhotoError, SearchError
from tagger.inference import Tagger
from tagger.inference.engine import Engine
from tagger.labels import Attribute, LabelSpace
from tagger.search import Index

COLOURS = {"Red": (250, 10, 0), "Green": (10, 250, 0), "Blue": (0, 10, 250)}


class ColourEngine(Engine):
    """The embedding is the mean colour, the answer the strongest channel."""

    def run(self, photos: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        mean = photos.mean(axis=(1, 2), dtype=np.float32)
        return {"baseColour_softmax": mean, "embedding": mean}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Seven products, two of each colour but for one without a usable photo; the second of a colour has no label."""
    folder = tmp_path / "catalog"
    folder.mkdir()
    lines = ["id,image,title,baseColour"]
    for number, (name, colour) in enumerate([*COLOURS.items()] * 2):
        Image.new("RGB", (60, 80), (*colour[:2], colour[2] + number // 3)).save(folder / f"{number}.png")
        lines.append(f"{number},{number}.png,{name} shirt №{number},{name if number < 3 else ''}")
    (folder / "broken.png").write_bytes(b"no photo")
    (folder / "products.csv").write_text("\n".join([*lines, "broken,broken.png,A broken one,"]), encoding="utf-8")
    return folder / "products.csv"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle folder; Tagger.open answers with the colour engine."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "config.json").write_text(Config().model_dump_json())
    space = LabelSpace({"baseColour": Attribute("baseColour", tuple(COLOURS), (), ("softmax",), "softmax")})
    manifest = {"files": {"model.onnx": {"sha256": "colours"}}}

    def open_tagger(path: Path, *_: object) -> Tagger:
        return Tagger(
            Bundle(folder, space, Calibration(), load_config(folder / "config.json"), manifest), ColourEngine()
        )

    monkeypatch.setattr(Tagger, "open", open_tagger)
    return folder


@pytest.fixture
def folder(tmp_path: Path, catalog: Path, model: Path) -> Path:
    """The index of the catalog."""
    make_index(catalog, model, tmp_path / "index")
    return tmp_path / "index"


def make_index(catalog: Path, model: Path, out: Path, *options: str) -> Result:
    arguments = [str(catalog), "--model", str(model), "--out", str(out), *options]
    return CliRunner().invoke(index_module.command, arguments)


def similar(*arguments: object) -> Result:
    return CliRunner().invoke(similar_module.command, [str(argument) for argument in arguments])


def test_index_leaves_out_broken_photos_and_says_so(tmp_path: Path, catalog: Path, model: Path) -> None:
    result = make_index(catalog, model, tmp_path / "index")
    assert result.exit_code == 3
    assert result.stdout == f"Index: {tmp_path / 'index'} (6 products, 3 dimensions)\n"
    assert "1 photo(s) can't be used; their products are left out:" in result.stderr and "broken: " in result.stderr
    assert len(Index.open(tmp_path / "index")) == 6


def test_products_without_a_photo_are_told_and_no_failure(tmp_path: Path, catalog: Path, model: Path) -> None:
    (catalog.parent / "broken.png").unlink()
    result = make_index(catalog, model, tmp_path / "index")
    assert result.exit_code == 0
    assert result.stderr == "1 product(s) have no photo and are left out: broken\n"
    with catalog.open("a") as file:
        file.writelines(f"\n{number},,," for number in range(100, 106))
    assert make_index(catalog, model, tmp_path / "index").stderr.startswith("7 product(s) have no photo")


def test_index_of_a_folder_of_photos(tmp_path: Path, catalog: Path, model: Path) -> None:
    (catalog.parent / "broken.png").unlink()
    result = make_index(catalog.parent, model, tmp_path / "index")
    assert result.exit_code == 0 and not result.stderr
    assert Index.open(tmp_path / "index").item("2").labels == {"baseColour": "Blue"}


def test_index_tells_what_it_leaves_out(
    tmp_path: Path, catalog: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with catalog.open("a") as file:
        file.write("\n0,1.png,Twice,Red")
    assert make_index(catalog, model, tmp_path / "index").exit_code == 3
    assert caplog.messages == [f"{catalog}: 1 left out. Rows whose id an earlier row has already. (0)"]


def test_index_reads_the_columns_of_training_unless_told_otherwise(tmp_path: Path, catalog: Path, model: Path) -> None:
    text = catalog.read_text().replace("id,image,title", "sku,image,name")
    catalog.write_text(text)
    columns = "{id: sku, title: name}"
    trained = {"catalog": {"layout": "fashion", "columns": {"id": "sku", "title": "name"}}}
    (model / "config.json").write_text(json.dumps(trained))
    for name, options in {"a": (), "b": ("--set", f"catalog.columns={columns}"), "c": ("--config", "c.yaml")}.items():
        (tmp_path / "c.yaml").write_text(f"catalog:\n  columns: {columns}\n")
        options = tuple(str(tmp_path / option) if option == "c.yaml" else option for option in options)
        assert make_index(catalog, model, tmp_path / name, *options).exit_code == 3
        assert Index.open(tmp_path / name).item("1").title == "Green shirt №1"


def test_index_stops_where_there_is_nothing_to_read_or_no_place_to_write(
    tmp_path: Path, catalog: Path, model: Path
) -> None:
    assert isinstance(make_index(tmp_path / "none", model, tmp_path / "index").exception, CatalogError)
    assert isinstance(make_index(catalog, model, catalog.parent).exception, OutputError)
    assert isinstance(make_index(catalog, model, catalog / "index").exception, OutputError)
    assert catalog.is_file()


def test_similar_by_id_prints_a_table(folder: Path) -> None:
    result = similar("0", "--index", folder, "-k", 2)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "rank  score   image   text    id  title           labels",
        "1     0.8393  0.9996  0.4651  3   Red shirt №3    Red*",
        "2     0.0875  0.0799  0.1054  1   Green shirt №1  Green",
    ]
    assert result.stderr == "* predicted: the catalog has no such label\n"
    assert not similar("3", "--index", folder, "-k", 1).stderr


def test_similar_by_photo_leaves_out_the_very_photo(folder: Path, catalog: Path) -> None:
    result = similar(catalog.parent / "0.png", "--index", folder, "--format", "json", "-k", 100)
    found = json.loads(result.stdout)
    assert found["query"] == {
        "id": "0.png", "title": "", "labels": {"baseColour": "Red"}, "predicted": ["baseColour"],
        "image": str(catalog.parent / "0.png"), "facts": {},
    }  # fmt: skip
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3, 4, 5]
    assert found["hits"][0] == {
        "rank": 1, "score": pytest.approx(1, abs=1e-3), "image_score": pytest.approx(1, abs=1e-3), "text_score": None,
        "id": "3", "title": "Red shirt №3", "labels": {"baseColour": "Red"}, "predicted": ["baseColour"],
        "image": str(catalog.parent / "3.png"), "facts": {},
    }  # fmt: skip


def test_similar_draws_a_contact_sheet(tmp_path: Path, folder: Path) -> None:
    result = similar("0", "--index", folder, "--contact-sheet", tmp_path / "sheet.png")
    assert result.exit_code == 0 and "Contact sheet: " in result.stderr
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 1000
    failed = similar("0", "--index", folder, "--contact-sheet", folder / "index.json" / "sheet.png")
    assert isinstance(failed.exception, OutputError)


def test_similar_says_what_it_does_not_know(tmp_path: Path, folder: Path) -> None:
    unknown = similar("00", "--index", folder)
    assert isinstance(unknown.exception, SearchError) and 'Did you mean "0"?' in str(unknown.exception)
    assert isinstance(similar("0", "--index", tmp_path / "none").exception, IndexFolderError)
    assert similar("0", "--index", folder, "-k", 0).exit_code == 2
    for name in ("", "x" * 5000):  # what can be no path
        assert "neither a photo nor the id" in str(similar(name, "--index", folder).exception)


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


def test_similar_by_a_mix_with_filters(folder: Path, catalog: Path) -> None:
    photo = str(catalog.parent / "0.png")
    result = similar("--image", f"{photo}:0.2", "--text", "green shirt:0.8", "--index", folder, "-k", 2)
    assert result.exit_code == 0
    assert [line.split()[4] for line in result.stdout.splitlines()[1:]] == ["1", "4"]
    filters = ("--where", "baseColour=Green|Blue", "--where", "baseColour!=Blue")
    result = similar("0", "--text", "blue:0.01", *filters, "--index", folder)
    assert [line.split()[4] for line in result.stdout.splitlines()[1:]] == ["1", "4"]
    result = similar("0", "--where", "baseColour=Pink'; --", "--index", folder)
    assert result.exit_code == 0
    assert result.stderr == "None of the 6 products meets baseColour=Pink'; --.\n"
    result = similar("--text", "trousers", "--index", folder)
    assert result.stderr == "None of the 6 products has any of these words.\n"
    assert isinstance(similar("0", "--where", "size=1", "--index", folder).exception, SearchError)
    assert isinstance(similar("--id", "0:1", "--id", "1:-1", "--index", folder).exception, SearchError)
    assert similar("--index", folder).exit_code == 2


def test_one_query_as_csv(folder: Path, tmp_path: Path) -> None:
    printed = similar("0", "--index", folder, "-k", 1, "--format", "csv").stdout
    assert rows_of(printed) == [
        ["query", "rank", "id", "score", "image_score", "text_score", "title", "baseColour"],
        ["0", "1", "3", "0.839279", "0.999646", "0.465089", "Red shirt №3", "Red"],
    ]
    assert similar("0", "--index", folder, "-k", 1, "--out", tmp_path / "similar.csv").exit_code == 0
    assert (tmp_path / "similar.csv").read_text(encoding="utf-8") == printed


@pytest.mark.parametrize(("name", "options"), [("a.json", ()), ("a.txt", ("--format", "json"))])
def test_one_query_as_json_in_a_file(folder: Path, tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    printed = similar("0", "--index", folder, "--format", "json").stdout
    result = similar("0", "--index", folder, "--out", tmp_path / name, *options)
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / name).read_text(encoding="utf-8") == printed
    assert similar("0", "1", "--index", folder, "--out", tmp_path / name, "--format", "json").exit_code == 2
    assert similar("0", "--index", folder, "--out", tmp_path / name, "--format", "table").exit_code == 2


def test_a_filter_that_no_product_meets_is_told(folder: Path) -> None:
    said = "None of the 6 products meets baseColour=red. Did you mean baseColour=Red?\n"
    assert similar("0", "--index", folder, "--where", "baseColour=red").stderr == said
    assert similar("0", "1", "--index", folder, "--where", "baseColour=red").stderr.startswith(said)


def test_nan_is_no_number(folder: Path) -> None:
    assert similar("0", "--index", folder, "--min-score", "nan").exit_code == 2
    assert similar("0", "--index", folder, "--text-weight", "nan").exit_code == 2


def test_many_photos_are_answered_and_broken_ones_told(folder: Path, catalog: Path, tmp_path: Path) -> None:
    out = tmp_path / "similar.csv"
    result = similar(catalog.parent, "--index", folder, "-k", 2, "--out", out)
    assert result.exit_code == 3
    assert "1 of 7 queries could not be answered:\n  broken: " in result.stderr
    rows = rows_of(out.read_text(encoding="utf-8"))[1:]
    assert [row[:3] for row in rows[:4]] == [["0", "1", "3"], ["0", "2", "1"], ["1", "1", "4"], ["1", "2", "0"]]
    assert len(rows) == 12 and all(row[5] == "" for row in rows)


def test_products_of_a_catalog_are_asked_for_by_photo_and_title(folder: Path, catalog: Path) -> None:
    result = similar(catalog, "--index", folder, "-k", 1)
    assert result.exit_code == 3
    rows = {row[0]: row for row in rows_of(result.stdout)[1:]}
    assert rows["0"][2] == "3" and float(rows["0"][5]) > 0.3


def test_a_catalog_with_columns_of_its_own_is_asked_for(
    folder: Path, catalog: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its columns are said as to `tagger tag`, and rows that are left out are told."""
    catalog.write_text("sku,photo,name\n0,0.png,Red shirt\n0,1.png,Twice\n", encoding="utf-8")
    columns = "catalog.columns={id: sku, image: photo, title: name}"
    result = similar(catalog, "--index", folder, "-k", 1, "--set", columns)
    assert result.exit_code == 0
    ((query, _, hit, _, _, text_score, *_),) = rows_of(result.stdout)[1:]
    assert (query, hit) == ("0", "3") and float(text_score) > 0.3
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "1 left out. Rows whose id an earlier row has already. (0)"
    ]
    (model / "config.json").write_text(json.dumps({"catalog": {"columns": {"id": "sku", "image": "photo"}}}))
    assert [row[2] for row in rows_of(similar(catalog, "--index", folder, "-k", 1).stdout)[1:]] == ["3"]
    assert isinstance(similar("0", "--index", folder, "--set", "catalog.colums=x").exception, ConfigError)


def test_larger_photos_are_asked_for_where_the_limit_is_raised(folder: Path, tmp_path: Path) -> None:
    Image.new("1", (10_000, 5_001)).save(tmp_path / "large.png")
    assert isinstance(similar(tmp_path / "large.png", "--index", folder).exception, PhotoError)
    raised = ("--set", "photo.max_pixels=50010000")
    assert similar(tmp_path / "large.png", "--index", folder, *raised).exit_code == 0


def test_many_ids_are_answered_and_unknown_ones_told(folder: Path, catalog: Path) -> None:
    result = similar("0", "11", str(catalog.parent / "1.png"), "5", "--index", folder, "-k", 1)
    assert result.exit_code == 3
    assert [row[0] for row in rows_of(result.stdout)[1:]] == ["0", "5", "1"]
    assert 'no product "11" among the 6' in result.stderr and 'Did you mean "1"' in result.stderr
    odd = f"0\n\n{'x' * 5000}\na\0b\n3\n"
    piped = CliRunner().invoke(similar_module.command, ["-", "--index", str(folder), "-k", "1"], input=odd)
    assert piped.exit_code == 3 and "2 of 4 queries could not be answered" in piped.stderr
    assert [row[:3] for row in rows_of(piped.stdout)[1:]] == [["0", "1", "3"], ["3", "1", "0"]]
    assert similar("0", "1", "--text", "red", "--index", folder).exit_code == 2


def test_of_many_failures_some_are_told_and_all_are_counted(folder: Path) -> None:
    unknown = "".join(f"none{number}\n" for number in range(1007))
    piped = CliRunner().invoke(similar_module.command, ["-", "--index", str(folder)], input=unknown)
    assert piped.exit_code == 3
    assert "1,007 of 1,007 queries could not be answered" in piped.stderr
    assert "none4" in piped.stderr and "none5" not in piped.stderr and "… and 1,002 more" in piped.stderr


def test_many_queries_give_what_each_gives_alone(folder: Path) -> None:
    for how in (["--distinct"], ["--diversity", "0.4"]):
        together = rows_of(similar("0", "1", "2", "3", "--index", folder, *how).stdout)[1:]
        alone = [
            row
            for id_ in "0123"
            for row in rows_of(similar(id_, "--index", folder, *how, "--format", "csv").stdout)[1:]
        ]
        assert together == alone


def test_products_are_added_and_removed(folder: Path, catalog: Path, model: Path) -> None:
    (catalog.parent / "more.csv").write_text("id,image,title\n0,1.png,A green one\nnew,2.png,A new one\n", "utf-8")
    result = make_index(catalog.parent / "more.csv", model, folder, "--add")
    assert result.exit_code == 0
    assert result.stdout == f"Added 1 product(s), replaced 1\nIndex: {folder} (7 products, 3 dimensions)\n"
    assert Index.open(folder).item("0").title == "A green one"
    assert "new" in similar("--text", "new", "--index", folder).stdout
    removed = CliRunner().invoke(
        index_module.command, ["--index", str(folder), "--remove", "new", "--remove", "-"], input="0\nneww\n9\n"
    )
    assert removed.exit_code == 3
    assert removed.stdout == f"Removed 2 product(s)\nIndex: {folder} (5 products, 3 dimensions)\n"
    assert '2 id(s) are not in the index:\n  There is no product "neww".' in removed.stderr


def test_an_index_is_changed_one_way_at_a_time(folder: Path, catalog: Path, model: Path) -> None:
    assert make_index(catalog, model, folder, "--remove", "0").exit_code == 2
    assert make_index(catalog, model, folder, "--add", "--ann").exit_code == 2
    assert CliRunner().invoke(index_module.command, ["--out", str(folder)]).exit_code == 2
    assert isinstance(make_index(catalog, model, folder.parent / "none", "--add").exception, IndexFolderError)


def test_an_approximate_index_says_its_recall(tmp_path: Path, catalog: Path, model: Path) -> None:
    if find_spec("usearch") is None:
        pytest.skip("usearch is not installed")
    result = make_index(catalog, model, tmp_path / "index", "--ann")
    assert result.stdout.splitlines()[1].startswith("Approximate index: finds 100.0% of the ten nearest products")


def test_a_long_title_is_cut(folder: Path) -> None:
    assert similar_module._clipped("x" * 100) == "x" * 47 + "…"
    assert similar_module._clipped("x" * 48) == "x" * 48


def test_an_id_is_looked_up_without_heavy_imports(folder: Path) -> None:
    code = (
        "import sys; from tagger.cli.similar import command;"
        f"command(['0', '--index', {str(folder)!r}], standalone_mode=False);"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Red shirt" in done.stdout
    heavy = {
        "pandas",
        "onnxruntime",
        "PIL",
        "pydantic",
        "yaml",
        "tensorflow",
        "keras",
        "sklearn",
        "matplotlib",
        "scipy",
    }
    assert heavy.isdisjoint(done.stderr.split())


def test_a_mistake_among_many_queries_shows_before_any_is_answered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(Index, "search", lambda *_, **__: pytest.fail("it was answered"))
    result = similar("0", "1", tmp_path / "empty", "--index", folder, "--out", tmp_path / "similar.csv")
    assert isinstance(result.exception, CatalogError) and "holds no photo" in str(result.exception)
    assert not (tmp_path / "similar.csv").exists()


def test_names_that_are_not_utf8(
    run: Callable[..., int], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (60, 80), COLOURS["Red"]).save(photo)
    out = tmp_path / "similar.json"
    assert run("similar", photo, "--index", folder, "--out", out) == 0
    assert json.loads(out.read_text(encoding="utf-8"))["query"]["id"] == photo.name
    for command in (["similar", "-", "--out", tmp_path / "similar.csv"], ["index", "--remove", "-", "--out"]):
        listed = io.TextIOWrapper(io.BytesIO(os.fsencode(photo) + b"\n0\n"), encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", listed)
        index = [folder] if command[-1] == "--out" else ["--index", folder]
        assert run(*command, *index) == (3 if command[0] == "index" else 0)
