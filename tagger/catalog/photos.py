"""Find photos and decode them: RGB, upright, letterboxed on white to one size. Training and tagging share this path."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

# Named so that Image.open finds them without importing Pillow's forty other plugins first.
from PIL import TiffImagePlugin as _tiff  # noqa: F401
from PIL import WebPImagePlugin as _webp  # noqa: F401

from tagger.config import PhotoConfig
from tagger.errors import PhotoError

try:
    import simplejpeg
except ImportError:  # an optional speed-up
    simplejpeg = None

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")

#: Flags to open a photo with: as bytes on Windows, and without waiting for whoever writes to a pipe.
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_JPEG = b"\xff\xd8\xff"
_EXIF = b"Exif\x00"
#: Bytes in which an EXIF block, which may ask to turn the photo, begins if there is one.
_HEAD = 4096
_DEEP_MODES = frozenset({"I", "I;16", "I;16B", "I;16L"})

# Photos over the limit are refused below, with a better message than Pillow's warning.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def find_photos(folder: Path | str) -> Iterator[Path]:
    """Yield the photos in `folder` and below, sorted, by suffix in any case; hidden files and folders are left out."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if not name.startswith(".") and path.suffix.lower() in SUFFIXES:
                yield path


def decode_photo(path: Path | str, photo: PhotoConfig) -> NDArray[np.uint8]:
    """Read one photo from disk.

    Args:
        path: a regular file; the suffix does not matter, the content does.
        photo: the size to letterbox to, and the limits.

    Returns:
        The pixels, uint8 (height, width, 3).

    Raises:
        PhotoError: the file is missing, no regular file, too large, damaged, or not a photo.
    """
    name = os.fspath(path)
    try:
        data = _read(name, photo)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise PhotoError(f"{name}: can't be opened ({reason}). Check the path.") from error
    return decode_bytes(data, photo, name)


def _read(name: str, photo: PhotoConfig) -> bytes:
    # These calls, not those of Path: with small photos they are felt.
    descriptor = os.open(name, _READ)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError(f"{name}: expected a photo, found a folder, a pipe or a device.")
        _check_bytes(status.st_size, photo, name)
        return os.read(descriptor, status.st_size)
    finally:
        os.close(descriptor)


def decode_bytes(data: bytes, photo: PhotoConfig, name: str) -> NDArray[np.uint8]:
    """Decode one photo that is already in memory.

    The pixels of a photo that has the size already are not resampled. Of an animation the first frame counts.

    Args:
        data: the content of an image file.
        photo: the size to letterbox to, and the limits.
        name: what to call the photo in errors.

    Returns:
        The pixels, uint8 (height, width, 3).

    Raises:
        PhotoError: empty, too large, damaged, or not a photo.
    """
    _check_bytes(len(data), photo, name)
    small = _decode_small_jpeg(data, photo)
    if small is not None:
        return small
    image = _open(data, photo, name)
    try:
        # Lets the JPEG decoder skip detail; twice the size remains for the resampling below, on either side up.
        side = 2 * max(photo.height, photo.width)
        image.draft(None, (side, side))
        image.load()
        rgb = _to_rgb(_upright(image), name)
        return np.array(_letterbox(rgb, photo))  # (H, W, 3)
    except PhotoError:
        raise
    except Exception as error:  # on damaged files Pillow's plugins raise nearly anything
        raise PhotoError(f"{name}: the photo is damaged or cut short. Replace the file.") from error


def _decode_small_jpeg(data: bytes, photo: PhotoConfig) -> NDArray[np.uint8] | None:
    """Decode a JPEG that has the size already, four times as fast as Pillow and to the same pixels.

    None for whatever is not that simple, damaged files included: Pillow then decodes them, or says what is wrong.
    """
    if simplejpeg is None or not data.startswith(_JPEG) or _EXIF in data[:_HEAD]:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if (height, width) != (photo.height, photo.width) or colours not in ("YCbCr", "Gray"):
            return None
        # Accurate rather than fast, as Pillow does it; strict, since a photo cut short is an error.
        pixels = simplejpeg.decode_jpeg(data, colorspace="RGB", fastdct=False, fastupsample=False, strict=True)
    except ValueError:
        return None
    return cast(NDArray[np.uint8], pixels)


def _check_bytes(size: int, photo: PhotoConfig, name: str) -> None:
    if size == 0:
        raise PhotoError(f"{name}: the file is empty. Replace it.")
    if size > photo.max_bytes:
        raise PhotoError(
            f"{name}: {size:,} bytes are more than the limit of {photo.max_bytes:,}. "
            "Make the photo smaller or raise photo.max_bytes."
        )


def _open(data: bytes, photo: PhotoConfig, name: str) -> Image.Image:
    """Read the header alone, so that a decompression bomb is refused before it unfolds."""
    # Pillow refuses by itself from twice its own limit on, whatever the config allows.
    limit = min(photo.max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or photo.max_pixels))
    advice = f"more than the limit of {limit:,}. Make the photo smaller or raise photo.max_pixels."
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name}: too many pixels, {advice}") from error
    except Exception as error:  # as above: a damaged header may raise nearly anything
        raise PhotoError(
            f"{name}: not a photo. Expected a whole {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file."
        ) from error
    if image.width * image.height > limit:
        raise PhotoError(f"{name}: {image.width} x {image.height} pixels are {advice}")
    return image


def _upright(image: Image.Image) -> Image.Image:
    """Turn the photo as its EXIF orientation says; a damaged EXIF block is no reason to refuse a good photo."""
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    """Convert any colour mode to RGB; what is transparent becomes white."""
    if image.mode in _DEEP_MODES:
        deep = np.clip(np.asarray(image, dtype=np.int64), 0, 65535)
        return Image.fromarray((deep // 257).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise PhotoError(
            f"{name}: expected 8 or 16 bits a channel, found floating-point pixels. Save it as PNG or JPEG."
        )
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(canvas, image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _letterbox(image: Image.Image, photo: PhotoConfig) -> Image.Image:
    """Fit the photo into the size, aspect kept, centred on white."""
    size = (photo.width, photo.height)
    if image.size == size:
        return image
    scale = min(photo.width / image.width, photo.height / image.height)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if inner != image.size:
        image = image.resize(inner, Image.Resampling.BICUBIC, reducing_gap=3.0)
    canvas = Image.new("RGB", size, "white")
    canvas.paste(image, ((photo.width - inner[0]) // 2, (photo.height - inner[1]) // 2))
    return canvas
