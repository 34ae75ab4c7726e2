"""The article types of the sample catalog: what they may look like, cost and be called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tagger.catalog.sample import accessories, bottoms, care, footwear, tops
from tagger.catalog.sample.canvas import Canvas, Colour
from tagger.catalog.sample.look import Look

COLOURS: dict[str, Colour] = {
    "Black": (40, 40, 44),
    "White": (243, 243, 240),
    "Blue": (58, 112, 196),
    "Navy Blue": (34, 44, 92),
    "Grey": (142, 144, 148),
    "Red": (198, 40, 44),
    "Green": (58, 140, 76),
    "Pink": (240, 142, 178),
    "Yellow": (240, 208, 64),
    "Brown": (118, 76, 46),
    "Purple": (116, 66, 150),
    "Orange": (236, 128, 44),
    "Beige": (218, 198, 164),
}

_PLAIN = ("Black", "White", "Blue", "Navy Blue", "Grey", "Brown", "Beige")
_DENIM = ("Blue", "Blue", "Navy Blue", "Black", "Grey")
_LEATHER = ("Black", "Brown", "Beige", "Grey", "Navy Blue")
_BRIGHT = ("Red", "Pink", "Purple", "Orange", "Brown")
_ADULTS = ("Men", "Women")
_EVERYBODY = ("Men", "Men", "Women", "Women", "Boys", "Girls")


@dataclass(frozen=True)
class Kind:
    """One article type.

    Args:
        article, sub, master: its label in articleType, subCategory and masterCategory.
        draw: draws one.
        noun: what a title calls it.
        price: the typical one.
        genders, seasons, usages, colours: what it comes in; what is named twice is twice as frequent.
        weight: how frequent it is.
    """

    article: str
    sub: str
    master: str
    draw: Callable[[Canvas, Look], None]
    noun: str
    price: int
    genders: tuple[str, ...]
    seasons: tuple[str, ...]
    usages: tuple[str, ...] = ("Casual",)
    colours: tuple[str, ...] = tuple(COLOURS)
    weight: float = 1.0


# fmt: off
KINDS = (
    Kind("Tshirts", "Topwear", "Apparel", tops.tshirt, "T-shirt", 600, weight=2.5,
         genders=(*_EVERYBODY, "Unisex"), seasons=("Summer", "Summer", "Fall"), usages=("Casual", "Casual", "Sports")),
    Kind("Shirts", "Topwear", "Apparel", tops.shirt, "Shirt", 1200, weight=2.0,
         genders=("Men", "Men", "Women", "Boys"), seasons=("Summer", "Fall"), usages=("Casual", "Formal")),
    Kind("Kurtas", "Topwear", "Apparel", tops.kurta, "Kurta", 1100, weight=1.5,
         genders=("Women", "Women", "Men"), seasons=("Summer", "Fall"), usages=("Ethnic",)),
    Kind("Sweaters", "Topwear", "Apparel", tops.sweater, "Sweater", 1500,
         genders=_EVERYBODY, seasons=("Winter", "Winter", "Fall")),
    Kind("Jackets", "Topwear", "Apparel", tops.jacket, "Jacket", 2400,
         genders=("Men", "Women", "Boys"), seasons=("Winter", "Fall"), usages=("Casual", "Sports", "Formal")),
    Kind("Dresses", "Dress", "Apparel", tops.dress, "Dress", 1600, weight=1.5,
         genders=("Women", "Girls"), seasons=("Summer", "Spring", "Fall"), usages=("Casual", "Party", "Ethnic")),
    Kind("Jeans", "Bottomwear", "Apparel", bottoms.jeans, "Jeans", 1700, weight=1.5,
         genders=_EVERYBODY, seasons=("Summer", "Fall", "Fall"), colours=_DENIM),
    Kind("Shorts", "Bottomwear", "Apparel", bottoms.shorts, "Shorts", 700,
         genders=_EVERYBODY, seasons=("Summer",), usages=("Casual", "Sports")),
    Kind("Track Pants", "Bottomwear", "Apparel", bottoms.track_pants, "Track Pants", 1000,
         genders=_ADULTS, seasons=("Fall", "Winter"), usages=("Sports",), colours=_PLAIN),
    Kind("Skirts", "Bottomwear", "Apparel", bottoms.skirt, "Skirt", 900,
         genders=("Women", "Girls"), seasons=("Summer", "Fall"), usages=("Casual", "Ethnic")),
    Kind("Casual Shoes", "Shoes", "Footwear", footwear.casual_shoe, "Sneakers", 1900, weight=1.5,
         genders=_EVERYBODY, seasons=("Summer", "Summer", "Winter")),
    Kind("Sports Shoes", "Shoes", "Footwear", footwear.sports_shoe, "Running Shoes", 3200, weight=1.5,
         genders=(*_EVERYBODY, "Unisex"), seasons=("Summer", "Winter"), usages=("Sports",)),
    Kind("Formal Shoes", "Shoes", "Footwear", footwear.formal_shoe, "Formal Shoes", 2300,
         genders=("Men", "Men", "Women"), seasons=("Fall",), usages=("Formal",), colours=_LEATHER),
    Kind("Heels", "Shoes", "Footwear", footwear.heel, "Heels", 1800,
         genders=("Women",), seasons=("Summer",), usages=("Casual", "Party")),
    Kind("Sandals", "Sandal", "Footwear", footwear.sandal, "Sandals", 1100,
         genders=_ADULTS, seasons=("Summer",), usages=("Casual", "Ethnic"), colours=_LEATHER),
    Kind("Flip Flops", "Flip Flops", "Footwear", footwear.flip_flops, "Flip Flops", 450,
         genders=_ADULTS, seasons=("Summer",)),
    Kind("Watches", "Watches", "Accessories", accessories.watch, "Watch", 3900, weight=1.5,
         genders=(*_ADULTS, "Unisex"), seasons=("Winter",), usages=("Casual", "Formal", "Sports"), colours=_LEATHER),
    Kind("Handbags", "Bags", "Accessories", accessories.handbag, "Handbag", 1900, weight=1.5,
         genders=("Women",), seasons=("Summer", "Winter"), usages=("Casual", "Casual", "Party")),
    Kind("Backpacks", "Bags", "Accessories", accessories.backpack, "Backpack", 1500,
         genders=("Unisex", "Unisex", "Boys", "Girls"), seasons=("Fall",), usages=("Casual", "Sports")),
    Kind("Sunglasses", "Eyewear", "Accessories", accessories.sunglasses, "Sunglasses", 1700,
         genders=(*_ADULTS, "Unisex"), seasons=("Summer",), usages=("Casual", "Sports"), colours=_LEATHER),
    Kind("Belts", "Belts", "Accessories", accessories.belt, "Belt", 900,
         genders=("Men", "Men", "Women"), seasons=("Fall",), usages=("Casual", "Formal"), colours=_LEATHER),
    Kind("Caps", "Headwear", "Accessories", accessories.cap, "Cap", 500,
         genders=("Unisex", "Unisex", "Boys", "Girls"), seasons=("Summer", "Winter"), usages=("Casual", "Sports")),
    Kind("Perfume and Body Mist", "Fragrance", "Personal Care", care.perfume, "Eau de Parfum", 2100,
         genders=_ADULTS, seasons=("Spring",)),
    Kind("Lipstick", "Lips", "Personal Care", care.lipstick, "Lipstick", 600,
         genders=("Women",), seasons=("Spring",), colours=_BRIGHT),
    Kind("Nail Polish", "Nails", "Personal Care", care.nail_polish, "Nail Polish", 250,
         genders=("Women",), seasons=("Spring",), colours=_BRIGHT),
)
# fmt: on
