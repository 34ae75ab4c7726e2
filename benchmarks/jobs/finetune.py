"""Another catalog out of one, and runs on it.

    make MODEL CATALOG FOLDER TRAIN TEST CHANGED LABEL...: relabel photos that MODEL did not learn from, and change them
        where CHANGED is True
    train MODEL FOLDER PHOTOS SEED WAY [OVERRIDE]: train on some of them, judge on the others

Ways: `scratch` is `tagger train` as it comes, `schedule` the same with the settings of `--from`, `from` is
`tagger train --from MODEL`. All have the network and the photo size of MODEL.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import f1_score

from tagger.bundle import Bundle
from tagger.catalog.cache import open_cache
from tagger.catalog.read import read_catalog
from tagger.config import PhotoConfig, load_config

_TABLE, _LABEL = "products.csv", "shelf"
_CLASSES, _FEWEST = 12, 8
_VALIDATION = 0.15
#: Photos of the other catalog: height and width.
_CANVAS = (320, 270)
#: Lighter pixels are background.
_WHITE = 238


def make(model: Path, data: Path, folder: Path, train: int, test: int, changed: bool, labels: list[str]) -> None:
    """Write photos and a table of (id, image, shelf, pool), and print what there is."""
    bundle = Bundle.open(model)
    catalog = read_catalog(data)
    parts = bundle.split or {}
    table = catalog.table[[parts.get(id_) != "train" for id_ in catalog.table.index]]
    table = table[(table[labels] != "").all(axis=1)]
    shelves = table[labels].agg(" ".join, axis=1)
    cache = open_cache(catalog, PhotoConfig(height=160, width=120))
    counts = Counter(shelves)
    known = {name for name, count in counts.most_common(_CLASSES) if count >= _FEWEST}
    ids = [id_ for id_, shelf in shelves.items() if shelf in known and id_ in cache.rows]
    rng = np.random.default_rng(0)
    ids = [ids[place] for place in rng.permutation(len(ids))]
    test = min(test, len(ids) // 3)
    chosen = ids[: test + 2 * train]
    (folder / "images").mkdir()
    with (folder / _TABLE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", _LABEL, "pool"])
        for number, id_ in enumerate(chosen):
            photo = np.asarray(cache.pixels[cache.select([id_])[0]])
            photo = change_photo(photo, rng) if changed else photo
            Image.fromarray(photo).save(folder / "images" / f"{number}.jpg", quality=80)
            writer.writerow([number, f"images/{number}.jpg", shelves[id_], "test" if number < test else "train"])
    print(json.dumps({"train": len(chosen) - test, "test": test, "classes": len({shelves[id_] for id_ in chosen})}))


def change_photo(photo: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A photo of the same thing, uint8 (H, W, 3): before a wall instead of white, smaller, in other light."""
    height, width = _CANVAS
    # Colours of the wall's upper and lower edge: any brightness but white, and hardly a hue.
    wall = rng.uniform(90, 225, (2, 1)) + rng.uniform(-20, 20, (2, 3))
    share = np.linspace(0, 1, height)[:, None, None]
    canvas = wall[0] * (1 - share) + wall[1] * share + rng.normal(0, 6, (height, width, 3))
    scale = rng.uniform(0.65, 0.95) * min(height / photo.shape[0], width / photo.shape[1])
    size = (int(photo.shape[1] * scale), int(photo.shape[0] * scale))
    thing = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR))
    is_thing = (thing.min(axis=2) < _WHITE)[..., None]
    top, left = (int(rng.integers(0, room + 1)) for room in (height - size[1], width - size[0]))
    place = canvas[top : top + size[1], left : left + size[0]]
    place[...] = np.where(is_thing, thing, place)
    light = rng.uniform(0.75, 1.1) * rng.uniform(0.9, 1.1, 3)
    return np.clip(canvas * light, 0, 255).astype(np.uint8)


def train(model: Path, folder: Path, photos: int, seed: int, way: str, override: str) -> None:
    """Train on some of the photos, and print how good the bundle is on those for the test."""
    from tagger.training.run import train as run
    from tagger.training.start import start_settings

    settings = start_settings(Bundle.open(model))
    if way == "scratch":
        del settings["training"]
    overrides = [
        f"training.seed={seed}",
        f"attributes={{{_LABEL}: {{}}}}",
        "flags.columns=[]",
        *filter(None, [override]),
    ]
    config = load_config(None, overrides, settings)
    with tempfile.TemporaryDirectory(prefix="tagger-bench-") as name:
        table, split = _draw(folder, Path(name), photos, seed)
        started = time.perf_counter()
        bundle = run(config, table, Path(name) / "run", start=model if way == "from" else None, split_file=split)
        seconds = time.perf_counter() - started
        truth, answers = _judge(bundle, folder)
    accuracy = float(np.mean(truth == answers))
    macro_f1 = float(f1_score(truth, answers, average="macro", zero_division=0))
    print(json.dumps({"accuracy": accuracy, "macro_f1": macro_f1, "seconds": seconds}))


def _draw(folder: Path, target: Path, photos: int, seed: int) -> tuple[Path, Path]:
    """Write a table of some photos of the pool, and their split."""
    rows = [row for row in _rows(folder) if row["pool"] == "train"]
    order = np.random.default_rng(seed).permutation(len(rows))[:photos]
    held_out = max(1, round(_VALIDATION * len(order)))
    table, split = target / _TABLE, target / "split.csv"
    with table.open("w", encoding="utf-8", newline="") as products, split.open("w", newline="") as parts:
        writers = csv.writer(products), csv.writer(parts)
        writers[0].writerow(["id", "image", _LABEL])
        writers[1].writerow(["id", "part"])
        for number, row in enumerate(rows[place] for place in order):
            writers[0].writerow([row["id"], str(folder / row["image"]), row[_LABEL]])
            writers[1].writerow([row["id"], "validation" if number < held_out else "train"])
    return table, split


def _judge(bundle: Path, folder: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """True and given labels of the photos for the test."""
    from tagger.inference import Tagger
    from tagger.inference.tags import Photo

    rows = [row for row in _rows(folder) if row["pool"] == "test"]
    photos = (Photo(row["id"], str(folder / row["image"])) for row in rows)
    tagged = Tagger.open(bundle, "onnxruntime", "float32").run(photos, top_k=1, other_heads=False)
    return np.array([row[_LABEL] for row in rows]), np.array([each.tags[_LABEL].label for each in tagged])


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / _TABLE).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    task, bundle_, *rest = sys.argv[1:]
    if task == "make":
        catalog_, folder_, train_, test_, changed_, *labels_ = rest
        make(Path(bundle_), Path(catalog_), Path(folder_), int(train_), int(test_), changed_ == "True", labels_)
    else:
        folder_, photos_, seed_, way_, *override_ = rest
        train(Path(bundle_), Path(folder_), int(photos_), int(seed_), way_, "".join(override_))
