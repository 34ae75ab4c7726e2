"""Choose products at random: what they are, how they look, what is written about them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tagger.catalog.sample.canvas import Canvas
from tagger.catalog.sample.kinds import COLOURS, KINDS, Kind
from tagger.catalog.sample.look import Look

#: Invented names; a brand leans to some usages, as real ones do.
_BRANDS = {
    "Sports": ("Sprintix", "Peakrun", "Halfmile"),
    "Formal": ("Alder & Sons", "Whitcombe", "Marlo"),
    "Ethnic": ("Kavya", "Indira Looms", "Saanjh"),
    "Party": ("Lumière", "Velvet Row"),
    "Casual": ("Northlane", "Daybreak", "Tern", "Common Thread", "Little Oak"),
}
#: Of all texts for a missing label these two occur in the real files.
_MISSING = ("", "NA")


@dataclass(frozen=True)
class Product:
    """One product of the sample, with what a catalog says of it.

    Args:
        kind: its article type.
        look: what can be seen; `gender`, `season` and `usage` may say something else, or nothing.
        colour: name of the base colour.
        draw_seed: the same for all views of a product.
    """

    kind: Kind
    look: Look
    colour: str
    gender: str
    season: str
    usage: str
    brand: str
    title: str
    price: int
    discounted: int
    year: int
    flags: dict[str, bool]
    draw_seed: int

    @property
    def age_group(self) -> str:
        """As the real catalog writes it."""
        return {
            "Boys": "Kids-Boys",
            "Girls": "Kids-Girls",
            "Men": "Adults-Men",
            "Women": "Adults-Women",
        }.get(self.gender, "Adults-Unisex")

    @property
    def display_categories(self) -> str:
        """Several categories in one text; what is reduced is on sale, too."""
        wear = f"{self.look.usage} Wear"
        named = [self.kind.sub, wear if self.kind.master == "Apparel" else self.kind.master]
        if self.look.season == "Winter" and self.kind.master == "Apparel":
            named.append("Winter Wear")
        if self.discounted < self.price:
            named.append("Sale")
        return ",".join(named)

    @property
    def description(self) -> str:
        """Two sentences of HTML."""
        wearer = {"Boys": "boys", "Girls": "girls", "Men": "men", "Women": "women"}.get(self.gender, "everybody")
        care = (
            "Handle with care." if self.flags["isFragile"] else f"Made by {self.brand} for {self.look.season.lower()}."
        )
        return f"<p>{self.look.usage} {self.kind.noun.lower()} for {wearer} in {self.colour.lower()}.<br /> {care}</p>"


def choose_product(rng: np.random.Generator, position: float) -> Product:
    """Choose a product; one label in a hundred or so is missing or wrong, as in real catalogs.

    Args:
        rng: where all the rest comes from.
        position: in [0, 1), chooses the article type; each has a stretch as long as it is frequent.
    """
    reach = np.cumsum([kind.weight for kind in KINDS])
    kind = KINDS[int(np.searchsorted(reach, position * reach[-1], side="right"))]
    gender, season, usage, colour, accent = (
        _one(rng, choices) for choices in (kind.genders, kind.seasons, kind.usages, kind.colours, tuple(COLOURS))
    )
    look = Look(_tint(rng, colour), _tint(rng, accent), gender, season, usage)
    brand = _one(rng, _BRANDS[usage if rng.random() < 0.8 else "Casual"])
    price = int(max(99, np.rint(kind.price * rng.lognormal(0, 0.35) / 50) * 50 - 1))
    reduced = rng.random() < 0.3
    who = "Unisex" if gender == "Unisex" else gender
    fits = "Kids " if look.child and rng.random() < 0.3 else ""
    return Product(
        kind=kind,
        look=look,
        colour=colour,
        gender=gender,
        season=_mislabel(rng, season, ("Summer", "Fall", "Winter", "Spring")),
        usage=_mislabel(rng, usage, ("Casual",)),
        brand=brand,
        title=f"{brand} {who} {fits}{colour} {kind.noun}",
        price=price,
        discounted=int(price * 0.7) if reduced else price,
        year=int(rng.integers(2011, 2018)),
        flags=_flags(rng, kind, price, reduced),
        draw_seed=int(rng.integers(2**32)),
    )


def draw_product(product: Product) -> NDArray[np.uint8]:
    """Draw the photo of a product, uint8 (80, 60, 3)."""
    canvas = Canvas(np.random.default_rng(product.draw_seed), product.look.size)
    product.kind.draw(canvas, product.look)
    return canvas.photo()


def with_comma(product: Product) -> Product:
    """Put a comma into the title, which Kaggle's styles.csv does not quote."""
    return replace(product, title=f"{product.title}, {product.look.season} {product.year}")


def _one(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _tint(rng: np.random.Generator, name: str) -> tuple[int, int, int]:
    red, green, blue = np.clip(np.array(COLOURS[name]) + rng.normal(0, 7, 3), 0, 255).round().astype(int).tolist()
    return red, green, blue


def _mislabel(rng: np.random.Generator, label: str, others: tuple[str, ...]) -> str:
    chance = rng.random()
    if chance < 0.015:
        return _one(rng, _MISSING)
    return _one(rng, others) if chance < 0.03 else label


def _flags(rng: np.random.Generator, kind: Kind, price: int, reduced: bool) -> dict[str, bool]:
    """Flags follow from the type, the price and the sale, with some noise."""

    def likely(chance: float) -> bool:
        return bool(rng.random() < chance)

    care = kind.master == "Personal Care"
    fragile = {"Perfume and Body Mist": 0.95, "Sunglasses": 0.9, "Watches": 0.5, "Nail Polish": 0.4}
    hazmat = {"Perfume and Body Mist": 0.97, "Nail Polish": 0.85}
    return {
        "isFragile": likely(fragile.get(kind.article, 0.0)),
        "isHazmat": likely(hazmat.get(kind.article, 0.0)),
        "isReturnable": likely(0.03 if care else 0.5 if reduced else 0.98),
        "isExchangeable": likely(0.02 if care else 0.4 if reduced else 0.95),
        "isTryAndBuyEnabled": likely((0.9 if price > 1000 else 0.2) if kind.master == "Apparel" else 0.02),
        "isLarge": likely({"Backpacks": 0.8, "Jackets": 0.4}.get(kind.article, 0.01)),
        "codEnabled": likely(0.15 if price > 4000 else 0.97),
    }
