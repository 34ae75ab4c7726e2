"""Drawings of watches, bags, glasses, belts and caps."""

from __future__ import annotations

import math

from tagger.catalog.sample.canvas import Canvas, Colour, mirrored, mix, shade
from tagger.catalog.sample.look import CREAM, DARK, GOLD, METAL, Look, print_motif, sparkles


def watch(canvas: Canvas, look: Look) -> None:
    """A dial on a strap: large for men, small for women, square and digital for sports."""
    strap, dial = (4.2, 9.0) if look.fitted else (7.5, 13.5)
    if look.gender == "Unisex":
        strap, dial = 6.0, 11.0
    canvas.shape(mirrored([(strap * 0.8, 4), (strap, 28), (strap, 52), (strap * 0.8, 76)]), look.colour)
    for y in (10, 15, 62, 67, 72):
        canvas.line([(-strap * 0.5, y), (strap * 0.5, y)], look.dark, 1.0)
    if look.usage == "Sports":
        canvas.box(-dial, 40 - dial, dial, 40 + dial, look.dark)
        canvas.box(-dial + 2.5, 43 - dial, dial - 2.5, 37 + dial, (188, 204, 180))
        for x in (-4.0, 0.5, 5.0):
            canvas.line([(x * dial / 12, 36), (x * dial / 12, 44)], DARK, 1.8)
        return
    rim, face = (GOLD, CREAM) if look.fitted else (METAL, shade(look.accent, 0.6))
    canvas.box(dial - 0.5, 38, dial + 2.5, 42, rim)
    canvas.oval(0, 40, dial, dial, rim)
    canvas.oval(0, 40, dial - 2, dial - 2, CREAM if look.usage == "Formal" else face)
    pen = DARK if look.usage == "Formal" or look.fitted else CREAM
    hour = float(canvas.rng.uniform(0, 2 * math.pi))
    for angle, reach in ((hour, 0.45), (hour * 12, 0.7)):
        canvas.line([(0, 40), (reach * dial * math.sin(angle), 40 - reach * dial * math.cos(angle))], pen, 1.0)


def handbag(canvas: Canvas, look: Look) -> None:
    """A body under two handles; woven in summer, quilted with a flap in winter."""
    for width in (13.0, 10.5):
        canvas.line([(-width, 38), (-width + 2, 16), (0, 9), (width - 2, 16), (width, 38)], look.dark, 2.0, smooth=2)
    canvas.shape(mirrored([(18, 34), (23, 68), (21, 71)]), look.colour, smooth=1)
    if look.season == "Summer":
        for y in range(42, 70, 5):
            canvas.line([(-19, y), (19, y)], look.light, 1.6)
    else:
        for x in range(-16, 17, 8):
            canvas.line([(x, 40), (x + 6, 69)], look.dark, 0.9)
            canvas.line([(x + 6, 40), (x, 69)], look.dark, 0.9)
        canvas.shape([(-18, 35), (18, 35), (12, 50), (-12, 50)], look.dark, smooth=1)
    canvas.box(-2.5, 46, 2.5, 52, GOLD)
    if look.usage == "Party":
        sparkles(canvas, 40, 68, 18, 40)


def backpack(canvas: Canvas, look: Look) -> None:
    """A rounded pack with a pocket and straps; stripes for sports, a print for children."""
    for side in (-1, 1):
        canvas.line([(side * 12, 16), (side * 23, 34), (side * 19, 68)], look.dark, 4, smooth=2)
    canvas.line([(-5, 14), (-4, 7), (4, 7), (5, 14)], look.dark, 2.4, smooth=1)
    canvas.shape(mirrored([(10, 11), (17, 17), (19, 45), (19, 70), (14, 74)]), look.colour, smooth=1)
    canvas.line([(-16, 30), (-12, 20), (12, 20), (16, 30)], look.contrast, 1.2, smooth=1)
    canvas.shape(mirrored([(11, 44), (14, 48), (14, 66), (11, 70)]), look.accent, smooth=1)
    canvas.line([(-12, 50), (12, 50)], look.dark, 1.2)
    if look.usage == "Sports":
        for x in (-6, 0, 6):
            canvas.line([(x - 3, 42), (x + 3, 24)], look.light, 2.6)
    elif look.child:
        print_motif(canvas, look, 0, 33)


def sunglasses(canvas: Canvas, look: Look) -> None:
    """Box-shaped for men, cat eyes for women, drops on a thin frame for everybody."""
    lens: Colour = mix(shade(look.colour, 0.45), (60, 60, 70), 0.4)
    for side in (-1, 1):
        canvas.line([(side * 24, 35), (side * 28, 30), (side * 20, 22)], look.dark, 2.0)
        if look.gender == "Women":
            points = [(3, 36), (14, 31), (27, 28), (25, 42), (16, 50), (6, 47)]
        elif look.gender == "Men":
            points = [(3, 34), (25, 33), (26, 44), (22, 47), (6, 47), (3, 44)]
        else:
            points = [(3, 34), (12, 32), (24, 34), (24, 44), (16, 53), (7, 48)]
        frame = [(side * x, y) for x, y in points]
        canvas.shape(frame, look.colour, smooth=1)
        middle = (sum(x for x, _ in frame) / 6, sum(y for _, y in frame) / 6)
        inner = 0.86 if look.gender == "Unisex" else 0.7
        glass = [(middle[0] + inner * (x - middle[0]), middle[1] + inner * (y - middle[1])) for x, y in frame]
        canvas.shape(glass, lens, smooth=1, edge=False)
        canvas.line([(middle[0] - 4, middle[1] + 3), (middle[0] + 2, middle[1] - 4)], mix(lens, CREAM, 0.5), 1.0)
    canvas.line([(-4, 36), (0, 34), (4, 36)], look.colour, 2.2, smooth=1)
    if look.usage == "Sports":
        canvas.line([(-25, 32), (25, 32)], look.accent, 3.0)


def belt(canvas: Canvas, look: Look) -> None:
    """A coiled belt: wide with a square buckle for men, slim with a round one for women."""
    thick = 5.5 if look.fitted else 10.0
    top, bottom = 40 - thick / 2, 40 + thick / 2
    canvas.oval(0, top, 26, 12, look.dark)
    canvas.oval(0, top, 23.5, 10, shade(look.colour, 0.45))
    around = [(26 * math.cos(a), 12 * math.sin(a)) for a in (math.pi * step / 16 for step in range(17))]
    canvas.shape([*((x, top + y) for x, y in around), *((x, bottom + y) for x, y in reversed(around))], look.colour)
    canvas.line([(x * 0.97, top + y + 1.4) for x, y in around], look.light, 0.7)
    middle = 40 + 12
    if look.fitted:
        canvas.oval(0, middle, 5, thick / 2 + 2.5, GOLD)
        canvas.oval(0, middle, 3, thick / 2 + 0.5, look.colour)
    else:
        canvas.box(-6.5, middle - thick / 2 - 2.5, 6.5, middle + thick / 2 + 2.5, METAL)
        canvas.box(-4, middle - thick / 2, 4, middle + thick / 2, look.colour)
    canvas.line([(0, middle), (6, middle)], METAL, 1.4)
    if look.usage == "Casual":
        for x in (-16, -12, 12, 16):
            canvas.oval(x, middle - 2.5, 0.9, 0.9, CREAM)


def cap(canvas: Canvas, look: Look) -> None:
    """A dome with a peak; in winter a knitted hat with a bobble."""
    if look.season == "Winter":
        canvas.oval(0, 16, 5.5, 5.5, look.accent)
        canvas.shape(mirrored([(4, 19), (15, 27), (19, 44), (19, 56)]), look.colour, smooth=1)
        for y in (32, 38, 44):
            canvas.line([(-15, y), (15, y)], look.accent, 1.6)
        canvas.shape(mirrored([(20, 50), (20, 62)]), look.dark)
        if look.child:
            print_motif(canvas, look, 0, 55)
        return
    canvas.shape([(-18, 52), (-17, 36), (-8, 25), (6, 23), (18, 32), (22, 52)], look.colour, smooth=2)
    canvas.shape([(-16, 50), (-30, 55), (-27, 60), (-8, 57), (4, 53)], look.dark, smooth=1)
    for bend in ((-6, 24), (8, 23)):
        canvas.line([(1, 23), bend, (bend[0] * 1.2, 51)], look.dark, 0.9, smooth=1)
    canvas.oval(1, 23.5, 1.5, 1.2, look.accent)
    if look.usage == "Sports":
        canvas.line([(-16, 46), (20, 46)], look.accent, 3)
    elif look.child:
        print_motif(canvas, look, -3, 39)
