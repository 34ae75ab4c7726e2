"""Drawings of what is worn below the waist."""

from __future__ import annotations

from tagger.catalog.sample.canvas import Canvas, mirrored
from tagger.catalog.sample.look import GOLD, Look, ethnic_band, print_motif


def _legs(canvas: Canvas, look: Look, hem: float, wide: float, ankle: float, inner: float = 0.0) -> None:
    """Two legs from a waistband; `wide` is half the hips, `ankle` and `inner` the edges of a leg at the hem."""
    waist = wide - (4.0 if look.fitted else 1.5)
    inner = inner or ankle - (7 if look.fitted else 9)
    canvas.shape(mirrored([(waist, 8), (wide, 24), (ankle, hem), (inner, hem), (0.4, 31)]), look.colour)
    canvas.line([(0, 12), (0, 31)], look.dark, 1.0)
    canvas.box(-waist, 6, waist, 11, look.dark)


def jeans(canvas: Canvas, look: Look) -> None:
    """Seams, pockets and a button; turned up over the ankle in summer."""
    hem = 64 if look.season == "Summer" else 76
    wide, ankle = (12.5, 9.5) if look.fitted else (14.0, 13.5)
    _legs(canvas, look, hem, wide, ankle)
    for side in (-1, 1):
        canvas.line([(side * (wide - 4), 12), (side * (wide - 6), 18), (side * (wide - 0.5), 21)], GOLD, 0.8)
        canvas.line([(side * (wide - 3), 24), (side * (ankle - 2), hem - 1)], look.light, 1.6)
        if look.season == "Summer":
            canvas.line([(side * (ankle - 6), hem - 1.5), (side * ankle, hem - 1.5)], look.light, 3.2)
    canvas.oval(0, 8.6, 1.2, 1.2, GOLD)
    if look.child:
        print_motif(canvas, look, 7, 48)


def track_pants(canvas: Canvas, look: Look) -> None:
    """Stripes down the sides, a drawstring; cuffs in winter."""
    wide, ankle = (13.0, 12.0) if look.fitted else (14.5, 15.5)
    _legs(canvas, look, 74, wide, ankle)
    for side in (-1, 1):
        canvas.line([(side * (wide - 2.2), 14), (side * (ankle - 2.2), 73)], look.accent, 2.8)
        canvas.line([(side * 1, 10), (side * 2.5, 20)], look.contrast, 1.0)
        if look.season == "Winter":
            canvas.line([(side * (ankle - 7.5), 72.5), (side * ankle, 72.5)], look.dark, 5)


def shorts(canvas: Canvas, look: Look) -> None:
    """Legs that end above the knee; stripes for sports."""
    wide, ankle, hem = (14.0, 15.5, 42.0) if look.fitted else (16.0, 18.5, 50.0)
    canvas.lower(12)
    _legs(canvas, look, hem, wide, ankle, inner=1.5)
    for side in (-1, 1):
        if look.usage == "Sports":
            canvas.line([(side * (wide - 2), 14), (side * (ankle - 2.2), hem - 1)], look.accent, 3)
        else:
            canvas.line([(side * (wide - 6), 12), (side * (wide - 1), 22)], look.dark, 1.2)
            canvas.line([(side * 3, hem - 2.5), (side * (ankle - 1), hem - 2.5)], look.dark, 1.0)


def skirt(canvas: Canvas, look: Look) -> None:
    """A wide hem: short in summer, long otherwise; a border for ethnic ones."""
    hem = 52 if look.season == "Summer" else 72
    wide = 19.0 if look.season == "Summer" else 22.0
    canvas.lower(40 - hem / 2)
    canvas.shape(mirrored([(9, 10), (13, 22), (wide, hem)]), look.colour)
    for step in (-0.7, -0.35, 0, 0.35, 0.7):
        canvas.line([(9 * step, 14), (wide * step, hem - 1)], look.dark, 0.9)
    canvas.box(-9.5, 8, 9.5, 13, look.accent)
    if look.usage == "Ethnic":
        ethnic_band(canvas, look, hem - 4, wide - 2)
    elif look.child:
        print_motif(canvas, look, 5, 0.5 * hem + 8)
