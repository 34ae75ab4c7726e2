"""Eigenfaces: principal components of the pixels (Turk & Pentland 1991), and a distance that tells the unknown.

A photo whose nearest photo of the gallery is farther away than the threshold is "unknown". The threshold is chosen
between photos of the validation part and drawn pictures that show no product: where most of both are told right. How
well that works is measured on others.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.utils.extmath import randomized_svd

from tagger.retrieval.collection import Collection, Rows
from tagger.retrieval.method import Method, Trial, register, whole_number
from tagger.retrieval.pictures import KINDS, draw_pictures
from tagger.retrieval.plots import plot_distances, plot_faces
from tagger.retrieval.ranking import rank_by

#: Photos that the components are learnt from: 300 MB of 60x80 pixels.
_LEARNT_FROM = 5_000
#: Pictures of each kind that show no product; the threshold is chosen on every second one, and judged on the others.
_PICTURES = 40
_DRAWN = 30
#: What is judged: photos of products, and pictures that show none, by kind.
_PRODUCTS = "products"

Photos = NDArray[np.uint8]


@register("eigenfaces", "30")
class Eigenfaces(Method):
    """The distance of photos in the first principal components of their pixels; the argument is how many."""

    needs = frozenset({"photos"})

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        self._components = whole_number("eigenfaces", argument, most=1_000)
        self._threshold = float("nan")
        self._distances: dict[str, NDArray[np.float32]] = {}
        self._auroc: dict[str, float] = {}

    @property
    def name(self) -> str:
        return f"eigenfaces, {self._components} components"

    def tune(self, trial: Trial) -> None:
        self._learn(trial.gallery)
        self._known = self.features(trial.gallery)
        height, width = self._shape[:2]
        pictures = {kind: draw_pictures(kind, _PICTURES, height, width) for kind in KINDS}
        seen = {_PRODUCTS: self.distances(self.features(trial.queries))}
        seen |= {kind: self.distances(self._project([drawn])) for kind, drawn in pictures.items()}
        self._threshold = best_threshold(*_products_and_others({kind: values[::2] for kind, values in seen.items()}))
        self._distances = {kind: values[1::2] for kind, values in seen.items()}
        products, others = _products_and_others(self._distances)
        self._auroc = {kind: _auroc(products, self._distances[kind]) for kind in KINDS} | {
            "all": _auroc(products, others)
        }
        self.note = (
            f"up to the threshold, {100 * (products <= self._threshold).mean():.0f} % of the products of validation "
            f"and {100 * (others <= self._threshold).mean():.0f} % of pictures that show none are recognised "
            f"(AUROC {self._auroc['all']:.3f})"
        )

    def fit(self, gallery: Collection) -> None:
        self._learn(gallery)
        self._known = self.features(gallery)

    def features(self, products: Collection) -> NDArray[np.float32]:
        """Coordinates of the photos, float32 (N, components)."""
        return self._project(products.photos())

    def rank(self, features: NDArray[np.float32], k: int) -> Rows:
        return rank_by(lambda part: -self._squares(features[part]), len(features), k)

    def distances(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distance of each photo to the nearest of the gallery, in grey levels a pixel, float32 (Q,)."""
        nearest = [self._squares(part).min(axis=1) for part in np.array_split(features, -(-len(features) // 256) or 1)]
        squares = np.maximum(np.concatenate(nearest), 0)
        return np.asarray(np.sqrt(squares / self._mean.size), dtype=np.float32)

    @property
    def bytes_per_product(self) -> float:
        return self._known.nbytes / len(self._known)

    def details(self) -> dict[str, Any]:
        recognised = {name: float((seen <= self._threshold).mean()) for name, seen in self._distances.items()}
        return {
            "components": self._components,
            "variance": float(self._shares.sum()),
            "threshold": self._threshold,
            "recognised": recognised,
            "auroc": self._auroc,
        }

    def draw(self, folder: Path) -> None:
        shape = self._shape
        faces = [axis.reshape(shape) for axis in self._axes[:_DRAWN]]
        plot_faces(self._mean.reshape(shape), faces, self._shares, folder / "eigenfaces.png")
        products, others = _products_and_others(self._distances)
        plot_distances(products, others, self._threshold, self._auroc, folder / "eigenfaces_distances.png")

    def _learn(self, gallery: Collection) -> None:
        rows = np.arange(len(gallery))
        if len(gallery) > _LEARNT_FROM:
            rows = np.sort(np.random.default_rng(self.seed).choice(len(gallery), _LEARNT_FROM, replace=False))
        batches = list(gallery.take(rows).photos())
        self._shape = batches[0].shape[1:]
        pixels = np.concatenate([_flat(batch) for batch in batches])  # (M, H * W * 3)
        self._mean = pixels.mean(axis=0)
        pixels -= self._mean
        self._components = min(self._components, *pixels.shape)
        _, values, self._axes = randomized_svd(pixels, self._components, random_state=self.seed)
        self._shares = values**2 / (np.square(pixels, dtype=np.float64).sum() or 1)

    def _project(self, batches: Iterable[Photos]) -> NDArray[np.float32]:
        return np.concatenate([(_flat(batch) - self._mean) @ self._axes.T for batch in batches])

    def _squares(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Squared distances to the gallery, float32 (Q, N)."""
        own, known = np.square(features).sum(axis=1)[:, None], np.square(self._known).sum(axis=1)
        return np.asarray(own + known - 2 * (features @ self._known.T), dtype=np.float32)


def _flat(photos: Photos) -> NDArray[np.float32]:
    return photos.reshape(len(photos), -1).astype(np.float32)


def best_threshold(products: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """The distance up to which products are recognised and others are not, as a share of each, most often."""
    nearness = np.concatenate([-products, -others])
    wrong, right, limits = roc_curve(_truth(products, others), nearness, drop_intermediate=False)
    best = 1 + int((right - wrong)[1:].argmax())  # the first recognises nothing
    # Midway to the next distance, so that it does not hang on the last digit.
    return float(-(limits[best] + limits[min(best + 1, len(limits) - 1)]) / 2)


def _auroc(products: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """How often a picture that shows no product is farther away than a product."""
    return float(roc_auc_score(_truth(products, others), np.concatenate([-products, -others])))


def _truth(products: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.repeat([True, False], [len(products), len(others)])


def _products_and_others(
    distances: dict[str, NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return distances[_PRODUCTS], np.concatenate([distances[kind] for kind in KINDS])
