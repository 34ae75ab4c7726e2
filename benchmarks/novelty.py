"""How well a bundle tells pictures that show no product from the photos of a catalog."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.measure import Say
from benchmarks.report import Cell, Report, Table
from tagger.catalog.read import read_products
from tagger.catalog.table import IMAGE
from tagger.errors import BundleError, SplitError
from tagger.inference import Photo, Tagger
from tagger.retrieval.pictures import KINDS

#: Pictures of each kind.
FULL, SHORT = 200, 40
#: Photos of products, at most.
_PRODUCTS = 5000


def measure_novelty(model: Path, data: Path, pictures: int, say: Say, report: Report) -> None:
    """Fill the report.

    Raises:
        BundleError: the bundle can't tell what is no product.
        SplitError: it was not trained on this catalog, so that there is no test part.
    """
    tagger = Tagger.open(model)
    if tagger.bundle.novelty is None:
        raise BundleError(f"The bundle {tagger.bundle.path} can't tell what is no product. Train it again.")
    say("tagging products")
    real = _novelty(tagger, _test_photos(tagger, data))
    table = Table(
        "Pictures that show no product",
        f"{pictures} drawn pictures of each kind beside {len(real):,} products of the test part. AUROC: how often a "
        "picture looks less like the catalog than a product does. Flagged: all tags need review.",
        ("kind", "AUROC", "flagged, %"),
    )
    found: list[NDArray[np.float64]] = []
    with tempfile.TemporaryDirectory(prefix="tagger-bench-") as name:
        for kind in KINDS:
            say(kind)
            found.append(_novelty(tagger, _draw(kind, pictures, Path(name))))
            table.rows.append(_row(kind, found[-1], real))
    table.rows.append(_row("all of them", np.concatenate(found), real))
    table.rows.append(("products", None, _percent(real)))
    report.tables.append(table)


def _row(kind: str, pictures: NDArray[np.float64], real: NDArray[np.float64]) -> tuple[Cell, ...]:
    shown = np.repeat([False, True], [len(real), len(pictures)])
    return kind, float(roc_auc_score(shown, np.concatenate([real, pictures]))), _percent(pictures)


def _percent(novelty: NDArray[np.float64]) -> float:
    return float(100 * np.mean(novelty > 1))


def _novelty(tagger: Tagger, photos: Sequence[Photo] | Iterator[Photo]) -> NDArray[np.float64]:
    results = tagger.run(photos, top_k=1, other_heads=False)
    return np.array([tagged.novelty for tagged in results if tagged.novelty is not None])


def _test_photos(tagger: Tagger, data: Path) -> list[Photo]:
    split = tagger.bundle.split or {}
    products = read_products(data, tagger.bundle.config.catalog, records=False)
    photos = [
        Photo(id_, path)
        for id_, path in zip(products.ids, products.columns[IMAGE], strict=True)
        if path and split.get(id_) == "test"
    ]
    if not photos:
        raise SplitError(f"{tagger.bundle.path} was not trained on {data}: none of its photos is in the test part.")
    return photos[:: -(-len(photos) // _PRODUCTS)]


def _draw(kind: str, count: int, folder: Path) -> Iterator[Photo]:
    """Draw pictures of one kind, always the same ones."""
    for i in range(count):
        path = folder / f"{kind} {i}.jpg"
        KINDS[kind](np.random.default_rng((list(KINDS).index(kind), i))).save(path, quality=90)
        yield Photo(path.stem, str(path))
