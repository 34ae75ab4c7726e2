"""Drawings of what is worn above the waist, and of dresses."""

from __future__ import annotations

from tagger.catalog.sample.canvas import Canvas, mirrored, shade
from tagger.catalog.sample.look import CREAM, DARK, GOLD, Look, ethnic_band, print_motif, sparkles

#: How far down the arm a sleeve reaches: 0 none, 1 the wrist.
_SLEEVES = {"Summer": 0.32, "Spring": 0.62, "Fall": 1.0, "Winter": 1.0}


def _sleeves(canvas: Canvas, look: Look, shoulder: float, length: float, bulk: float = 0.0) -> None:
    if not length:
        return
    for side in (-1, 1):
        x = shoulder + 9.5 * length
        y = 18 + 42 * length
        sleeve = [
            (shoulder - 3, 14.5),
            (shoulder + 1.5 + bulk, 17),
            (x + bulk, y),
            (x - 6.5 + 1.5 * length, y + 2.5),
            (shoulder - 3, 30),
        ]
        canvas.shape([(side * a, b) for a, b in sleeve], shade(look.colour, 0.93))


def _body(canvas: Canvas, look: Look, hem: float, bulk: float = 0.0) -> float:
    """The front of a top; returns half its width at the hem."""
    shoulder = (13.5 if look.fitted else 16.0) + bulk
    waist = (9.5 if look.fitted else 15.5) + bulk
    wide = (13.0 if look.fitted else 16.0) + bulk
    canvas.shape(
        mirrored([(5.5, 12), (shoulder, 15.5), (shoulder - 1, 28), (waist, 0.45 * hem + 17), (wide, hem)]), look.colour
    )
    return wide


def _neck(canvas: Canvas, look: Look) -> None:
    """Low and pointed for women, round for everybody else."""
    if look.fitted:
        canvas.shape([(-5.5, 11.5), (5.5, 11.5), (0, 24)], look.dark)
    else:
        canvas.oval(0, 12, 5.5, 4, look.dark)


def _shoulder(look: Look) -> float:
    return 13.5 if look.fitted else 16.0


def tshirt(canvas: Canvas, look: Look) -> None:
    """Round or V neck; stripes for sports."""
    _sleeves(canvas, look, _shoulder(look), _SLEEVES[look.season])
    wide = _body(canvas, look, 64)
    _neck(canvas, look)
    if look.usage == "Sports":
        for x in (-wide + 2.5, wide - 2.5):
            canvas.line([(x, 31), (x, 62)], look.accent, 2.6)
        canvas.line([(-wide + 4, 36), (wide - 4, 36)], look.accent, 3)
    elif look.child:
        print_motif(canvas, look, 0, 38)
    elif canvas.rng.random() < 0.4:
        canvas.box(-5, 32, 5, 42, look.accent, edge=False)


def shirt(canvas: Canvas, look: Look) -> None:
    """Collar, buttons; a tie for formal ones, a pocket and checks for others."""
    _sleeves(canvas, look, _shoulder(look), _SLEEVES[look.season])
    wide = _body(canvas, look, 67)
    if look.usage == "Casual":
        for step in (-0.6, -0.2, 0.2, 0.6):
            canvas.line([(wide * step, 20), (wide * step, 66)], look.dark, 0.8)
        for y in (30, 40, 50, 60):
            canvas.line([(-wide + 4, y), (wide - 4, y)], look.dark, 0.8)
        canvas.box(3.5, 28, 9.5, 36, look.colour)
    canvas.line([(0, 14), (0, 67)], look.dark, 1.0)
    for y in range(26, 66, 8):
        canvas.oval(0, y, 0.9, 0.9, CREAM)
    if look.usage == "Formal":
        canvas.shape([(-1.8, 15), (1.8, 15), (3.4, 44), (0, 49), (-3.4, 44)], look.accent)
    for side in (-1, 1):
        canvas.shape([(side * 1, 17), (side * 6.5, 10), (side * 8, 18), (side * 4, 22)], look.light)


def kurta(canvas: Canvas, look: Look) -> None:
    """Long, with a slit neck and woven borders."""
    _sleeves(canvas, look, _shoulder(look), _SLEEVES[look.season])
    wide = _body(canvas, look, 75)
    ethnic_band(canvas, look, 71, wide - 0.6)
    canvas.line([(0, 12), (0, 36)], GOLD, 2.4)
    canvas.oval(0, 12, 5.5, 3, look.dark)
    for side in (-1, 1):
        canvas.line([(side * (wide - 2), 56), (side * (wide - 1), 75)], look.dark, 1.2)


def sweater(canvas: Canvas, look: Look) -> None:
    """Knitted, with ribs; a high collar and a scarf in winter."""
    _sleeves(canvas, look, _shoulder(look) + 0.5, 1.0, bulk=1.5)
    wide = _body(canvas, look, 63, bulk=1.0)
    for y in range(26, 58, 4):
        zigzag = [(x * (wide - 3) / 6, y + (1.2 if x % 2 else -1.2)) for x in range(-6, 7)]
        canvas.line(zigzag, look.dark, 0.8)
    canvas.box(-wide, 60, wide, 66, look.dark)
    if look.season == "Winter":
        canvas.shape(mirrored([(6.5, 6), (8, 16)]), look.light)
        canvas.shape([(-9, 13), (9, 13), (8, 20), (3, 21), (5, 46), (-2, 46), (-3, 21), (-8, 20)], look.accent)
    else:
        _neck(canvas, look)
    if look.child:
        print_motif(canvas, look, 0, 50 if look.season == "Winter" else 40)


def jacket(canvas: Canvas, look: Look) -> None:
    """Open over another layer; quilted with a hood in winter, striped for sports."""
    winter = look.season == "Winter"
    bulk = 2.5 if winter else 0.5
    if winter:
        canvas.shape(mirrored([(4, 3), (9, 6), (9, 18)]), look.dark, smooth=1)
    _sleeves(canvas, look, _shoulder(look) + bulk, 1.0, bulk)
    wide = _body(canvas, look, 66, bulk)
    if winter:
        for y in (25, 34, 43, 52, 61):
            canvas.line([(-wide + 1, y), (wide - 1, y)], look.dark, 1.6)
    canvas.shape([(-5, 12), (5, 12), (2.5, 66), (-2.5, 66)], look.accent if look.usage != "Formal" else CREAM)
    if look.usage == "Formal":
        canvas.shape([(-1.3, 16), (1.3, 16), (2, 48), (-2, 48)], DARK)
    for side in (-1, 1):
        canvas.shape([(side * 4.5, 11), (side * 9, 14), (side * 8, 26), (side * 3.8, 34)], look.dark)
        canvas.line([(side * 7, 48), (side * 11, 53)], look.dark, 1.4)
        if look.usage == "Sports":
            canvas.line([(side * (wide - 2.5), 30), (side * (wide - 2.5), 64)], look.light, 2.6)
    canvas.box(-wide, 64, -2.5, 68, look.dark)
    canvas.box(2.5, 64, wide, 68, look.dark)


def dress(canvas: Canvas, look: Look) -> None:
    """A waist and a wide skirt; sleeves by season, sparkles for parties."""
    length = 0.0 if look.season == "Summer" else _SLEEVES[look.season]
    _sleeves(canvas, look, 12, length)
    hem = 75 if look.usage in ("Party", "Ethnic") else 66
    canvas.shape(mirrored([(6, 9), (8.5, 9), (11, 20), (11, 26), (7.5, 37), (13, 48), (20, hem)]), look.colour)
    canvas.shape([(-6, 8.5), (6, 8.5), (4, 17), (-4, 17)], look.dark, smooth=1)
    canvas.line([(-7.5, 37), (7.5, 37)], look.accent, 3)
    for x in (-11, -4, 4, 11):
        canvas.line([(x * 0.5, 41), (x, hem - 1)], look.dark, 0.8)
    if look.usage == "Party":
        sparkles(canvas, 20, 34, 8, 12)
        sparkles(canvas, 42, 72, 13)
    elif look.usage == "Ethnic":
        ethnic_band(canvas, look, hem - 4, 18)
    elif look.child:
        print_motif(canvas, look, 0, 55)
