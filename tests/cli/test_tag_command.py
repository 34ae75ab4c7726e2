"""`tagger tag`, with a bundle that only sees colours: red is a T-shirt, green are shoes, blue is a belt."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tagger.bundle import seal
from tagger.cli import tag as tag_module
from tagger.novelty import Novelty

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]
TAG = [sys.executable, "-m", "tagger", "tag"]
COLUMNS = [
    "id", "image",
    *(f"{name}{end}" for name in ("masterCategory", "articleType", "gender", "season", "displayCategories")
      for end in ("", "_confidence", "_needs_review")),
    "not_a_product", "error",
]  # fmt: skip


def draw(path: Path, colour: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 20), colour).save(path, format="PNG")
    return path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three photos, one below."""
    draw(tmp_path / "photos" / "1.jpg")
    draw(tmp_path / "photos" / "größe №2.png", "lime")
    draw(tmp_path / "photos" / "below" / "3.webp", "blue")
    return tmp_path / "photos"


@pytest.fixture
def mixed(photos: Path) -> Path:
    """The same with two that are broken."""
    (photos / "4 text.jpg").write_text("no photo")
    (photos / "5 empty.jpg").touch()
    return photos


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def feed(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    return feed


# ---- One photo ----


def test_one_photo_prints_a_table(run: Run, tiny_bundle: Path, tmp_path: Path, capsys: Captured) -> None:
    photo = draw(tmp_path / "größe.jpg", "lime")
    assert run("tag", photo, "--model", tiny_bundle, "--top-k", 2) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        str(photo),
        "  masterCategory          1.00  Footwear      Apparel 0.00",
        "  articleType             1.00  Sports Shoes  Tshirts 0.00",
        "  gender                  1.00  Women         Unisex 0.00",
        "  season                  1.00  Summer",
        "  displayCategories       1.00  Sale|Café",
        "  masterCategory_sigmoid        Footwear 1.00, Apparel 0.50",
        "  gender_softmax                Women 1.00, Men 0.00",
    ]
    assert err == ""


def test_the_table_says_what_needs_review_and_what_has_no_label(
    run: Run, tiny_bundle: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert run("tag", draw(tmp_path / "a.jpg", "black"), "--model", tiny_bundle) == 0
    assert run("tag", draw(tmp_path / "a.jpg", "blue"), "--model", tiny_bundle) == 0
    out = capsys.readouterr().out
    assert "  masterCategory          0.33  Apparel    Footwear 0.33, Accessories 0.33  needs review\n" in out
    assert "  displayCategories       1.00  (none)       Sale 0.00, Café 0.00\n" in out


def test_the_table_says_that_it_is_no_product(run: Run, tiny_bundle: Path, tmp_path: Path, capsys: Captured) -> None:
    Novelty(2 * np.eye(3), 2 * np.eye(3)[:2]).write(tiny_bundle / "novelty.npy")  # red and green are products
    seal(tiny_bundle, {})
    said = "  This looks like no product of the catalog: all tags need review.\n"
    assert run("tag", draw(tmp_path / "a.jpg", "blue"), "--model", tiny_bundle) == 0
    out = capsys.readouterr().out
    assert said in out and out.count("needs review\n") == 5
    assert run("tag", draw(tmp_path / "a.jpg", "red"), "--model", tiny_bundle) == 0
    assert said not in capsys.readouterr().out
    draw(tmp_path / "photos" / "b.jpg", "blue")
    assert run("tag", tmp_path / "photos", "--model", tiny_bundle) == 0
    (row,) = rows(capsys.readouterr().out)
    assert row["not_a_product"] == row["season_needs_review"] == "true" and row["season_confidence"] == "1.0"


def test_another_target_precision(run: Run, tiny_bundle: Path, tmp_path: Path, capsys: Captured) -> None:
    photo = draw(tmp_path / "a.jpg", "black")
    calibration = {"curves": {"masterCategory": [[0.5, 0.2], [0.9, 0.6]]}}
    (tiny_bundle / "calibration.json").write_text(json.dumps(calibration))
    seal(tiny_bundle, {})
    for target, marked in ((0.5, False), (0.9, True)):
        assert run("tag", photo, "--model", tiny_bundle, "--target-precision", target) == 0
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  masterCategory ")]
        assert line.endswith("needs review") == marked
    for wrong in (0, 1, "nan", "high"):
        assert run("tag", photo, "--model", tiny_bundle, "--target-precision", wrong) == 2


@pytest.mark.parametrize(
    ("content", "message"), [(b"no photo", "not a photo"), (b"", "the file is empty"), (b"\x89PNG\r\n", "not a photo")]
)
def test_one_broken_photo(
    run: Run, tiny_bundle: Path, tmp_path: Path, capsys: Captured, content: bytes, message: str
) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert run("tag", tmp_path / "a.jpg", "--model", tiny_bundle) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"Error: {tmp_path / 'a.jpg'}: {message}")
    assert err.count("\n") == 1


def test_one_photo_into_a_file(run: Run, tiny_bundle: Path, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "tags.csv"
    assert run("tag", draw(tmp_path / "a.jpg"), "--model", tiny_bundle, "--out", out) == 0
    assert rows(out.read_text())[0]["articleType"] == "Tshirts"
    assert capsys.readouterr() == ("", f"Tags: {out} (1 photos)\n")


# ---- Many photos ----


def test_a_folder_prints_csv(run: Run, tiny_bundle: Path, photos: Path, capsys: Captured) -> None:
    assert run("tag", photos, "--model", tiny_bundle) == 0
    out, err = capsys.readouterr()
    found = rows(out)
    assert list(found[0]) == COLUMNS
    assert [(row["id"], row["articleType"], row["displayCategories"], row["error"]) for row in found] == [
        ("1", "Tshirts", "Sale", ""), ("größe №2", "Sports Shoes", "Sale|Café", ""), ("3", "Belts", "", ""),
    ]  # fmt: skip
    assert found[1]["image"] == str(photos / "größe №2.png")
    assert all(0 < float(row[name]) <= 1 for row in found for name in COLUMNS if name.endswith("_confidence"))
    assert err == ""


def test_a_folder_of_one_photo_prints_csv_too(run: Run, tiny_bundle: Path, tmp_path: Path, capsys: Captured) -> None:
    draw(tmp_path / "one" / "a.jpg")
    assert run("tag", tmp_path / "one", "--model", tiny_bundle) == 0
    assert len(rows(capsys.readouterr().out)) == 1


@pytest.mark.parametrize("name", ["tags.csv", "tags.JSONL", "tags.parquet"])
def test_good_and_broken_photos(
    run: Run, tiny_bundle: Path, mixed: Path, tmp_path: Path, capsys: Captured, name: str
) -> None:
    out = tmp_path / "größe" / name
    assert run("tag", mixed, "--model", tiny_bundle.parent, "--out", out) == 3
    assert capsys.readouterr() == (
        "",
        f"Tags: {out} (5 photos)\n2 of 5 photos could not be tagged; the column error says why.\n",
    )
    if name == "tags.JSONL":
        found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        labels = [row["tags"].get("articleType", {}).get("label", "") for row in found]
    else:
        table = pd.read_csv(out) if name == "tags.csv" else pd.read_parquet(out)
        assert list(table) == COLUMNS
        found = table[["id", "error"]].fillna("").to_dict("records")
        labels = table["articleType"].fillna("").tolist()
    assert sorted(labels) == ["", "", "Belts", "Sports Shoes", "Tshirts"]
    assert {row["id"] for row in found if row["error"]} == {"4 text", "5 empty"}
    assert list(out.parent.iterdir()) == [out]


def test_a_catalog_gives_product_ids(run: Run, tiny_bundle: Path, photos: Path, capsys: Captured) -> None:
    catalog = photos.parent / "products.csv"
    catalog.write_text("id,image,title\n007,photos/1.jpg,A shirt\nä8,,No photo\n9,photos/gone.jpg,Gone\n", "utf-8")
    assert run("tag", catalog, "--model", tiny_bundle) == 3
    out, err = capsys.readouterr()
    assert [(row["id"], row["articleType"], bool(row["error"])) for row in rows(out)] == [
        ("007", "Tshirts", False), ("ä8", "", True), ("9", "", True),
    ]  # fmt: skip
    assert "names no photo" in rows(out)[1]["error"]
    assert err == "2 of 3 photos could not be tagged; the column error says why.\n"


def test_a_catalog_with_columns_of_its_own(run: Run, tiny_bundle: Path, photos: Path, capsys: Captured) -> None:
    catalog = photos.parent / "products.csv"
    catalog.write_text("sku,photo\nA1,1.jpg\n")
    mapping = ["catalog.columns.id=sku", "catalog.columns.image=photo", "catalog.image_folder=photos"]
    options = [part for override in mapping for part in ("--set", override)]
    assert run("tag", catalog, "--model", tiny_bundle, *options) == 0
    assert rows(capsys.readouterr().out)[0]["id"] == "A1"
    config = photos.parent / "config.yaml"
    config.write_text("catalog: {columns: {id: sku, image: photo}, image_folder: photos}")
    assert run("tag", catalog, "--model", tiny_bundle, "--config", config) == 0
    assert rows(capsys.readouterr().out)[0]["articleType"] == "Tshirts"


def test_rows_that_are_left_out_are_told(
    run: Run, tiny_bundle: Path, photos: Path, capsys: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """A long result hides that it has fewer rows than the catalog."""
    catalog = photos / "products.csv"
    catalog.write_text("id,image\nA,1.jpg\nA,below/3.webp\n,1.jpg\n")
    assert run("tag", catalog, "--model", tiny_bundle) == 0
    assert [row["id"] for row in rows(capsys.readouterr().out)] == ["A"]
    assert caplog.messages == [
        f"{catalog}: 1 left out. Rows without an id. (row 3)",
        f"{catalog}: 1 left out. Rows whose id an earlier row has already. (A)",
    ]


def test_larger_photos_are_tagged_where_the_limit_is_raised(
    run: Run, tiny_bundle: Path, tmp_path: Path, capsys: Captured
) -> None:
    Image.new("1", (10_000, 5_001)).save(tmp_path / "large.png")
    assert run("tag", tmp_path / "large.png", "--model", tiny_bundle) == 3
    assert "raise photo.max_pixels" in capsys.readouterr().err
    assert run("tag", tmp_path / "large.png", "--model", tiny_bundle, "--set", "photo.max_pixels=50010000") == 0
    (tmp_path / "limits.yaml").write_text("photo: {max_bytes: 10}")
    assert run("tag", tmp_path / "large.png", "--model", tiny_bundle, "--config", tmp_path / "limits.yaml") == 3


@pytest.mark.parametrize("setting", ["training.epochs=3", "photo.width=90", "attributes={}"])
def test_settings_that_would_change_nothing_are_refused(run: Run, capsys: Captured, setting: str) -> None:
    assert run("tag", "a.jpg", "--model", "no-bundle", "--set", setting) == 2
    assert f"{setting.partition('=')[0]} is a setting of the bundle" in capsys.readouterr().err


def test_several_sources_in_their_order(run: Run, tiny_bundle: Path, photos: Path, capsys: Captured) -> None:
    assert run("tag", photos / "below", photos / "1.jpg", "--model", tiny_bundle) == 0
    assert [row["id"] for row in rows(capsys.readouterr().out)] == ["3", "1"]


def test_no_bar_runs_through_the_rows_of_a_terminal(
    run: Run, tiny_bundle: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(tag_module, "progress_bar", lambda: pytest.fail("a bar"))
    assert run("tag", photos, "--model", tiny_bundle) == 0
    assert len(rows(capsys.readouterr().out)) == 3


# ---- A list of paths on stdin ----


def test_paths_from_stdin(
    run: Run, tiny_bundle: Path, photos: Path, capsys: Captured, stdin: Callable[[bytes], None]
) -> None:
    listed = [photos / "größe №2.png", photos / "gone.jpg", photos / "1.jpg"]
    stdin("\r\n\n".join(map(str, listed)).encode())
    assert run("tag", "-", "--model", tiny_bundle) == 3
    found = rows(capsys.readouterr().out)
    assert [row["image"] for row in found] == list(map(str, listed))
    assert [bool(row["error"]) for row in found] == [False, True, False]


def test_names_that_are_not_utf8(
    run: Run, tiny_bundle: Path, tmp_path: Path, capsys: Captured, stdin: Callable[[bytes], None]
) -> None:
    name = os.fsencode(tmp_path) + b"/gr\xf6\xdfe.jpg"
    try:
        Path(os.fsdecode(name)).write_bytes(draw(tmp_path / "a.png").read_bytes())
    except OSError:
        pytest.skip("the file system takes UTF-8 names alone")
    stdin(name + b"\n")
    for out in ([], ["--out", tmp_path / "tags.csv"], ["--out", tmp_path / "tags.parquet"]):
        assert run("tag", "-", tmp_path / "a.png", tmp_path, "--model", tiny_bundle, *out) in (0, 3)
        stdin(name + b"\n")
    assert run("tag", os.fsdecode(name), "--model", tiny_bundle) == 0
    assert (tmp_path / "tags.csv").read_text("utf-8").splitlines()[1].startswith("gr\\udcf6\\udcdfe,")
    assert "gr\\udcf6\\udcdfe.jpg" in capsys.readouterr().out


@pytest.mark.parametrize("text", [b"", b"\n\n"])
def test_an_empty_list(
    run: Run, tiny_bundle: Path, tmp_path: Path, capsys: Captured, stdin: Callable[[bytes], None], text: bytes
) -> None:
    stdin(text)
    assert run("tag", "-", "--model", tiny_bundle, "--out", tmp_path / "tags.csv") == 1
    assert "list of photos is empty" in capsys.readouterr().err
    assert not (tmp_path / "tags.csv").exists()


# ---- Mistakes that show before any work ----


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "tags.txt"], "written as .csv, .jsonl or .parquet, not as .txt"),
        (["--out", "tags"], "not as a file without suffix"),
        (["--set", "catalog.colums.id=sku"], 'catalog.colums: unknown setting. Did you mean "columns"?'),
        (["--config", "nowhere.yaml"], "Can't read the config nowhere.yaml"),
    ],
)
def test_options_are_checked_before_the_bundle_is_opened(
    run: Run, capsys: Captured, arguments: list[str], message: str
) -> None:
    assert run("tag", "a.jpg", "--model", "no-bundle", *arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_no_bundle(run: Run, photos: Path, tmp_path: Path, capsys: Captured) -> None:
    assert run("tag", photos, "--model", tmp_path / "nowhere") == 1
    assert capsys.readouterr().err.startswith("Error: There is no bundle")
    assert run("tag", photos, "--model", photos) == 1
    assert "is not a bundle" in capsys.readouterr().err


def test_a_damaged_bundle(run: Run, tiny_bundle: Path, photos: Path, capsys: Captured) -> None:
    data = bytearray((tiny_bundle / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 16
    (tiny_bundle / "model.onnx").write_bytes(data)
    assert run("tag", photos, "--model", tiny_bundle) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "model.onnx is damaged" in err


@pytest.mark.parametrize("top_k", ["0", "101", "many"])
def test_top_k_out_of_range(run: Run, capsys: Captured, top_k: str) -> None:
    assert run("tag", "a.jpg", "--model", "b", "--top-k", top_k) == 2
    assert "--top-k" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "message"), [("gone.jpg", "There is no photo"), ("empty", "holds no photo")])
def test_a_source_that_is_not_there(
    run: Run, tiny_bundle: Path, photos: Path, capsys: Captured, name: str, message: str
) -> None:
    (photos.parent / "empty").mkdir()
    out = photos.parent / "tags.csv"
    assert run("tag", photos, photos.parent / name, "--model", tiny_bundle, "--out", out) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("place", ["file/tags.csv", "folder.csv", "/proc/tags.csv"])
def test_a_place_that_cannot_be_written(
    run: Run, tiny_bundle: Path, photos: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (photos.parent / "file").write_text("precious")
    (photos.parent / "folder.csv").mkdir()
    monkeypatch.setattr(tag_module.Tagger, "tag_pixels", lambda *_: pytest.fail("work was begun"))
    monkeypatch.setattr(tag_module.Tagger, "scores", lambda *_: pytest.fail("work was begun"))
    assert run("tag", photos, "--model", tiny_bundle, "--out", photos.parent / place) == 1
    assert capsys.readouterr().err.startswith("Error: Can't write")
    assert (photos.parent / "file").read_text() == "precious"


@pytest.mark.parametrize("name", ["tags.csv", "tags.jsonl", "tags.parquet"])
def test_a_full_disk(run: Run, tiny_bundle: Path, mixed: Path, small_disk: Path, capsys: Captured, name: str) -> None:
    (small_disk / name).write_text("old")
    (small_disk / "filler").write_bytes(b"x" * 60_000)
    assert run("tag", *[mixed] * 40, "--model", tiny_bundle, "--out", small_disk / name) == 1
    assert "No space left on device. Free some space" in capsys.readouterr().err
    assert (small_disk / name).read_text() == "old"
    assert {file.name for file in small_disk.iterdir()} == {name, "filler"}


# ---- As a process of its own ----


@pytest.mark.parametrize("source", ["1.jpg", ".", "products.csv"])
def test_what_tagging_imports(tiny_bundle: Path, photos: Path, source: str) -> None:
    (photos / "products.csv").write_text("id,image\n1,1.jpg\n")
    code = "import sys, tagger.cli.main as m\nm.main()\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, "tag", photos / source, "--model", tiny_bundle],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Tshirts" in done.stdout
    heavy = {"tensorflow", "keras", "pandas", "sklearn", "scipy", "matplotlib", "pyarrow", "onnx", "imagehash"}
    assert not heavy & set(done.stderr.split())


def test_a_reader_that_has_seen_enough(tiny_bundle: Path, photos: Path) -> None:
    """As with `tagger tag … | head -1`."""
    arguments = [*TAG, *[photos] * 400, "--model", tiny_bundle]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == ",".join(COLUMNS) + "\n"
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 1


@pytest.mark.parametrize(
    ("kill", "exit_code", "left"),
    [(signal.SIGINT, 130, []), (signal.SIGTERM, 143, []), (signal.SIGKILL, -signal.SIGKILL, [".tags.csv."])],
)
def test_an_interrupted_run_leaves_the_old_file(
    tiny_bundle: Path, photos: Path, kill: signal.Signals, exit_code: int, left: list[str]
) -> None:
    folder = photos.parent / "out"
    folder.mkdir()
    (folder / "tags.csv").write_text("old")
    arguments = [*TAG, "-", "--model", tiny_bundle, "--out", folder / "tags.csv"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(f"{photos / '1.jpg'}\n" * 1000)
        process.stdin.flush()
        while not any(file.stat().st_size for file in folder.glob(".*")):  # until rows are on disk
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(kill)
        message = process.stderr.read()
        assert process.wait() == exit_code
    assert message.strip() == (
        "Interrupted. Nothing half-written was left under a final name." if kill == signal.SIGINT else ""
    )
    assert (folder / "tags.csv").read_text() == "old"
    assert [file.name[:10] for file in folder.iterdir() if file.name != "tags.csv"] == left
