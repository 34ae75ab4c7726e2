"""`tagger models`, and the commands that need no --model since one is shipped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tagger.manifest import seal

Run = Callable[..., int]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("red", "blue"):
        Image.new("RGB", (16, 20), name).save(folder / f"{name}.png")
    return folder / "red.png"


def test_the_list(run: Run, shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "fashion (default)"
    assert lines[1].split(maxsplit=1) == [
        "attributes",
        "masterCategory (3), articleType (4), gender (3), season (1), displayCategories (2)",
    ]
    assert " ".join(lines[3].split()) == "photos 20 x 16 (height x width); others are brought to this size"


def test_figures_are_those_of_the_bundle(run: Run, shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shipped / "metrics.json").write_text('{"part": "test", "photos": 1234, "tag_accuracy": {"gender": 0.91249}}')
    seal(shipped, {"products": 37470})
    assert run("models") == 0
    out = capsys.readouterr().out
    assert "gender (3: 0.912)" in out
    assert "labels, and accuracy on 1,234 photos of the test part" in out
    assert "trained on   a catalog of 37,470 products" in out


def test_the_card_of_one(run: Run, shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "fashion") == 0
    assert "drawn by hand" in capsys.readouterr().out
    (shipped / "card.md").write_text("# A model\n\nIt knows <colours>.\n")
    assert run("models", "fashion") == 0
    assert capsys.readouterr().out == "# A model\n\nIt knows <colours>.\n"


def test_the_card_of_ones_own(run: Run, shipped: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", tiny_bundle.parent) == 0
    assert str(tiny_bundle) in capsys.readouterr().out


def test_a_damaged_one_does_not_hide_the_others(run: Run, shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = shutil.copytree(shipped, shipped.parent / "arts")
    (other / "labels.json").write_text('{"attributes": 3}')
    assert run("models") == 1
    out, err = capsys.readouterr()
    assert out.startswith("fashion (default)")
    assert "Error: The bundle" in err and "arts" in err
    assert run("models", "art") == 1
    assert 'Did you mean "arts"?' in capsys.readouterr().err


def test_none_is_shipped(
    run: Run, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tagger.pretrained._FOLDER", tmp_path)
    assert run("models") == 0
    assert "No model is shipped with this installation" in capsys.readouterr().err
    assert run("tag", photo) == 1
    assert 'No model is shipped under the name "fashion" with this installation' in capsys.readouterr().err


def test_tag_index_and_similar_need_no_model(
    run: Run, shipped: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("tag", photo) == 0
    assert "Tshirts" in capsys.readouterr().out
    assert run("tag", photo, "--model", "fashion") == 0
    assert "Tshirts" in capsys.readouterr().out
    assert run("index", photo.parent, "--out", tmp_path / "index") == 0
    capsys.readouterr()
    assert run("similar", photo, "--index", tmp_path / "index") == 0
    assert "  blue  " in capsys.readouterr().out


def test_an_index_outlives_the_place_of_the_shipped_model(
    run: Run,
    shipped: Path,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run("index", photo.parent, "--out", tmp_path / "index") == 0
    moved = tmp_path / "another installation"
    shipped.parent.rename(moved)
    assert run("similar", photo, "--index", tmp_path / "index") == 1
    assert "not at" in capsys.readouterr().err
    monkeypatch.setattr("tagger.pretrained._FOLDER", moved)
    assert run("similar", photo, "--index", tmp_path / "index") == 0
    assert "  blue  " in capsys.readouterr().out
