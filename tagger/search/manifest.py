"""`index.json`: what an index folder holds, which bundle made it, and the sizes and checksums of its other files."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagger._version import __version__
from tagger.errors import IndexFolderError
from tagger.files import write_json

FORMAT = "catalog-tagger-index"
VERSION = 1
MANIFEST = "index.json"
VECTORS = "vectors.npy"
ITEMS = "items.jsonl"
OFFSETS = "items.offsets.npy"
IDS = "ids.npy"
FILES = (VECTORS, ITEMS, OFFSETS, IDS)

_MAX_BYTES = 1_000_000


def write_manifest(folder: Path, count: int, dimensions: int, bundle_id: str, places: list[str]) -> None:
    """Finish an index folder whose other files are written.

    Args:
        folder: where they are.
        count: products.
        dimensions: numbers in an embedding.
        bundle_id: `Bundle.id` of the bundle that made the embeddings.
        places: where that bundle is, absolute or relative to the final folder.
    """
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "tagger_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "count": count,
        "dimensions": dimensions,
        "bundle": {"id": bundle_id, "places": places},
        "files": {
            name: {"bytes": (folder / name).stat().st_size, "sha256": _checksum(folder / name)} for name in FILES
        },
    }
    write_json(folder / MANIFEST, manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read `index.json`.

    Raises:
        IndexFolderError: missing, damaged, or of a version that this program can't read.
    """
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
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, "it is no JSON") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise IndexFolderError(f"{folder} is not an index of catalog-tagger: {MANIFEST} says something else.")
    if manifest.get("version") != VERSION:
        raise IndexFolderError(
            f"The index {folder} has version {manifest.get('version')}, this program (tagger {__version__}) reads "
            f"version {VERSION}. Upgrade with: pip install -U catalog-tagger"
        )
    if not _is_complete(manifest):
        raise damaged(path, "entries are missing or of the wrong kind")
    return manifest


def _is_complete(manifest: dict[str, Any]) -> bool:
    try:
        return (
            all(type(manifest[name]) is int and manifest[name] > 0 for name in ("count", "dimensions"))
            and isinstance(manifest["bundle"]["id"], str)
            and all(isinstance(place, str) for place in manifest["bundle"]["places"])
            and all(manifest["files"][name]["bytes"] > 0 and manifest["files"][name]["sha256"] for name in FILES)
        )
    except (KeyError, TypeError, AttributeError):
        return False


def check_files(folder: Path, files: dict[str, dict[str, Any]], max_checked: int | None) -> None:
    """Compare the files with what the manifest says of them.

    Args:
        folder: where they are.
        files: "bytes" and "sha256" by name.
        max_checked: files with more bytes are not read whole; None: all are.

    Raises:
        IndexFolderError: one of them is missing or was changed.
    """
    for name in FILES:
        path = folder / name
        if not path.is_file():
            raise IndexFolderError(
                f"The index {folder} is incomplete: {name} is missing. Copy it again, or make it again."
            )
        size = path.stat().st_size
        if size != files[name]["bytes"]:
            raise damaged(path, f"expected {files[name]['bytes']} bytes, found {size}")
        if (max_checked is None or size <= max_checked) and _checksum(path) != files[name]["sha256"]:
            raise damaged(path, "its checksum is not the recorded one")


def damaged(path: Path, why: str) -> IndexFolderError:
    """The error for a file of an index that is not as it was written."""
    return IndexFolderError(f"{path} is damaged ({why}). Copy the index again, or make it again with `tagger index`.")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
