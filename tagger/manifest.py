"""What stands at the door of a bundle: its manifest, `bundle.json`, with version and checksums. Needs no NumPy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tagger._version import __version__
from tagger.errors import BundleError
from tagger.files import write_json

FORMAT = "catalog-tagger-bundle"
#: Another one where a program of before would read a bundle and tag otherwise.
VERSION = 4
MANIFEST = "bundle.json"
_MAX_TEXT_BYTES = 64_000_000
#: No bundle is without these.
_REQUIRED = ("model.onnx", "labels.json", "calibration.json", "config.json")
#: Only fine-tuning needs it, and it is large: it may be deleted.
_SPARE = "model.keras"


def seal(folder: Path, about: dict[str, Any]) -> None:
    """Write `bundle.json` with the checksums of all files in a finished folder.

    Args:
        folder: holds the other files of a bundle.
        about: JSON-able facts about the run, such as the command and the seed.
    """
    files = {
        str(path.relative_to(folder).as_posix()): {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    about = {"format": FORMAT, "version": VERSION, "tagger_version": __version__, **about}
    write_json(folder / MANIFEST, {**about, "files": files})


def find_bundle(path: Path) -> Path:
    """The bundle's folder: that path, or the folder `bundle/` in it.

    Raises:
        BundleError: neither is one.
    """
    for folder in (path, path / "bundle"):
        if (folder / MANIFEST).is_file():
            return folder
    if not path.exists():
        raise BundleError(f"There is no bundle {path}. Check the path, or train one with `tagger train`.")
    raise BundleError(
        f"{path} is not a bundle: it holds no {MANIFEST}. Give the folder that `tagger train` wrote, "
        "and if it was copied, copy it again."
    )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a bundle.

    Raises:
        BundleError: it is missing, too large, or no JSON object.
    """
    try:
        value = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is damaged (no JSON). Copy the bundle again.") from error
    if not isinstance(value, dict):
        raise BundleError(f"{path} is damaged (no JSON object). Copy the bundle again.")
    return value


def read_text(path: Path) -> str:
    """Read a text of a bundle.

    Raises:
        BundleError: it is missing, too large, or no UTF-8.
    """
    try:
        if path.stat().st_size > _MAX_TEXT_BYTES:
            raise BundleError(f"{path} is larger than {_MAX_TEXT_BYTES // 10**6} MB, which no bundle's is.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BundleError(f"Can't read {path}: {error.strerror}. Copy the bundle again.") from error
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is damaged (no UTF-8). Copy the bundle again.") from error


def check_version(folder: Path, manifest: dict[str, Any]) -> None:
    """Raise `BundleError` unless it is a bundle that this program can read."""
    if manifest.get("format") != FORMAT:
        raise BundleError(f"{folder} is not a bundle of catalog-tagger: {MANIFEST} says {manifest.get('format')!r}.")
    version = manifest.get("version")
    if version != VERSION:
        older = type(version) is int and version < VERSION
        step = "Train it again" if older else "Upgrade with: pip install -U catalog-tagger"
        raise BundleError(
            f"The bundle {folder} has version {version}, this program (tagger {__version__}) reads version {VERSION}. "
            f"{step}."
        )


def check_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Raise `BundleError` unless all files of the manifest are there and unchanged."""
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        raise BundleError(f"{folder / MANIFEST} is damaged (no list of files). Copy the bundle again.")
    for name in _REQUIRED:
        if name not in files:
            raise BundleError(f"The bundle {folder} is incomplete: {name} is not listed. Copy or train it again.")
    for name, recorded in files.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BundleError(f"The bundle {folder} names a file outside itself ({name}). Don't use it.")
        if path.is_file():
            if path.stat().st_size != recorded.get("bytes") or _sha256(path) != recorded.get("sha256"):
                raise BundleError(f"{path} is damaged: its checksum is not the recorded one. Copy the bundle again.")
        elif name != _SPARE:
            raise BundleError(f"The bundle {folder} is incomplete: {name} is missing. Copy it again.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
