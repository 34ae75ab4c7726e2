"""`index.json`: which segments an index is made of, which bundle made it, and the sizes and checksums of its files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagger._version import __version__
from tagger.errors import IndexFolderError
from tagger.files import write_json

FORMAT = "catalog-tagger-index"
VERSION = 2
MANIFEST = "index.json"

_MAX_BYTES = 4_000_000
_SEGMENT = re.compile(r"[0-9]{6,12}-[0-9a-f]{8}")
_FILE = re.compile(r"[a-z0-9][a-z0-9.-]*")


@dataclass(frozen=True)
class SegmentEntry:
    """What the manifest says of one segment.

    Args:
        name: of its folder.
        count: products in it, deleted ones included.
        files: "bytes" and "sha256" by name.
        deleted: file beside the folder that names the products that are no more; "" for none.
        deleted_count: how many these are.
        recall: of its approximate index, measured when it was built; None where it has none.
    """

    name: str
    count: int
    files: dict[str, dict[str, Any]]
    deleted: str = ""
    deleted_count: int = 0
    recall: float | None = None

    @property
    def live(self) -> int:
        """Products that are not deleted."""
        return self.count - self.deleted_count


@dataclass(frozen=True)
class Manifest:
    """What `index.json` says.

    Args:
        dimensions: numbers in an embedding.
        bundle_id: `Bundle.embeddings_id` of the bundle that made the embeddings.
        bundle_name: how a person knows it; "" where nobody said.
        places: where that bundle is, absolute or relative to the index.
        generation: counts the changes.
        ann: whether segments get an approximate index; None: very large ones do.
        segments: the oldest first; the first one taught the weights of words.
    """

    dimensions: int
    bundle_id: str
    bundle_name: str = ""
    places: tuple[str, ...] = ()
    generation: int = 1
    ann: bool | None = None
    segments: tuple[SegmentEntry, ...] = field(default=())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of the one that is there, in one step: what it does not name is no more."""
    about = {
        "format": FORMAT,
        "version": VERSION,
        "tagger_version": __version__,
        "changed": datetime.now(UTC).isoformat(timespec="seconds"),
        "count": sum(segment.live for segment in manifest.segments),
    }
    write_json(folder / MANIFEST, about | asdict(manifest))


def read_manifest(folder: Path) -> Manifest:
    """Read `index.json`.

    Raises:
        IndexFolderError: missing, damaged, or of a version that this program can't read.
    """
    value = _read_json(folder)
    if value.get("format") != FORMAT:
        raise IndexFolderError(f"{folder} is not an index of catalog-tagger: {MANIFEST} says something else.")
    version = value.get("version")
    if version != VERSION:
        older = type(version) is int and version < VERSION
        step = "Make it again with `tagger index`" if older else "Upgrade with: pip install -U catalog-tagger"
        raise IndexFolderError(
            f"The index {folder} has version {version}, this program (tagger {__version__}) reads version {VERSION}. "
            f"{step}."
        )
    try:
        return _checked(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(folder / MANIFEST, "entries are missing or of the wrong kind") from error


def is_index(folder: Path) -> bool:
    """Whether a folder holds an index, of whatever version: an `index.json` may also be somebody's own."""
    try:
        return _read_json(folder).get("format") == FORMAT
    except IndexFolderError:
        return False


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        if not folder.exists():
            raise IndexFolderError(f"There is no index {folder}. Check the path, or make one with `tagger index`.")
        raise IndexFolderError(
            f"{folder} is not an index: it holds no {MANIFEST}. Give the folder that `tagger index` wrote, "
            "and if it was copied, copy it again."
        )
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise damaged(path, "it is too large")
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise IndexFolderError(f"Can't read {path} ({error.strerror}). Check who may read it.") from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, "it is no JSON") from error
    return value if isinstance(value, dict) else {}


def _checked(value: dict[str, Any]) -> Manifest:
    """The manifest of a JSON object.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is none.
    """
    return Manifest(
        dimensions=_number(value["dimensions"], 1),
        bundle_id=_text(value["bundle_id"]),
        bundle_name=_text(value["bundle_name"]),
        places=tuple(map(_text, _list(value["places"]))),
        generation=_number(value["generation"], 1),
        ann=value["ann"] if value["ann"] is None else bool(value["ann"]),
        segments=tuple(map(_checked_segment, _list(value["segments"]))),
    )


def _checked_segment(value: dict[str, Any]) -> SegmentEntry:
    recall = value["recall"]
    entry = SegmentEntry(
        _matching(_SEGMENT, value["name"]),
        _number(value["count"], 1),
        {
            _matching(_FILE, name): {"bytes": _number(each["bytes"], 1), "sha256": _text(each["sha256"])}
            for name, each in value["files"].items()
        },
        _text(value["deleted"]) and _matching(_FILE, value["deleted"]),
        _number(value["deleted_count"], 0),
        recall if recall is None else float(recall),
    )
    if entry.live < 0 or bool(entry.deleted) != bool(entry.deleted_count):
        raise ValueError(f"deleted {entry.deleted_count} of {entry.count}")
    return entry


def _number(value: object, least: int) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"expected a number, got {value!r}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {value!r}")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {value!r}")
    return value


def _matching(pattern: re.Pattern[str], value: object) -> str:
    """A name that leads nowhere else."""
    if not pattern.fullmatch(_text(value)):
        raise ValueError(f"expected a name, got {value!r}")
    return str(value)


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """ "bytes" and "sha256" of every file of a folder, by name."""
    return {path.name: {"bytes": path.stat().st_size, "sha256": _checksum(path)} for path in sorted(folder.iterdir())}


def check_files(folder: Path, files: dict[str, dict[str, Any]], max_checked: int | None) -> None:
    """Compare the files of a segment with what the manifest says of them.

    Args:
        folder: where they are.
        files: "bytes" and "sha256" by name.
        max_checked: files with more bytes are not read whole; None: all are.

    Raises:
        IndexFolderError: one of them is missing or was changed.
    """
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise IndexFolderError(
                f"The index {folder.parent} is incomplete: {folder.name}/{name} is missing. Copy it again, or make it "
                "again."
            )
        size = path.stat().st_size
        if size != expected["bytes"]:
            raise damaged(path, f"expected {expected['bytes']} bytes, found {size}")
        if (max_checked is None or size <= max_checked) and _checksum(path) != expected["sha256"]:
            raise damaged(path, "its checksum is not the recorded one")


def damaged(path: Path, why: str) -> IndexFolderError:
    """The error for a file of an index that is not as it was written."""
    return IndexFolderError(f"{path} is damaged ({why}). Copy the index again, or make it again with `tagger index`.")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
