"""What can be seen of a product, in the words of the drawings."""

from __future__ import annotations

from dataclasses import dataclass

from tagger.catalog.sample.canvas import Canvas, Colour, Points, mix, shade

CREAM: Colour = (246, 240, 226)
DARK: Colour = (38, 36, 40)
METAL: Colour = (186, 188, 194)
GOLD: Colour = (212, 172, 84)


@dataclass(frozen=True)
class Look:
    """How a product looks.

    Args:
        colour: of the product.
        accent: of stripes, ties and prints.
        gender, season, usage: as in the catalog; they choose the cut, the sleeves and layers, and the details.
    """

    colour: Colour
    accent: Colour
    gender: str
    season: str
    usage: str

    @property
    def fitted(self) -> bool:
        """Drawn with a waist, and slimmer."""
        return self.gender in ("Women", "Girls")

    @property
    def child(self) -> bool:
        """Drawn smaller, with a print."""
        return self.gender in ("Boys", "Girls")

    @property
    def size(self) -> float:
        """Scale of the drawing."""
        return 0.76 if self.child else 1.0

    @property
    def dark(self) -> Colour:
        """The colour in shadow, for seams and insides."""
        return shade(self.colour, 0.72)

    @property
    def light(self) -> Colour:
        """The colour in light, for soles, linings and highlights."""
        return mix(self.colour, (255, 255, 255), 0.55)

    @property
    def contrast(self) -> Colour:
        """White on dark products, dark on bright ones."""
        return DARK if sum(self.colour) > 430 else CREAM


def print_motif(canvas: Canvas, look: Look, x: float, y: float) -> None:
    """A heart for girls, a star for boys."""
    if look.gender == "Girls":
        heart: Points = [(0, 5), (-6, -1), (-4, -5), (0, -2), (4, -5), (6, -1)]
        canvas.shape([(x + a, y + b) for a, b in heart], look.accent, smooth=1, edge=False)
    else:
        star: Points = [(0, -6), (1.8, -2), (6, -2), (2.8, 1), (4, 6), (0, 3), (-4, 6), (-2.8, 1), (-6, -2), (-1.8, -2)]
        canvas.shape([(x + a, y + b) for a, b in star], look.accent, edge=False)


def ethnic_band(canvas: Canvas, look: Look, y: float, half: float) -> None:
    """A woven border: a stripe with a row of diamonds."""
    canvas.box(-half, y - 2.6, half, y + 2.6, look.accent, edge=False)
    steps = max(2, round(half / 3))
    for step in range(-steps + 1, steps):
        x = step * half / steps
        canvas.shape([(x, y - 2), (x + 1.6, y), (x, y + 2), (x - 1.6, y)], GOLD, edge=False)


def sparkles(canvas: Canvas, top: float, bottom: float, half: float, count: int = 26) -> None:
    """Bright dots, for party wear."""
    for x, y in canvas.rng.uniform((-half, top), (half, bottom), (count, 2)):
        canvas.oval(float(x), float(y), 0.8, 0.8, (255, 250, 214), edge=False)
