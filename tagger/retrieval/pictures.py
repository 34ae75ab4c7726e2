"""Pictures that no catalog holds, drawn with NumPy and Pillow: nine kinds, each picture another one."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from tagger.catalog.photos import decode_bytes
from tagger.config import PhotoConfig

_WORDS = [
    "the",
    "of",
    "and",
    "with",
    "was",
    "this",
    "from",
    "which",
    "an",
    "have",
    "they",
    "you",
    "time",
    "some",
    "would",
]
_Draw = Callable[[np.random.Generator], Image.Image]


def noise(rng: np.random.Generator) -> Image.Image:
    """Random pixels, grey or in colour, fine or coarse."""
    height, width = _size(rng)
    cell = int(rng.choice([1, 2, 4, 8]))
    shape = (height // cell, width // cell, 3)
    pixels = rng.integers(0, 256, shape) if rng.random() < 0.5 else rng.normal(128, rng.uniform(20, 80), shape)
    if rng.random() < 0.3:
        pixels = pixels.mean(axis=2, keepdims=True).repeat(3, axis=2)
    return _image(pixels).resize((width, height), Image.Resampling.NEAREST)


def landscape(rng: np.random.Generator) -> Image.Image:
    """Sky, sun, hills behind hills, and sometimes trees."""
    height, width = 300, int(rng.integers(400, 540))
    down = np.linspace(0, 1, height)[:, None, None]
    sky = (1 - down) * rng.uniform((40, 90, 170), (140, 190, 255)) + down * rng.uniform(
        (180, 150, 130), (250, 230, 240)
    )
    image = _image(np.broadcast_to(sky, (height, width, 3)))
    draw = ImageDraw.Draw(image)
    _disc(draw, rng.uniform(0, width), rng.uniform(20, 110), rng.uniform(10, 30), (255, 240, 190))
    across = np.arange(0, width + 8, 8)
    for layer in range(int(rng.integers(2, 5))):
        base = height * (0.45 + 0.15 * layer)
        waves = np.sum(
            [rng.uniform(4, 30) * np.sin(across / rng.uniform(20, 120) + rng.uniform(0, 7)) for _ in range(3)], axis=0
        )
        ridge = [(int(x), float(y)) for x, y in zip(across, base + waves, strict=True)]
        colour = _colour(rng, (20, 60, 20), (110, 150, 110))
        draw.polygon([*ridge, (width + 8, height), (0, height)], fill=colour)
        for x, y in ridge[:: int(rng.integers(3, 9))] if rng.random() < 0.4 else ():
            draw.polygon([(x - 6, y + 4), (x + 6, y + 4), (x, y - rng.uniform(15, 35))], fill=(20, 60, 30))
    return _grained(image, rng)


def text_page(rng: np.random.Generator) -> Image.Image:
    """A page of paragraphs under a heading."""
    width, height = 424, 600
    image = Image.new("RGB", (width, height), _colour(rng, (235, 230, 215), (255, 255, 255)))
    draw = ImageDraw.Draw(image)
    size, ink = int(rng.integers(9, 17)), _colour(rng, (0, 0, 0), (70, 70, 70))
    draw.text((40, 30), " ".join(rng.choice(_WORDS, 3)).title(), fill=ink, font_size=2 * size)
    y = 50 + 2 * size
    while y < height - 50:
        words = " ".join(rng.choice(_WORDS, 16))
        end = width - 40 if rng.random() < 0.85 else rng.uniform(100, 300)
        while draw.textlength(words, font_size=size) > end - 40:
            words = words.rsplit(" ", 1)[0]
        draw.text((40, y), words, fill=ink, font_size=size)
        y += int(size * (1.5 if rng.random() < 0.85 else 2.5))
    return image


def face(rng: np.random.Generator) -> Image.Image:
    """A face drawn with a pen."""
    width, height = 300, 400
    image = Image.new("RGB", (width, height), (255, 255, 255))
    draw, ink, pen = ImageDraw.Draw(image), _colour(rng, (0, 0, 0), (60, 60, 60)), int(rng.integers(3, 7))
    wide, high = rng.uniform(80, 125), rng.uniform(110, 160)
    skin = None if rng.random() < 0.5 else _colour(rng, (150, 100, 70), (255, 225, 200))
    draw.ellipse((150 - wide, 200 - high, 150 + wide, 200 + high), outline=ink, width=pen, fill=skin)
    apart, eye = rng.uniform(30, 50), rng.uniform(8, 18)
    for x in (150 - apart, 150 + apart):
        draw.ellipse((x - 1.5 * eye, 165 - eye, x + 1.5 * eye, 165 + eye), outline=ink, width=pen, fill=(255, 255, 255))
        _disc(draw, x + rng.uniform(-3, 3), 165, eye / 2, ink)
        draw.arc((x - 24, 125, x + 24, 160), 200, 340, fill=ink, width=pen)
    draw.line([(150, 175), (150 - rng.uniform(5, 20), 225), (155, 228)], fill=ink, width=pen, joint="curve")
    smile = rng.uniform(20, 50)
    draw.arc((150 - smile, 235, 150 + smile, 285), *((20, 160) if rng.random() < 0.7 else (200, 340)), ink, pen)
    for _ in range(int(rng.integers(0, 60))):
        angle = rng.uniform(math.pi, 2 * math.pi)
        x, y = 150 + wide * math.cos(angle), 200 + high * math.sin(angle)
        draw.line([(x, y), (x + rng.uniform(-20, 20), y - rng.uniform(5, 40))], fill=ink, width=pen - 1)
    return image


def checkerboard(rng: np.random.Generator) -> Image.Image:
    """A checkerboard, straight or turned."""
    cell = int(rng.integers(12, 70))
    y, x = np.mgrid[0:640, 0:640] // cell
    first, second = (np.array(_colour(rng, (0, 0, 0), (255, 255, 255))) for _ in range(2))
    board = _image(np.where(((x + y) % 2)[:, :, None], first, second))
    turned = board.rotate(rng.uniform(0, 90) if rng.random() < 0.5 else 0, Image.Resampling.BICUBIC)
    height, width = _size(rng)
    return turned.crop((320 - width // 2, 320 - height // 2, 320 + width // 2, 320 + height // 2))


def texture(rng: np.random.Generator) -> Image.Image:
    """Waves over waves, as of water, wood or marble."""
    height, width = _size(rng)
    y, x = np.mgrid[0:height, 0:width]
    field = np.zeros((height, width))
    for _ in range(6):
        angle, length = rng.uniform(0, math.pi), rng.uniform(8, 80)
        field += np.sin((x * math.cos(angle) + y * math.sin(angle)) / length + 2 * np.sin(field) + rng.uniform(0, 7))
    share = ((field - field.min()) / np.ptp(field))[:, :, None]
    dark, light = rng.uniform(0, 140, 3), rng.uniform(110, 255, 3)
    return _grained(_image(dark + share * (light - dark)), rng)


def blobs(rng: np.random.Generator) -> Image.Image:
    """Blurred spots of many colours, as of a photo out of focus."""
    height, width = _size(rng)
    image = Image.new("RGB", (width, height), _colour(rng, (0, 0, 0), (255, 255, 255)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(8, 40))):
        colour = _colour(rng, (0, 0, 0), (255, 255, 255))
        _disc(draw, rng.uniform(0, width), rng.uniform(0, height), rng.uniform(10, 90), colour)
    return _grained(image.filter(ImageFilter.GaussianBlur(rng.uniform(2, 14))), rng)


def screenshot(rng: np.random.Generator) -> Image.Image:
    """A program's window: bar, side list, cards, buttons and words."""
    width, height = 640, int(rng.integers(360, 480))
    dark = rng.random() < 0.4
    paper, ink = ((40, 42, 48), (220, 220, 220)) if dark else ((245, 246, 248), (40, 40, 40))
    image = Image.new("RGB", (width, height), paper)
    draw, accent = ImageDraw.Draw(image), _colour(rng, (20, 60, 90), (220, 160, 255))
    draw.rectangle((0, 0, width, 36), fill=accent)
    draw.text((12, 9), " ".join(rng.choice(_WORDS, 3)).title(), fill=(255, 255, 255), font_size=16)
    side = int(rng.integers(100, 170))
    draw.rectangle((0, 36, side, height), fill=tuple(int(0.92 * value) for value in paper))
    for y in range(50, height - 20, 26):
        draw.text((12, y), " ".join(rng.choice(_WORDS, 2)), fill=ink, font_size=13)
    columns = int(rng.integers(1, 4))
    wide = (width - side - 16) // columns
    for top in range(50, height - 60, int(rng.integers(70, 120))):
        for column in range(columns):
            left = side + 12 + column * wide
            draw.rounded_rectangle((left, top, left + wide - 12, top + 58), 6, outline=ink, width=1)
            draw.text((left + 8, top + 8), " ".join(rng.choice(_WORDS, 2)), fill=ink, font_size=12)
            if rng.random() < 0.5:
                draw.rounded_rectangle((left + 8, top + 32, left + 68, top + 50), 4, fill=accent)
    return image


def gradient(rng: np.random.Generator) -> Image.Image:
    """One colour that runs into another."""
    height, width = _size(rng)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    angle = rng.uniform(0, 2 * math.pi)
    share = x * math.cos(angle) + y * math.sin(angle) if rng.random() < 0.6 else np.hypot(x - 0.5, y - 0.5)
    share = ((share - share.min()) / np.ptp(share))[:, :, None]
    first, second = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
    return _image(first + share * (second - first))


#: By the name that the tables give them.
KINDS: dict[str, _Draw] = {
    "noise": noise,
    "gradient": gradient,
    "checkerboard": checkerboard,
    "texture": texture,
    "blobs": blobs,
    "landscape": landscape,
    "text page": text_page,
    "face drawing": face,
    "screenshot": screenshot,
}


def draw_pictures(kind: str, count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Draw pictures of one kind, always the same ones, fitted in as photos are, uint8 (count, height, width, 3)."""
    size = PhotoConfig(height=height, width=width)
    pixels = np.empty((count, height, width, 3), dtype=np.uint8)
    for at in range(count):
        file = io.BytesIO()
        KINDS[kind](np.random.default_rng((list(KINDS).index(kind), at))).save(file, "JPEG", quality=90)
        pixels[at] = decode_bytes(file.getvalue(), size, f"{kind} {at}")
    return pixels


def _size(rng: np.random.Generator) -> tuple[int, int]:
    """Height and width: upright, across or square."""
    sizes = [(400, 300), (300, 400), (320, 320)]
    return sizes[int(rng.integers(len(sizes)))]


def _image(pixels: NDArray[np.generic]) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _colour(rng: np.random.Generator, low: tuple[int, int, int], high: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = (int(rng.integers(least, most + 1)) for least, most in zip(low, high, strict=True))
    return red, green, blue


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _grained(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The grain of a camera."""
    pixels = np.asarray(image, dtype=np.float32)
    return _image(pixels + rng.normal(0, rng.uniform(2, 9), pixels.shape))
