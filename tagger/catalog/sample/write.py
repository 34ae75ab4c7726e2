"""Write a drawn catalog to disk: styles.csv, images/ID.jpg, styles/ID.json."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tagger.catalog.sample.product import Product, choose_product, draw_product, with_comma
from tagger.errors import CatalogError, OutputError
from tagger.files import atomic_folder
from tagger.progress import Progress, silent

_GOLDEN_RATIO = (1 + 5**0.5) / 2
_COLUMNS = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"

#: Rows of the sample that have the oddities of the real files; the first few, so that the smallest sample has them too.
_GREY, _NARROW, _NO_PHOTO, _COMMA = 3, 5, 7, 9


def draw_sample(folder: Path | str, products: int = 600, seed: int = 0, progress: Progress = silent) -> None:
    """Draw a catalog in the fashion layout.

    Shape tells the article type; cut and size tell the gender, sleeves and layers the season, details the usage. About
    one product in ten has further views, near-duplicates with ids of their own. As in the real files, labels are
    missing or wrong here and there, titles hold unquoted commas, and from ten products on there are a grey and a narrow
    photo, a product without a photo and a photo without a product. The same arguments give the same files.

    Args:
        folder: written as a whole; it must not exist yet, or be empty.
        products: how many rows styles.csv gets.
        seed: another seed gives other products with other ids.
        progress: told how many products are drawn.

    Raises:
        CatalogError: no products are asked for.
        OutputError: the folder is not empty, or can't be written.
    """
    folder = Path(folder)
    if products < 1:
        raise CatalogError(f"Expected at least 1 product to draw, got {products}.")
    if folder.is_dir() and any(folder.iterdir()):
        raise OutputError(f"{folder} is not empty. Choose another folder, or delete it first.")
    with atomic_folder(folder) as temporary:
        _write(temporary, products, seed, progress)


def _write(folder: Path, products: int, seed: int, progress: Progress) -> None:
    (folder / "images").mkdir()
    (folder / "styles").mkdir()
    first_id = 10_000 * (1 + seed % 90)
    rows = [_COLUMNS]
    progress(0, products, "products drawn")
    for number, (product, pixels) in enumerate(_views(products, seed)):
        id_ = first_id + number
        product = with_comma(product) if number % 50 == _COMMA else product
        rows.append(_row(id_, product))
        (folder / "styles" / f"{id_}.json").write_text(json.dumps(_style(id_, product)), encoding="utf-8")
        if number != _NO_PHOTO:
            _save(pixels, folder / "images" / f"{id_}.jpg", grey=number == _GREY, narrow=number == _NARROW)
        progress(number + 1, products, "products drawn")
    if products >= 10:
        _save(pixels[:, ::-1], folder / "images" / f"{first_id + products}.jpg")
    (folder / "styles.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _views(count: int, seed: int) -> Iterator[tuple[Product, NDArray[np.uint8]]]:
    """Yield products with their photos; further views of a product follow it directly."""
    given = 0
    start = np.random.default_rng(seed).random()
    for number in itertools.count():
        if given == count:
            return
        rng = np.random.default_rng((seed, number))
        # Steps of the golden ratio spread evenly, so that a small sample has all article types too.
        product = choose_product(rng, (start + number / _GOLDEN_RATIO) % 1)
        pixels = draw_product(product)
        views = int(rng.choice((1, 2, 3), p=(0.9, 0.07, 0.03)))
        for view in range(min(views, count - given)):
            given += 1
            yield product, pixels if view == 0 else _retake(pixels, view)


def _retake(pixels: NDArray[np.uint8], view: int) -> NDArray[np.uint8]:
    """The same photo with a faint mark in the corner: another file that nearly always has the same perceptual hash."""
    marked = pixels.copy()
    marked[view : view + 2, view : view + 2] -= 6  # the backdrop is bright: nothing runs below zero
    return marked


def _save(pixels: NDArray[np.uint8], path: Path, grey: bool = False, narrow: bool = False) -> None:
    image = Image.fromarray(np.ascontiguousarray(pixels[:, 3:56] if narrow else pixels))
    (image.convert("L") if grey else image).save(path, "JPEG", quality=92)


def _row(id_: int, product: Product) -> str:
    kind = product.kind
    labels = (product.gender, kind.master, kind.sub, kind.article, product.colour, product.season)
    return ",".join((str(id_), *labels, str(product.year), product.usage, product.title))


def _style(id_: int, product: Product) -> dict[str, Any]:
    kind = product.kind
    data = {
        "id": id_,
        "price": product.price,
        "discountedPrice": product.discounted,
        "productDisplayName": product.title,
        "brandName": product.brand,
        "ageGroup": product.age_group,
        "gender": product.gender,
        "baseColour": product.colour,
        "season": product.season,
        "year": str(product.year),
        "usage": product.usage,
        "displayCategories": product.display_categories,
        "articleAttributes": {"Pattern": "Printed" if product.look.child else "Solid"},
        "masterCategory": {"typeName": kind.master},
        "subCategory": {"typeName": kind.sub},
        "articleType": {"typeName": kind.article},
        "otherFlags": [
            {"dataType": "BOOLEAN", "name": name, "value": str(value).lower()} for name, value in product.flags.items()
        ],
        "productDescriptors": {"description": {"descriptorType": "description", "value": product.description}},
    }
    return {"meta": {"code": 200}, "data": data}
