"""Eigenfaces: principal components of the pixels (Turk & Pentland 1991), and a distance that tells the unknown.

A photo whose nearest photo of the gallery is farther away than the threshold is "unknown". The threshold is the
distance within which 95 % of the photos of the validation part are recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from tagger.retrieval.collection import Collection, Rows
from tagger.retrieval.method import Method, Trial, register, whole_number
from tagger.retrieval.plots import plot_distances, plot_faces
from tagger.retrieval.ranking import rank_by

#: Photos that the components are learnt from: 300 MB of 60x80 pixels.
_LEARNT_FROM = 5_000
#: Share of the validation photos that the threshold recognises.
_RECOGNISED = 0.95
#: Photos that a threshold should tell apart are made of at most so many.
_TRIED = 500
_DRAWN = 30

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

    @property
    def name(self) -> str:
        return f"eigenfaces, {self._components} components"

    def tune(self, trial: Trial) -> None:
        self._learn(trial.gallery)
        self._known = self.features(trial.gallery)
        known = self.distances(self.features(trial.queries))
        self._threshold = float(np.quantile(known, _RECOGNISED))
        # What it ought not to recognise, made of the same photos.
        random = np.random.default_rng(self.seed)
        few = trial.queries.take(np.arange(min(len(trial.queries), _TRIED)))
        changes: dict[str, Callable[[Photos], Photos]] = {
            "upside down": lambda photos: photos[:, ::-1],
            "negative": lambda photos: 255 - photos,
            "noise": lambda photos: random.integers(0, 256, photos.shape, dtype=np.uint8),
        }
        changed = {name: self._project(map(change, few.photos())) for name, change in changes.items()}
        self._distances = {"validation": known} | {name: self.distances(seen) for name, seen in changed.items()}

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

    def recognises(self, features: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Whether each photo is within the threshold of one of the gallery, bool (Q,)."""
        return np.asarray(self.distances(features) <= self._threshold, dtype=np.bool_)

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
        }

    def draw(self, folder: Path) -> None:
        shape = self._shape
        faces = [axis.reshape(shape) for axis in self._axes[:_DRAWN]]
        plot_faces(self._mean.reshape(shape), faces, self._shares, folder / "eigenfaces.png")
        plot_distances(self._distances, self._threshold, folder / "eigenfaces_distances.png")

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
