"""Drawn products: photos of a colour, and labels that follow from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from tagger.config import AttributeConfig
from tagger.labels import LabelSpace
from tagger.training.batches import TrainingPart
from tagger.training.targets import encode_targets

COLOURS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (50, 60, 220)}
SETTINGS = {"colour": AttributeConfig(heads="both"), "use": AttributeConfig(heads="sigmoid")}
USES = {"red": "home|work", "green": "home", "blue": "travel"}


def make_table(products: int, seed: int = 0, missing: float = 0.1) -> pd.DataFrame:
    """Attributes `colour` and `use`, the second one a function of the first, some cells empty."""
    rng = np.random.default_rng(seed)
    colours = [str(name) for name in rng.choice(list(COLOURS), products)]
    table = pd.DataFrame({"colour": colours, "use": [USES[name] for name in colours]})
    table["shown"] = table["colour"]
    for name in ("colour", "use"):
        table.loc[rng.random(products) < missing, name] = ""
    table.index = pd.Index([f"p{number:03d}" for number in range(products)], name="id")
    return table


def draw(colour: str, rng: np.random.Generator, height: int = 32, width: int = 24) -> np.ndarray:
    """A noisy photo of a colour, uint8 (height, width, 3)."""
    noise = rng.integers(-30, 31, (height, width, 3))
    return np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)


def make_part(space: LabelSpace, products: int, seed: int = 0, missing: float = 0.1) -> TrainingPart:
    """Photos and targets of drawn products."""
    table = make_table(products, seed, missing)
    rng = np.random.default_rng(seed)
    pixels = np.stack([draw(colour, rng) for colour in table["shown"]]) if products else np.empty((0, 32, 24, 3), "u1")
    classes = {output.name: len(output.values) for output in space.outputs()}
    return TrainingPart(pixels, np.arange(products), encode_targets(space, table, SETTINGS), classes)


def write_catalog(folder: Path, products: int, seed: int = 0) -> Path:
    """A CSV catalog of drawn photos with the columns id, image, colour and use; returns the CSV."""
    table = make_table(products, seed)
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    for id_, colour in table["shown"].items():
        Image.fromarray(draw(colour, rng)).save(folder / "images" / f"{id_}.png")
    table["image"] = [f"images/{id_}.png" for id_ in table.index]
    table.drop(columns="shown").to_csv(folder / "products.csv")
    return folder / "products.csv"
