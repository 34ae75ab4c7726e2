"""Writing: whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tagger.errors import OutputError
from tagger.files import atomic_file, atomic_folder, make_folder, write_json, write_text


class Mishap(Exception):
    """Something goes wrong half-way."""


@pytest.fixture
def umask() -> None:
    """The usual one, so that the expected permissions are known."""
    os.umask(0o022)


# ---- Files ----


@pytest.mark.parametrize("name", ["tags.csv", "Schuhe größe №42.csv", "no suffix"])
def test_a_file_appears_when_it_is_whole(tmp_path: Path, umask: None, name: str) -> None:
    path = tmp_path / "new" / "folder" / name
    with atomic_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".")
    assert path.read_text() == "whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mishap", [Mishap, KeyboardInterrupt])
def test_a_mishap_leaves_the_old_file(tmp_path: Path, mishap: type[BaseException]) -> None:
    path = tmp_path / "tags.csv"
    path.write_text("old")
    with pytest.raises(mishap), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise mishap
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_link_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    link = tmp_path / "tags.csv"
    link.symlink_to(tmp_path / "data" / "tags.csv")
    write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "data" / "tags.csv").read_text() == "new"


@pytest.mark.parametrize("place", ["folder", "/dev/null", "/dev/full"])
def test_a_folder_or_a_device_is_not_replaced(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    before = (tmp_path / place).stat().st_mode
    with pytest.raises(OutputError, match="folder or a device"), atomic_file(tmp_path / place):
        pytest.fail("refused before any work")
    assert (tmp_path / place).stat().st_mode == before


def test_a_place_that_cannot_be_written_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for path in (tmp_path / "file" / "tags.csv", Path("/proc/tags.csv"), tmp_path / ("long" * 100)):
        with pytest.raises(OutputError, match=r"Can't write .*: .+ Choose another place"), atomic_file(path):
            pytest.fail("refused before any work")


def test_a_full_disk_leaves_the_old_file(small_disk: Path) -> None:
    path = small_disk / "tags.csv"
    path.write_text("old")
    with (
        pytest.raises(OutputError, match=r"tags\.csv: No space left on device\. Free some"),
        atomic_file(path) as temporary,
    ):
        temporary.write_bytes(b"x" * 100_000)
    assert path.read_text() == "old"
    assert list(small_disk.iterdir()) == [path]


def test_kill_9_leaves_only_a_hidden_file(tmp_path: Path) -> None:
    code = (
        "import sys, time; from tagger.files import atomic_file\n"
        "with atomic_file(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half'); print('written', flush=True); time.sleep(60)"
    )
    path = tmp_path / "tags.csv"
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert [file.name[:10] for file in tmp_path.iterdir()] == [".tags.csv."]


# ---- Folders ----


def test_a_folder_appears_when_it_is_whole(tmp_path: Path, umask: None) -> None:
    path = tmp_path / "runs" / "böse"
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("1")
        assert not path.exists()
    assert (path / "a").read_text() == "1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert list(path.parent.iterdir()) == [path]


def test_old_and_new_files_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    for name in ("old", "new"):
        with atomic_folder(path) as temporary:
            (temporary / name).touch()
    assert [file.name for file in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mishap", [Mishap, KeyboardInterrupt])
def test_a_mishap_leaves_the_old_folder(tmp_path: Path, mishap: type[BaseException]) -> None:
    path = tmp_path / "bundle"
    make_folder(path)
    (path / "old").touch()
    with pytest.raises(mishap), atomic_folder(path) as temporary:
        (temporary / "half").touch()
        raise mishap
    assert [file.name for file in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("mishap", "seen"), [(PermissionError(13, "Permission denied"), OutputError), (SystemExit(143), SystemExit)]
)
def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mishap: BaseException, seen: type[BaseException]
) -> None:
    path = tmp_path / "bundle"
    make_folder(path)
    (path / "old").touch()
    rename = Path.rename

    def refuse_the_new_one(source: Path, target: Path) -> Path:
        if (source / "new").exists():
            raise mishap
        return rename(source, target)

    with pytest.raises(seen, match=r"Permission denied|143"), atomic_folder(path) as temporary:
        (temporary / "new").touch()
        monkeypatch.setattr(Path, "rename", refuse_the_new_one)
    assert [file.name for file in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_folder_that_a_link_points_to_is_replaced(tmp_path: Path) -> None:
    make_folder(tmp_path / "runs" / "7")
    (tmp_path / "latest").symlink_to(tmp_path / "runs" / "7")
    with atomic_folder(tmp_path / "latest") as temporary:
        (temporary / "new").touch()
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "runs" / "7" / "new").exists()
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["7", "latest", "new", "runs"]


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(OutputError, match="a file of that name is there"), atomic_folder(tmp_path / "file"):
        pytest.fail("refused before any work")
    with pytest.raises(OutputError, match="file is no folder"), atomic_folder(tmp_path / "file" / "bundle"):
        pytest.fail("refused before any work")
    with pytest.raises(OutputError, match="Can't write"):
        make_folder(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "precious"


def test_a_full_disk_leaves_no_folder(small_disk: Path) -> None:
    with pytest.raises(OutputError, match="bundle: No space left"), atomic_folder(small_disk / "bundle") as temporary:
        (temporary / "model").write_bytes(b"x" * 100_000)
    assert list(small_disk.iterdir()) == []


# ---- Text and JSON ----


def test_json_is_readable_by_all(tmp_path: Path) -> None:
    value = {"größe": [1, 2.5, None], "b": True}
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "größe" in text
    assert text.endswith("}\n")
    assert json.loads(text) == value


def test_not_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"accuracy": float("nan")})
    assert list(tmp_path.iterdir()) == []
