"""Write results so that nobody ever sees half of one: a temporary name first, then a rename."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tagger.errors import OutputError


@contextlib.contextmanager
def atomic_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds, delete it otherwise.

    Of a symbolic link, what it points to is replaced. A process that is killed leaves at most a hidden file.

    Raises:
        OutputError: the folder can't be written, the disk is full, or `path` is a folder or a device.
    """
    path = Path(path)
    final = Path(os.path.realpath(path))
    with _explained(path):
        if final.exists() and not final.is_file():
            raise OutputError(f"Can't write the file {path}: a folder or a device has that name. Choose another place.")
        final.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=final.suffix, dir=final.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _sync(temporary)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; it takes the place of `path` if the block succeeds.

    An older folder under the final name is replaced as a whole, so that old and new files never mix.

    Raises:
        OutputError: the parent can't be written, the disk is full, or `path` is a file.
    """
    path = Path(path)
    final = Path(os.path.realpath(path))
    with _explained(path):
        if final.exists() and not final.is_dir():
            raise OutputError(f"Can't write the folder {path}: a file of that name is there. Choose another place.")
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            _replace_folder(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def check_replaceable(folder: Path | str, is_ours: Callable[[Path], bool], what: str) -> None:
    """Make sure that `atomic_folder` may replace what is there, before long work is done for it.

    Args:
        is_ours: whether a folder holds what is to be replaced.
        what: that is, such as "a report".

    Raises:
        OutputError: it is a file, or a folder with other files, which would be gone.
    """
    folder = Path(folder)
    if folder.is_dir():
        if any(folder.iterdir()) and not is_ours(folder):
            raise OutputError(f"{folder} holds other files than {what}. Choose a new folder, or empty this one first.")
    elif folder.exists():
        raise OutputError(f"Can't write the folder {folder}: a file of that name is there. Choose another place.")


def make_folder(path: Path | str) -> None:
    """Make a folder and its parents; one that is there already is fine.

    Raises:
        OutputError: it can't be made.
    """
    with _explained(Path(path)):
        Path(path).mkdir(parents=True, exist_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write indented UTF-8 JSON atomically; NaN is refused because other readers of JSON refuse it."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            reason = f"{error.filename} is no folder"
        else:
            reason = error.strerror or str(error)
        step = "Free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Choose another place"
        raise OutputError(f"Can't write {path}: {reason}. {step}, then run again.") from error


def writable(text: str) -> str:
    """Escape what UTF-8 can't hold: the bytes of a file name in another encoding."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def is_there(name: str) -> bool:
    """Whether there is a file or folder of this name. There is none where it can be no path: "", or a long text."""
    try:
        return bool(name) and Path(name).exists()
    except OSError:
        return False


def _replace_folder(new: Path, final: Path) -> None:
    retired = new.with_name(new.name + ".old")
    if final.exists():
        final.rename(retired)
    try:
        new.rename(final)
    except BaseException:  # also an interrupt: neither the old folder nor the new one would be there
        if retired.exists():
            retired.rename(final)
        raise
    shutil.rmtree(retired, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
