"""Drawings of bottles and sticks for personal care."""

from __future__ import annotations

from tagger.catalog.sample.canvas import Canvas, mirrored, mix
from tagger.catalog.sample.look import CREAM, DARK, GOLD, METAL, Look


def perfume(canvas: Canvas, look: Look) -> None:
    """A bottle: a square block with a dark cap for men, a round one with a golden ball for women."""
    glass = mix(look.colour, (255, 255, 255), 0.3)
    if look.fitted:
        canvas.oval(0, 13, 6, 6, GOLD)
        canvas.box(-3, 18, 3, 26, METAL)
        canvas.shape(mirrored([(4, 25), (16, 34), (19, 52), (14, 70)]), glass, smooth=2)
        canvas.shape(mirrored([(15, 46), (16, 54), (12, 66)]), look.colour, smooth=1, edge=False)
    else:
        canvas.box(-6, 8, 6, 24, DARK)
        canvas.box(-15, 24, 15, 72, glass)
        canvas.box(-12, 38, 12, 69, look.colour, edge=False)
    canvas.box(-8, 48, 8, 60, CREAM)
    canvas.line([(-5, 52), (5, 52)], DARK, 0.9)
    canvas.line([(-3, 56), (3, 56)], DARK, 0.9)


def lipstick(canvas: Canvas, look: Look) -> None:
    """A slanted stick in a golden sleeve, the cap beside it."""
    canvas.shape([(-6, 40), (-6, 20), (4, 12), (5, 16), (5, 40)], look.colour, smooth=1)
    canvas.line([(-3, 22), (-3, 38)], look.light, 1.2)
    canvas.box(-7, 38, 6, 50, GOLD)
    canvas.box(-9, 50, 8, 74, DARK)
    canvas.line([(-6, 53), (-6, 71)], (92, 90, 96), 1.4)
    if canvas.rng.random() < 0.5:
        canvas.box(13, 46, 24, 74, DARK)
        canvas.box(13, 44, 24, 48, GOLD)


def nail_polish(canvas: Canvas, look: Look) -> None:
    """A small bottle under a long cap."""
    canvas.shape(mirrored([(3.5, 14), (5.5, 44)]), DARK)
    canvas.line([(-2, 17), (-3, 41)], (92, 90, 96), 1.4)
    canvas.box(-5, 44, 5, 48, METAL)
    canvas.shape(mirrored([(6, 47), (12, 52), (12.5, 66), (9, 71)]), look.colour, smooth=1)
    canvas.line([(-8, 54), (-8, 65)], look.light, 1.8)
