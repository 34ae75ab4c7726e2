"""--engine and --engine-precision mean the same to every command that runs a network on photos."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image

from tagger.cli._options import ENGINES, PRECISIONS
from tagger.config import EngineName, EnginePrecision


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (16, 20), (255, 0, 0)).save(tmp_path / "red.png")
    return tmp_path / "red.png"


def test_the_choices_are_those_of_the_settings() -> None:
    assert get_args(EngineName) == ENGINES
    assert get_args(EnginePrecision) == PRECISIONS


def test_verbose_says_engine_and_precision(tiny_bundle: Path, photo: Path) -> None:
    command = [sys.executable, "-m", "tagger", "--verbose", "tag", str(photo), "--model", str(tiny_bundle)]
    options = ["--engine", "onnxruntime", "--engine-precision", "float32"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    assert "Engine: ONNX Runtime on the CPU, float32" in done.stderr
    assert "Engine" not in done.stdout


def test_every_command_passes_them_on(
    tiny_bundle: Path, photo: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    index, model, int8 = photo.parent / "index", ["--model", tiny_bundle], ["--engine-precision", "int8"]
    assert run("index", photo.parent, *model, "--out", index, "--engine", "onnxruntime") == 0
    for command in (
        ["tag", photo, *model],
        ["index", photo.parent, *model, "--out", photo.parent / "other"],
        ["evaluate", *model, "--data", photo.parent, "--out", photo.parent / "report"],
        ["similar", photo, "--index", index],
    ):
        capsys.readouterr()
        assert run(*command, *int8) == 1, command
        assert "has no model.int8.onnx" in capsys.readouterr().err
