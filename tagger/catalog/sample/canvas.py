"""A small canvas for product photos: shapes in pixels of the photo, drawn four times as large and shrunk."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 60, 80
_ZOOM = 4

Colour = tuple[int, int, int]
Point = tuple[float, float]
Points = Sequence[Point]


class Canvas:
    """A product being drawn.

    x runs from -30 to 30 with the middle of the photo at 0, y from 0 to 80 downwards. Everything that is drawn is
    moved, turned and scaled a little, the same for the whole photo, so that no two photos are alike.

    Args:
        rng: where the small differences come from.
        size: scale of the whole product; children's clothes are smaller.
    """

    def __init__(self, rng: np.random.Generator, size: float = 1.0) -> None:
        self.rng = rng
        self._image = Image.new("RGBA", (WIDTH * _ZOOM, HEIGHT * _ZOOM), (255, 255, 255, 0))
        self._pen = ImageDraw.Draw(self._image)
        angle = math.radians(rng.normal(0, 2.0))
        wide, high = size * rng.uniform(0.93, 1.04, 2)
        self._turn = np.array(
            [[math.cos(angle) * wide, -math.sin(angle) * high], [math.sin(angle) * wide, math.cos(angle) * high]]
        )
        self._shift = np.array([WIDTH / 2, HEIGHT / 2]) + rng.normal(0, 1.0, 2)

    def shape(self, points: Points, fill: Colour, *, smooth: int = 0, edge: bool = True) -> None:
        """Fill a polygon; `smooth` rounds its corners that many times, `edge` draws a darker outline."""
        corners = round_corners(points, smooth)
        placed = self._place(corners)
        self._pen.polygon(placed, fill=(*fill, 255))
        if edge:
            self._pen.line([*placed, placed[0]], fill=(*shade(fill, 0.62), 255), width=3, joint="curve")

    def line(self, points: Points, colour: Colour, width: float = 1.0, smooth: int = 0) -> None:
        """Draw an open line; `width` is in pixels of the photo."""
        placed = self._place(round_corners(points, smooth, closed=False))
        self._pen.line(placed, fill=(*colour, 255), width=max(1, round(width * _ZOOM)), joint="curve")

    def oval(self, x: float, y: float, wide: float, high: float, fill: Colour, *, edge: bool = True) -> None:
        """Fill an ellipse; `wide` and `high` are its radii."""
        angles = np.linspace(0, 2 * math.pi, 33)[:-1]
        self.shape([(x + wide * math.cos(a), y + high * math.sin(a)) for a in angles], fill, edge=edge)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour, *, edge: bool = True) -> None:
        """Fill an upright rectangle."""
        self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], fill, edge=edge)

    def lower(self, by: float) -> None:
        """Draw everything that follows further down, to bring a short product to the middle."""
        self._shift = self._shift + np.array([0, by])

    def photo(self) -> NDArray[np.uint8]:
        """Light the product and put it on a bright background with its shadow; uint8 (80, 60, 3)."""
        small = self._image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
        drawn = np.asarray(small, dtype=np.float64)
        cover = drawn[:, :, 3:] / 255  # (80, 60, 1)
        lit = drawn[:, :, :3] * self._light()[:, :, None]
        backdrop = self._backdrop(small.getchannel("A"))
        pixels = lit * cover + backdrop * (1 - cover)
        pixels += self.rng.normal(0, 2.0, pixels.shape)
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)

    def _place(self, points: Points) -> list[Point]:
        centred = np.asarray(points, dtype=np.float64) - (0, HEIGHT / 2)
        placed = (centred @ self._turn.T + self._shift) * _ZOOM
        return [(float(x), float(y)) for x, y in placed]

    def _light(self) -> NDArray[np.float64]:
        """Light from one side and soft folds, as a factor a pixel, (80, 60)."""
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
        side, fold, slant, phase = self.rng.uniform((-0.12, 0.08, -0.06, 0), (0.12, 0.16, 0.06, 2 * math.pi))
        folds = 0.045 * np.sin(2 * math.pi * (fold * x + slant * y) + phase)
        return np.asarray(self.rng.uniform(0.94, 1.06) + side * (x / WIDTH - 0.5) + folds)

    def _backdrop(self, mask: Image.Image) -> NDArray[np.float64]:
        """Nearly white, a little darker downwards, with a soft shadow of the product, (80, 60, 3)."""
        top, bottom = self.rng.uniform((246, 232), (255, 252))
        tint = self.rng.normal(0, 1.5, 3)
        plain = np.linspace(top, bottom, HEIGHT)[:, None, None] + np.zeros((1, WIDTH, 1)) + tint
        offset = (int(self.rng.integers(-2, 3)), int(self.rng.integers(1, 4)))
        shadow = Image.new("L", mask.size)
        shadow.paste(mask, offset)
        blurred = np.asarray(shadow.filter(ImageFilter.GaussianBlur(2.5)), dtype=np.float64) / 255
        return np.asarray(plain * (1 - self.rng.uniform(0.08, 0.28) * blurred[:, :, None]))


def mirrored(right: Points) -> list[Point]:
    """Complete a shape from the points of its right half, from top to bottom."""
    return [*right, *((-x, y) for x, y in reversed(right))]


def shade(colour: Colour, factor: float) -> Colour:
    """Darken (factor below 1) or lighten a colour."""
    red, green, blue = (max(0, min(255, round(value * factor))) for value in colour)
    return red, green, blue


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Blend two colours; `share` is how much of the other there is."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def round_corners(points: Points, times: int, closed: bool = True) -> Points:
    """Cut the corners of a line, a quarter from each side (Chaikin 1974)."""
    for _ in range(times):
        here = np.asarray(points, dtype=np.float64)
        after = np.roll(here, -1, axis=0)
        cut = np.stack([0.75 * here + 0.25 * after, 0.25 * here + 0.75 * after], axis=1).reshape(-1, 2)
        if not closed:
            cut = np.concatenate([here[:1], cut[1:-3], here[-1:]])
        points = [(float(x), float(y)) for x, y in cut]
    return points
