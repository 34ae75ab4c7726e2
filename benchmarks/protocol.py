"""A report's tags judged as another study of the same catalog judged its own: frequent classes, colours in families.

That study takes master categories, sub-categories and article types with at least 100 photos, usages with at least 30,
and 15 families of colours. The tags are those of a model that tells all classes apart: one outside the frequent ones is
a miss for the class that it should have been.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from benchmarks.measure import ContenderError, Say
from benchmarks.report import Report, Table
from tagger.catalog.read import read_products
from tagger.catalog.table import IMAGE

#: Attribute → photos that a class must have.
LEAST = {
    "masterCategory": 100,
    "subCategory": 100,
    "articleType": 100,
    "gender": 1,
    "season": 1,
    "usage": 30,
    "baseColour": 1,
}
FAMILIES = {
    "Black": ("Black", "Charcoal"),
    "White": ("White", "Off White"),
    "Grey": ("Grey", "Grey Melange"),
    "Silver": ("Silver", "Steel", "Metallic"),
    "Gold": ("Gold", "Bronze", "Copper"),
    "Blue": ("Blue", "Navy Blue", "Turquoise Blue", "Teal"),
    "Green": ("Green", "Olive", "Sea Green", "Lime Green", "Fluorescent Green"),
    "Red": ("Red", "Maroon", "Burgundy", "Rust"),
    "Pink": ("Pink", "Magenta", "Rose"),
    "Purple": ("Purple", "Lavender", "Mauve"),
    "Yellow": ("Yellow", "Mustard"),
    "Orange": ("Orange", "Peach"),
    "Brown": ("Brown", "Coffee Brown", "Mushroom Brown", "Tan", "Khaki"),
    "Beige": ("Beige", "Cream", "Skin", "Nude", "Taupe"),
    "Multi": ("Multi",),
}
_FAMILY = {colour: family for family, colours in FAMILIES.items() for colour in colours}

Pairs = list[tuple[str, str]]


def measure_protocol(folder: Path, data: Path, say: Say, report: Report) -> None:
    """Fill the report.

    Args:
        folder: what `tagger evaluate` wrote.
        data: the whole catalog, whose photos are counted.

    Raises:
        ContenderError: the report has no predictions.
    """
    from sklearn.metrics import accuracy_score, f1_score

    rows = _predictions(folder / "predictions.csv")
    say("counting the photos of each class")
    products = read_products(data, records=False)
    table = Table(
        "Frequent classes, colours in families",
        "Macro-F1 over the classes that are judged; the majority answers with the most frequent of them.",
        ("attribute", "classes", "products", "accuracy", "macro-F1", "majority accuracy"),
    )
    scores = []
    for name, least in LEAST.items():
        if name not in products.columns or f"{name}_truth" not in rows[0]:
            report.notes.append(f"Not judged: {name}, which the catalog or the report lacks.")
            continue
        counts = Counter(_class(name, value) for value, image in _labels(products.columns, name) if image and value)
        pairs = _pairs(rows, name, {label for label, count in counts.items() if count >= least})
        truth, tags = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        classes = sorted(set(truth))
        scores.append(float(f1_score(truth, tags, labels=classes, average="macro", zero_division=0)))
        majority = Counter(truth).most_common(1)[0][1] / len(truth)
        table.rows.append((name, len(classes), len(truth), accuracy_score(truth, tags), scores[-1], majority))
    table.rows.append(("mean", None, None, None, sum(scores) / len(scores), None))
    report.tables.append(table)


def _predictions(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if not row.get("error")]
    except OSError as error:
        raise ContenderError(
            f"Can't read {path}: {error.strerror}. Give the folder that tagger evaluate wrote."
        ) from error
    if not rows:
        raise ContenderError(f"{path} holds no prediction. Evaluate again.")
    return rows


def _labels(columns: dict[str, list[str]], name: str) -> list[tuple[str, str]]:
    return list(zip(columns[name], columns[IMAGE], strict=True))


def _pairs(rows: list[dict[str, str]], name: str, frequent: set[str]) -> Pairs:
    """Truth and tag of the products whose class is frequent enough."""
    found = [(_class(name, row[f"{name}_truth"]), _class(name, row[name])) for row in rows]
    return [(truth, tag) for truth, tag in found if truth in frequent]


def _class(name: str, label: str) -> str:
    return _FAMILY.get(label, label) if name == "baseColour" else label
