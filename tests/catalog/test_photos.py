from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tagger.catalog.photos import decode_bytes, decode_photo, find_photos
from tagger.config import PhotoConfig
from tagger.errors import PhotoError

PHOTO = PhotoConfig()
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
WHITE = [255, 255, 255]


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header promises more than its data holds: a decompression bomb in a few bytes."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 1000) + b"IDAT"


def decode(data: bytes) -> np.ndarray:
    return decode_bytes(data, PHOTO, "photo")


def refusal(data: bytes, photo: PhotoConfig = PHOTO) -> str:
    with pytest.raises(PhotoError) as caught:
        decode_bytes(data, photo, "shop/a.jpg")
    message = str(caught.value)
    assert message.startswith("shop/a.jpg: ")
    for word in ("Error", "Traceback", "PIL", "BytesIO", "0x"):
        assert word not in message
    return message


def test_a_photo_of_the_right_size_is_not_resampled():
    image = noise(60, 80)
    assert np.array_equal(decode(encode(image)), np.asarray(image))


@pytest.mark.parametrize("size", [(53, 80), (60, 60)])
def test_a_photo_that_fits_on_one_side_is_centred_on_white_without_resampling(size):
    image = noise(*size)
    pixels = decode(encode(image))
    top, left = (80 - size[1]) // 2, (60 - size[0]) // 2
    assert np.array_equal(pixels[top : top + size[1], left : left + size[0]], np.asarray(image))
    outside = np.ones((80, 60), dtype=bool)
    outside[top : top + size[1], left : left + size[0]] = False
    assert (pixels[outside] == 255).all()


def test_a_large_photo_keeps_its_aspect():
    pixels = decode(encode(Image.new("RGB", (600, 300), "red"), "JPEG"))
    red = pixels[:, 30, 1] < 100
    assert pixels.shape == (80, 60, 3)
    assert 29 <= red.sum() <= 31
    assert red[40]


def test_shrinking_averages_instead_of_skipping_pixels():
    stripes = np.zeros((800, 600, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(decode(encode(Image.fromarray(stripes))).astype(int) - 127).max() < 10


def test_a_small_photo_is_enlarged():
    assert (decode(encode(Image.new("RGB", (1, 1), "black")))[40] == 0).all()


def test_a_very_long_photo_keeps_at_least_one_pixel():
    pixels = decode(encode(Image.new("RGB", (5000, 1), "black")))
    assert (pixels.min(axis=(1, 2)) < 255).sum() == 1


def test_exif_orientation_is_followed():
    image = Image.new("RGB", (80, 60), "white")
    image.paste("black", (0, 0, 40, 60))  # the left half is the top, once turned a quarter clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = decode(encode(image, "JPEG", exif=exif.tobytes(), quality=95))
    assert pixels[:35].max() < 20
    assert pixels[45:].min() > 235


def test_a_damaged_exif_block_does_not_cost_the_photo():
    data = encode(noise(60, 80), "JPEG", exif=b"Exif\x00\x00garbage that is no TIFF header")
    assert decode(data).shape == (80, 60, 3)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LA", "RGBA"])
def test_every_colour_mode_becomes_rgb(mode):
    kind = {"CMYK": "JPEG", "YCbCr": "JPEG"}.get(mode, "PNG")
    pixels = decode(encode(Image.new("RGB", (60, 80), "black").convert(mode), kind))
    assert pixels.shape == (80, 60, 3)
    assert pixels.dtype == np.uint8
    assert pixels.max() < 40


def test_what_is_transparent_becomes_white():
    clear = Image.new("RGBA", (60, 80), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 128), (0, 0, 60, 40))
    pixels = decode(encode(clear))
    assert pixels[60, 30].tolist() == WHITE
    assert pixels[20, 30].tolist() == [127, 127, 255]


def test_a_transparent_palette_colour_becomes_white():
    image = Image.new("P", (60, 80), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(1, (0, 0, 60, 40))
    pixels = decode(encode(image, "GIF", transparency=0))
    assert pixels[60, 30].tolist() == WHITE
    assert pixels[20, 30].tolist() == [255, 0, 0]


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 80, dtype=np.uint16)[:, None].repeat(60, axis=1)
    pixels = decode(encode(Image.fromarray(ramp)))
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[-1, 0].tolist() == WHITE
    assert abs(int(pixels[40, 0, 0]) - 128) < 4


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation_counts(kind):
    frames = [Image.new("RGB", (60, 80), colour) for colour in ("black", "white", "red")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert decode(data).max() < 10


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_every_format_is_read(kind):
    assert decode(encode(Image.new("RGB", (60, 80), "white"), kind)).min() > 250


def test_a_format_that_nobody_asked_for_is_refused():
    assert "not a photo" in refusal(encode(noise(60, 80), "PPM"))


def test_an_empty_file_is_refused():
    assert "empty" in refusal(b"")


def test_a_text_is_refused():
    assert "Expected a whole JPEG, PNG, WEBP, BMP, GIF or TIFF file" in refusal(b"id,gender\n1163,Men\n" * 50)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_truncated_photo_is_refused(kind, share):
    data = encode(noise(120, 160), kind)
    refusal(data[: int(len(data) * share)])


def test_a_photo_with_flipped_bytes_gives_pixels_or_a_refusal():
    whole = encode(noise(60, 80), "PNG")
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 5):
            damaged[place] ^= 0xFF
        try:
            assert decode(bytes(damaged)).shape == (80, 60, 3)
        except PhotoError:
            continue


def test_floating_point_pixels_are_refused():
    assert "floating-point" in refusal(encode(Image.fromarray(np.zeros((80, 60), dtype=np.float32)), "TIFF"))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # pytest undoes the filter of photos.py
@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (60_000, 60_000)])
def test_a_decompression_bomb_is_refused_by_its_header(width, height):
    assert re.search("pixels.* more than the limit of 50,000,000", refusal(png_of(width, height)))


def test_a_bomb_gets_no_second_warning_from_pillow(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_of(10_000, 10_000))
    code = "from tagger.catalog.parallel import *; print(*decode_photos(['bomb.png'], PhotoConfig()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.stdout.startswith("bomb.png: 10000 x 10000 pixels")
    assert done.stderr == ""


def test_the_limit_of_pixels_is_a_setting():
    data = encode(noise(60, 80))
    assert "60 x 80 pixels" in refusal(data, PhotoConfig(max_pixels=60 * 80 - 1))
    assert decode_bytes(data, PhotoConfig(max_pixels=60 * 80), "").shape == (80, 60, 3)


def test_the_limit_of_bytes_is_a_setting(tmp_path):
    data = encode(noise(60, 80))
    assert f"{len(data):,} bytes" in refusal(data, PhotoConfig(max_bytes=len(data) - 1))
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(PhotoError, match=r"raise photo\.max_bytes"):
        decode_photo(tmp_path / "a.png", PhotoConfig(max_bytes=100))


def test_a_photo_is_read_whatever_its_suffix_and_name(tmp_path):
    path = tmp_path / "пальто 裙子.jpg"
    image = noise(60, 80)
    path.write_bytes(encode(image, "PNG"))
    assert np.array_equal(decode_photo(path, PHOTO), np.asarray(image))


def test_a_missing_photo_is_refused(tmp_path):
    with pytest.raises(PhotoError, match=r"a\.jpg: can't be opened \(No such file or directory\)"):
        decode_photo(tmp_path / "a.jpg", PHOTO)


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(PhotoError, match="can't be opened"):
        decode_photo("a\0.jpg", PHOTO)


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path, tmp_path / "pipe.jpg", Path("/dev/zero")):
        with pytest.raises(PhotoError, match="found a folder, a pipe or a device"):
            decode_photo(path, PHOTO)


def test_photos_are_found_sorted_by_suffix_without_hidden_ones(tmp_path):
    for name in ("b.JPG", "a.webp", "c/d.Tiff", "c/notes.txt", ".hidden.png", ".git/e.png", "f.jpg.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in find_photos(tmp_path)] == ["a.webp", "b.JPG", "c/d.Tiff"]


def test_decoding_needs_no_pandas():
    code = "import sys, tagger.catalog.photos, tagger.catalog.parallel; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT).returncode == 0


# ---- The fast way for small JPEG photos ----


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("quality", [30, 90])
def test_the_fast_way_gives_the_same_pixels(mode: str, quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("simplejpeg")
    noise = np.random.default_rng(quality).integers(0, 256, (10, 8, 3), np.uint8)
    image = Image.fromarray(noise).resize((60, 80), Image.Resampling.BICUBIC).convert(mode)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    fast = decode_bytes(data.getvalue(), PhotoConfig(), "photo")
    monkeypatch.setattr("tagger.catalog.photos.simplejpeg", None)
    np.testing.assert_array_equal(fast, decode_bytes(data.getvalue(), PhotoConfig(), "photo"))


def test_a_small_jpeg_cut_short_is_damaged_the_fast_way_too() -> None:
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 60, 3), np.uint8)).save(data, "JPEG")
    with pytest.raises(PhotoError, match="damaged or cut short"):
        decode_bytes(data.getvalue()[:-400], PhotoConfig(), "photo")
