from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from tagger.cli.flags import command
from tagger.errors import BundleError, CatalogError

NOUNS = ["Vase", "Lamp", "Shirt", "Shoe"]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`styles.csv` of 200 products without photos, in the table layout; Vases are fragile."""
    path = tmp_path_factory.mktemp("catalog") / "products.csv"
    lines = ["id,image,articleType,gender,title,price,isFragile"]
    for number in range(200):
        noun = NOUNS[number % 4]
        lines.append(
            f"{number:03d},,{noun}s,{'Men' if number % 3 else 'Women'},Blue {noun},{number + 1},{noun == 'Vase'}"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def model(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("model") / "flags"
    options = ["--set", "flags.epochs=8", "--set", "flags.learning_rate=0.01", "--set", "flags.hidden=[16]"]
    return folder, CliRunner().invoke(command, ["train", str(catalog), "--out", str(folder), *options])


def test_train_prints_the_report(model: tuple[Path, Result]) -> None:
    folder, result = model
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("## Flags")
    assert "| isFragile | true" in result.stdout
    assert "look-up by articleType" in result.stdout
    assert str(folder) in result.stderr
    assert (folder / "flags.onnx").is_file()


def test_predict_prints_csv(model: tuple[Path, Result], catalog: Path) -> None:
    result = CliRunner().invoke(command, ["predict", str(catalog), "--model", str(model[0])])
    assert result.exit_code == 0, result.output
    found = pd.read_csv(io.StringIO(result.stdout), dtype=str)
    assert list(found) == ["id", "isFragile", "isFragile_probability"]
    assert found["id"].iloc[0] == "000"
    assert found["isFragile"].tolist() == ["true", "false", "false", "false"] * 50
    assert found["isFragile_probability"].astype(float).between(0, 1).all()


def test_predict_writes_a_file(model: tuple[Path, Result], catalog: Path, tmp_path: Path) -> None:
    path = tmp_path / "flags.csv"
    result = CliRunner().invoke(command, ["predict", str(catalog), "--model", str(model[0]), "--out", str(path)])
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert len(pd.read_csv(path)) == 200


def test_predict_needs_none_of_the_metadata(model: tuple[Path, Result], tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("id,image,title\nä1,,Blue Vase\n")
    result = CliRunner().invoke(command, ["predict", str(path), "--model", str(model[0])])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].startswith("ä1,")


def test_an_unknown_flag_is_named(catalog: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        command, ["train", str(catalog), "--out", str(tmp_path / "flags"), "--set", "flags.columns=[isFragil]"]
    )
    assert isinstance(result.exception, CatalogError)
    assert 'Did you mean "isFragile"?' in str(result.exception)


def test_a_catalog_without_flags_says_what_was_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text("id,image,articleType\n" + "".join(f"{n},,{NOUNS[n % 4]}\n" for n in range(40)))
    result = CliRunner().invoke(command, ["train", str(path), "--out", str(tmp_path / "flags")])
    assert isinstance(result.exception, CatalogError)
    assert "true and false" in str(result.exception)
    assert "otherFlags" in str(result.exception)


def test_a_folder_without_a_network_is_refused(catalog: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["predict", str(catalog), "--model", str(tmp_path)])
    assert isinstance(result.exception, BundleError)
    assert "tagger flags train" in str(result.exception)


def test_predict_does_not_import_tensorflow(model: tuple[Path, Result], catalog: Path) -> None:
    program = f"""
import sys
from tagger.cli.flags import command
command(["predict", {str(catalog)!r}, "--model", {str(model[0])!r}], standalone_mode=False)
heavy = {{"tensorflow", "keras", "sklearn", "matplotlib"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, stdout=subprocess.DEVNULL)
