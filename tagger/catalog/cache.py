"""The photos of a catalog, decoded once into one memory-mapped file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from tagger.catalog.parallel import Decoded, decode_photos
from tagger.catalog.table import IMAGE, Catalog
from tagger.config import PhotoConfig
from tagger.errors import MissingDependencyError, OutputError, PhotoError
from tagger.files import atomic_file, atomic_folder, write_json
from tagger.progress import Progress, silent

logger = logging.getLogger(__name__)

#: Raise it whenever `decode_photo` gives other pixels for the same file.
DECODER_VERSION = 1

#: Seconds without a write after which an unfinished cache counts as left behind.
_ABANDONED_AFTER = 3600

#: Photos are hashed in this size, whatever size a run trains on, so that a split without leaks is so for every run. It
#: is the default size of a config: most caches hold these pixels already.
_HASHED_HEIGHT, _HASHED_WIDTH = 80, 60

_PIXELS = "pixels.npy"
#: Older programs wrote hashes.npy, made in the size of the cache.
_HASHES = f"hashes-{_HASHED_WIDTH}x{_HASHED_HEIGHT}.npy"
_CONTENTS = "contents.json"


class _Source(NamedTuple):
    id: str
    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class PhotoCache:
    """Decoded photos of a catalog. Open it with `open_cache`.

    Args:
        folder: where it lies on disk.
        pixels: uint8 (N, H, W, 3), memory-mapped and read-only.
        rows: product id → row of `pixels`; products without a readable photo are absent.
        problems: product id → why its photo can't be read.
        paths: of the photos, in the order of the rows.
        photo: how they were decoded.
    """

    folder: Path
    pixels: NDArray[np.uint8] = field(repr=False)
    rows: dict[str, int] = field(repr=False)
    problems: dict[str, str]
    paths: tuple[str, ...] = field(repr=False)
    photo: PhotoConfig

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """Return the rows of these products, int64 (len(ids),).

        Raises:
            PhotoError: one of them has no readable photo here.
        """
        try:
            return np.fromiter((self.rows[id_] for id_ in ids), dtype=np.int64)
        except KeyError as error:
            reason = self.problems.get(error.args[0], "the catalog names no photo for it")
            raise PhotoError(f"Product {error.args[0]} has no photo in the cache: {reason}") from None

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """Perceptual hashes of the photos, uint64 (N,), the same in caches of any size.

        Computed on first need and kept in the cache; one of another size than that of the hashes decodes once more.

        Raises:
            MissingDependencyError: imagehash is not installed.
            PhotoError: a photo was taken away, or changed, since the cache was opened.
            CatalogError: a decoding process died.
        """
        path = self.folder / _HASHES
        with contextlib.suppress(OSError, ValueError):
            stored = np.load(path, allow_pickle=False)
            if stored.dtype == np.uint64 and stored.shape == (len(self),):
                return cast(NDArray[np.uint64], stored)
        hashes = perceptual_hashes(self._to_hash())
        with atomic_file(path) as temporary:
            np.save(temporary, hashes)
        return hashes

    def _to_hash(self) -> Iterable[NDArray[np.uint8]]:
        photo = hashed_size(self.photo)
        return self.pixels if photo == self.photo else map(_readable, decode_photos(self.paths, photo))


def open_cache(
    catalog: Catalog, photo: PhotoConfig, folder: Path | None = None, progress: Progress = silent
) -> PhotoCache:
    """Open the cache of a catalog's photos; decode them first where it is not there yet.

    A cache is known by the settings, the decoder, and the id, path, size and modification time of each photo. To read
    every byte instead would cost a large catalog more than the cache saves; size and time are what rsync trusts, too.
    An interrupted run leaves no cache behind, and a damaged one is made again.

    Args:
        catalog: its `image` column names the photos; products without one are left out.
        photo: the size to letterbox to, and the limits.
        folder: where caches are kept; default: `default_folder()`.
        progress: told how many photos are decoded.

    Raises:
        OutputError: the cache can't be written.
        CatalogError: a decoding process died.
    """
    sources = _sources(catalog)
    home = (folder or default_folder()) / _key(sources, photo)
    cache = _load(home, sources, photo)
    if cache is None:
        _clear_leftovers(home.parent)
        with atomic_folder(home) as temporary:
            _build(sources, photo, temporary, progress)
        cache = _load(home, sources, photo)
        if cache is None:
            raise OutputError(f"The cache {home} was changed while it was written. Run again.")
    if cache.problems:
        logger.warning("%d photo(s) can't be read and are left out", len(cache.problems))
    return cache


def default_folder() -> Path:
    """Return $TAGGER_CACHE, or else `catalog-tagger` in $XDG_CACHE_HOME or ~/.cache."""
    if named := os.environ.get("TAGGER_CACHE"):
        return Path(named)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "catalog-tagger"


def hashed_size(photo: PhotoConfig) -> PhotoConfig:
    """How a photo is decoded to be hashed: within the same limits, and in one size for all."""
    return photo.model_copy(update={"height": _HASHED_HEIGHT, "width": _HASHED_WIDTH})


def perceptual_hashes(photos: Iterable[NDArray[np.uint8]]) -> NDArray[np.uint64]:
    """Return the 64-bit pHash of each photo, uint64 (N,), as `imagehash.phash` computes it.

    Args:
        photos: uint8 (N, H, W, 3), or one after the other.

    Raises:
        MissingDependencyError: imagehash is not installed.
    """
    try:
        import imagehash
    except ImportError as error:
        raise MissingDependencyError("imagehash", "report", "to find near-duplicate photos") from error
    bits = (imagehash.phash(Image.fromarray(photo)).hash for photo in photos)  # bool (8, 8)
    return np.fromiter((int.from_bytes(np.packbits(each).tobytes(), "big") for each in bits), dtype=np.uint64)


def _readable(decoded: Decoded) -> NDArray[np.uint8]:
    if isinstance(decoded, PhotoError):
        raise decoded
    return decoded


def _sources(catalog: Catalog) -> list[_Source]:
    """List the photos, sorted by id, so that the order of the catalog's rows makes no difference."""
    sources = []
    for id_, path in sorted(zip(catalog.table.index, catalog.table[IMAGE], strict=True)):
        if path:
            try:
                status = Path(path).stat()
                sources.append(_Source(id_, path, status.st_size, status.st_mtime_ns))
            except (OSError, ValueError):
                sources.append(_Source(id_, path, -1, -1))
    return sources


def _key(sources: list[_Source], photo: PhotoConfig) -> str:
    settings = {"decoder": DECODER_VERSION, "pillow": PIL.__version__, **photo.model_dump()}
    text = json.dumps([settings, sources], ensure_ascii=True, separators=(",", ":"))
    return "photos-" + hashlib.sha256(text.encode()).hexdigest()[:24]


def _load(home: Path, sources: list[_Source], photo: PhotoConfig) -> PhotoCache | None:
    """Open a finished cache; None where there is none, or where it is damaged and better made again."""
    try:
        contents = json.loads((home / _CONTENTS).read_text(encoding="utf-8"))
        pixels = np.load(home / _PIXELS, mmap_mode="r", allow_pickle=False)
        ids, problems = contents["ids"], contents["problems"]
        found = {source.id: source.path for source in sources}
        paths = tuple(found[id_] for id_ in ids)
    except (OSError, ValueError, KeyError):
        return None
    if pixels.dtype != np.uint8 or pixels.shape != (len(ids), photo.height, photo.width, 3):
        return None
    return PhotoCache(home, pixels, {id_: row for row, id_ in enumerate(ids)}, problems, paths, photo)


def _clear_leftovers(folder: Path) -> None:
    """Delete what runs that were killed left unfinished; what was written to lately may still be at work."""
    for unfinished in folder.glob(".photos-*"):
        with contextlib.suppress(OSError):
            if time.time() - (unfinished / _PIXELS).stat().st_mtime > _ABANDONED_AFTER:
                shutil.rmtree(unfinished)


def _build(sources: list[_Source], photo: PhotoConfig, folder: Path, progress: Progress) -> None:
    ids: list[str] = []
    problems: dict[str, str] = {}
    # Plain writes, not a writable memory map: a full disk then is an error and not a crash of the process (SIGBUS).
    with (folder / _PIXELS).open("wb") as file:
        _write_header(file, len(sources), photo)
        progress(0, len(sources), "photos decoded")
        decoded = decode_photos((source.path for source in sources), photo)
        for done, (source, pixels) in enumerate(zip(sources, decoded, strict=True), start=1):
            if isinstance(pixels, PhotoError):
                problems[source.id] = str(pixels)
            else:
                file.write(pixels.tobytes())
                ids.append(source.id)
            if done % 64 == 0 or done == len(sources):
                progress(done, len(sources), "photos decoded")
        file.seek(0)
        _write_header(file, len(ids), photo)
    write_json(folder / _CONTENTS, {"ids": ids, "problems": problems})


def _write_header(file: BinaryIO, count: int, photo: PhotoConfig) -> None:
    """Write the head of a .npy file; NumPy pads it so that the count can change in place."""
    shape = (count, photo.height, photo.width, 3)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
