"""The command line as a whole: help, unknown commands, errors and exit codes, start-up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click
import pytest
from PIL import Image

from tagger._version import __version__
from tagger.cli import main as main_module
from tagger.cli.main import COMMANDS, cli
from tagger.errors import BundleError, ConfigError

Run = Callable[..., int]
FULL = Path("/dev/full")
TAGGER = [sys.executable, "-m", "tagger"]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make `tagger check` raise."""

    def make(error: BaseException) -> None:
        @click.command("check")
        def command() -> NoReturn:
            raise error

        monkeypatch.setattr(main_module.LazyGroup, "get_command", lambda *_: command)

    return make


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_lists_all_commands(run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    run(*arguments)
    text = "".join(capsys.readouterr())
    assert [line.split()[0] for line in text.split("Commands:")[1].splitlines() if line] == list(COMMANDS)


def test_version(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"tagger, version {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run: Run, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert run(name, "--help") == 0
    assert f"Usage: tagger {name} " in capsys.readouterr().out
    assert cli.get_command(click.Context(cli), name).name == name  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("word", "hint"), [("tga", ' Did you mean "tag"?'), ("SIMILAR", ' Did you mean "similar"?'), ("zzz", "")]
)
def test_an_unknown_command(run: Run, capsys: pytest.CaptureFixture[str], word: str, hint: str) -> None:
    assert run(word) == 2
    assert capsys.readouterr().err.endswith(f'Error: There is no command "{word}".{hint}\n')


def test_an_unknown_option(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tag", "a.jpg", "--modle", "b") == 2
    assert "--model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (BundleError("It is damaged. Copy it again."), "Error: It is damaged. Copy it again.\n"),
        (ConfigError("2 mistake(s):\n  größe: a\n  b"), "Error: 2 mistake(s):\n  größe: a\n  b\n"),
        (OSError(5, "Input/output error", "a.csv"), "Error: the system refused a.csv: Input/output error.\n"),
        (OSError("strange"), "Error: the system refused: strange.\n"),
    ],
)
def test_an_expected_error_is_one_message(
    run: Run,
    failing: Callable[[BaseException], None],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    message: str,
) -> None:
    monkeypatch.setattr(main_module, "_drop_stdout", lambda: None)
    failing(error)
    assert run("check") == 1
    out, err = capfd.readouterr()
    assert (out, err) == ("", message)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c(
    run: Run, failing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    failing(error)
    assert run("check") == 130
    assert capsys.readouterr().err.strip() == "Interrupted. Nothing half-written was left under a final name."


def test_an_unexpected_error_shows_where_it_is_from(run: Run, failing: Callable[[BaseException], None]) -> None:
    failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run("check")


# ---- As a process of its own ----


def loaded_by(*arguments: str) -> set[str]:
    """Modules that are imported when the command line runs."""
    code = (
        "import sys, tagger.cli.main as m\ntry: m.main()\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_help_imports_nothing_heavy() -> None:
    heavy = {"numpy", "pandas", "pydantic", "yaml", "PIL", "onnxruntime", "tensorflow", "keras", "sklearn", "tqdm"}
    assert not heavy & loaded_by("--help")


def test_the_list_of_models_needs_no_numpy() -> None:
    assert not {"numpy", "pydantic", "yaml", "PIL", "onnxruntime"} & loaded_by("models")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_does_not_import_tensorflow(name: str) -> None:
    assert not {"tensorflow", "keras", "sklearn", "matplotlib", "pandas"} & loaded_by(name, "--help")


def test_tagging_and_searching_import_nothing_heavy(tiny_bundle: Path, tmp_path: Path) -> None:
    for name, colour in {"a": "red", "b": "blue"}.items():
        Image.new("RGB", (16, 20), colour).save(tmp_path / f"{name}.png")
    photo, index = str(tmp_path / "a.png"), str(tmp_path / "index")
    heavy = {"tensorflow", "keras", "sklearn", "scipy", "matplotlib", "seaborn", "pandas", "pyarrow", "onnx"}
    assert not heavy & loaded_by("tag", photo, "--model", str(tiny_bundle))
    assert not heavy & loaded_by("tag", str(tmp_path), "--model", str(tiny_bundle), "--out", str(tmp_path / "t.csv"))
    assert not heavy & loaded_by("index", str(tmp_path), "--model", str(tiny_bundle), "--out", index)
    assert not heavy & loaded_by("similar", photo, "--index", index)
    assert (tmp_path / "t.csv").exists() and (tmp_path / "index").exists()


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout() -> None:
    with FULL.open("w") as full:
        done = subprocess.run([*TAGGER, "--version"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "Error: the system refused: No space left on device.\n"


def test_a_reader_that_has_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        done = subprocess.run([*TAGGER, "--help"], stdout=stdout, stderr=subprocess.PIPE, text=True)
    assert done.stderr == ""
    assert done.returncode == 1
