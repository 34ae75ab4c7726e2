"""Drawings of shoes from the side, toe to the left, and of flip flops from above."""

from __future__ import annotations

from tagger.catalog.sample.canvas import Canvas, Colour, shade
from tagger.catalog.sample.look import CREAM, DARK, METAL, Look, print_motif, sparkles


def _upper(canvas: Canvas, look: Look, *, high: bool, toe: float = 46.0) -> None:
    """Everything above the sole; `high` reaches over the ankle, `toe` is where the toe is highest."""
    opening = 20.0 if high else 31.0
    slim = 2.0 if look.fitted else 0.0
    canvas.shape(
        [
            (-26, 54),
            (-26, toe + slim),
            (-20, toe - 3 + slim),
            (-8, 40 + slim),
            (0, opening + 4 if high else 33.5 + slim),
            (4, opening + slim),
            (20, opening - 1 + slim),
            (22, 40),
            (24, 54),
        ],
        look.colour,
        smooth=2,
    )
    canvas.oval(12, opening + 1.5 + slim, 7.5, 2.2, shade(look.colour, 0.5))


def _sole(canvas: Canvas, colour: Colour, thick: float) -> None:
    canvas.shape([(-27, 53), (25, 53), (26, 53 + thick), (-25, 53 + thick)], colour, smooth=1)


def _laces(canvas: Canvas, look: Look) -> None:
    for step in range(4):
        x, y = -11 + 3.6 * step, 42 - 2.4 * step
        canvas.line([(x, y - 2), (x + 4, y + 3.5)], look.contrast, 1.2)


def _fasten(canvas: Canvas, look: Look) -> None:
    """Laces for adults, a strap for children, a bow for women."""
    if look.child:
        canvas.line([(-8, 43), (4, 47)], look.accent, 4)
        if look.gender == "Girls":
            print_motif(canvas, look, 14, 45)
    elif look.gender == "Women":
        for side in (-1, 1):
            canvas.shape([(-8, 40), (-8 + side * 6, 36), (-8 + side * 6, 43)], look.accent)
    else:
        _laces(canvas, look)


def casual_shoe(canvas: Canvas, look: Look) -> None:
    """A sneaker: flat pale sole, toe cap; over the ankle in winter."""
    _upper(canvas, look, high=look.season == "Winter")
    canvas.shape([(-26, 53), (-26, 47), (-20, 44.5), (-16, 53)], CREAM, smooth=1)
    _fasten(canvas, look)
    _sole(canvas, CREAM, 4.5)
    canvas.line([(-26, 55), (25, 55)], look.accent, 1.0)


def sports_shoe(canvas: Canvas, look: Look) -> None:
    """A running shoe: thick sole in two colours, slanted stripes."""
    _upper(canvas, look, high=look.season == "Winter")
    for x in (0, 5, 10):
        canvas.line([(x, 51), (x + 5, 39)], look.accent, 2.4)
    _fasten(canvas, look)
    _sole(canvas, look.light, 7.5)
    canvas.shape([(8, 53), (25, 53), (26, 60), (12, 60)], look.accent)
    for x in range(-22, 8, 5):
        canvas.line([(x, 56.5), (x + 2, 59)], DARK, 1.0)


def formal_shoe(canvas: Canvas, look: Look) -> None:
    """A pointed, shining toe, a thin sole and a block heel."""
    _upper(canvas, look, high=False, toe=49)
    canvas.line([(-14, 51), (-10, 42)], look.dark, 1.2)
    canvas.line([(-24, 50), (-18, 47), (-13, 46)], look.light, 1.6)
    if not look.fitted:
        for step in range(3):
            canvas.line([(-8 + 3.2 * step, 40 - 2 * step), (-5 + 3.2 * step, 44 - 2 * step)], look.dark, 1.0)
    _sole(canvas, DARK, 2.0)
    canvas.box(11, 54, 22, 60, DARK)


def heel(canvas: Canvas, look: Look) -> None:
    """A steep arch on a thin heel; sparkles for parties."""
    canvas.shape(
        [(-25, 61), (-22, 55), (-14, 52), (-4, 48), (8, 36), (14, 26), (23, 24), (23, 34), (16, 42), (6, 51), (-8, 61)],
        look.colour,
        smooth=2,
    )
    canvas.shape(
        [(-13, 53), (-3, 48.5), (9, 36), (13, 29), (16, 33), (6, 45), (-6, 54)], shade(look.colour, 0.55), smooth=2
    )
    canvas.shape([(17, 38), (23.5, 33), (22.5, 63), (20.5, 63)], look.dark)
    canvas.line([(-25, 62), (-8, 62), (6, 52), (17, 41)], DARK, 1.4, smooth=1)
    if look.usage == "Party":
        sparkles(canvas, 54, 60, 14, 12)
        for x, y in ((17, 28), (20, 30), (-18, 56)):
            canvas.oval(x, y, 1.2, 1.2, METAL)


def sandal(canvas: Canvas, look: Look) -> None:
    """A sole and straps with air between; a buckle, and slimmer straps for women."""
    strap = 2.6 if look.fitted else 4.8
    _sole(canvas, shade(look.colour, 0.6), 5 if look.fitted else 6.5)
    for points in (
        [(-22, 53), (-16, 43), (-6, 53)],
        [(-8, 53), (-2, 39), (8, 53)],
        [(22, 53), (21, 38), (4, 35), (-2, 40)],
        [(10, 53), (16, 37)],
    ):
        canvas.line(points, look.colour, strap, smooth=1)
        canvas.line(points, look.dark, 0.7, smooth=1)
    canvas.box(2, 33, 6, 38, METAL)
    if look.usage == "Ethnic":
        for x, y in ((-16, 45), (-2, 42), (8, 36), (16, 38)):
            canvas.oval(x, y, 1.6, 1.6, look.accent)


def flip_flops(canvas: Canvas, look: Look) -> None:
    """A pair from above with its Y-shaped straps."""
    slim = 0.82 if look.fitted else 1.0
    for side in (-1, 1):
        middle = side * 13
        sole = [(-7, 14), (0, 9), (7, 14), (7.5, 30), (5.5, 46), (7, 62), (0, 72), (-7, 62), (-5.5, 46), (-7.5, 30)]
        canvas.shape([(middle + slim * x, y) for x, y in sole], look.colour, smooth=2)
        for edge in (-1, 1):
            canvas.line(
                [(middle, 22), (middle + edge * 5 * slim, 36), (middle + edge * 6 * slim, 44)],
                look.accent,
                2.6,
                smooth=1,
            )
