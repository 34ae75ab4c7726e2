"""The tagger's own embedding, whole or reduced by a principal component analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import ConfigError
from tagger.retrieval.collection import Collection, Rows
from tagger.retrieval.method import ExactMethod, Trial, refuse_argument, register, share
from tagger.retrieval.plots import plot_variance
from tagger.retrieval.ranking import diverse, rank_by, rank_by_cosine, unit

#: Dimensions that are tried.
_GRID = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
#: The default is the fewest dimensions that keep this share of what the whole embedding reaches on validation.
_KEPT = 0.99
_BEST = "best"


@register("embedding")
class Embedding(ExactMethod):
    """What `tagger similar` finds photos by, compared by cosine: see `tagger.similarity`."""

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        refuse_argument("embedding", argument)

    @property
    def name(self) -> str:
        return "embedding"

    def features(self, products: Collection) -> NDArray[np.float32]:
        return products.vectors


@register("diverse", "0.2", "0.3")
class DiverseEmbedding(ExactMethod):
    """The embedding, whose hits are unlike each other as well: `tagger similar --diversity`."""

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        self._diversity = share("diverse", argument)

    @property
    def name(self) -> str:
        return f"embedding, diversity {self._diversity:g}"

    def features(self, products: Collection) -> NDArray[np.float32]:
        return products.vectors

    def rank(self, features: NDArray[np.float32], k: int) -> Rows:
        choose = diverse(self._gallery, self._diversity)
        return rank_by(lambda part: features[part] @ self._gallery.T, len(features), k, choose)


class Components:
    """Principal components of vectors, by falling variance.

    Args:
        vectors: float32 (N, D).

    Attributes:
        mean: float32 (D,).
        axes: orthonormal columns, float32 (D, D).
        shares: of the variance that each axis holds, float64 (D,).
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self.mean = vectors.mean(axis=0)
        centred = vectors - self.mean
        variances, axes = np.linalg.eigh(np.asarray(centred.T @ centred, dtype=np.float64))
        variances = np.maximum(variances[::-1], 0)
        self.axes = np.ascontiguousarray(axes[:, ::-1], dtype=np.float32)
        self.shares = variances / (variances.sum() or 1)

    def project(self, vectors: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
        """Unit vectors of so many dimensions, float32 (N, dimensions)."""
        return unit((vectors - self.mean) @ self.axes[:, :dimensions])

    def enough(self, share: float) -> int:
        """The fewest dimensions that hold a share of the variance."""
        return int(np.searchsorted(np.cumsum(self.shares), share - 1e-9)) + 1


@register("pca", "16", "32", "64", "128", _BEST)
class ReducedEmbedding(ExactMethod):
    """The embedding in fewer dimensions: a number of them, a share of the variance, or as many as it takes ("best")."""

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        self._asked = _read(argument)
        self._chosen = 0
        self._curve: list[tuple[int, float]] = []
        self._whole = 0.0

    @property
    def name(self) -> str:
        if not self._chosen:
            return f"embedding, PCA to {self.argument}"
        kept = f"{100 * self._components.shares[: self._chosen].sum():.0f} % of the variance"
        return f"embedding, PCA to {self._chosen} ({kept}{', chosen' if self._asked is None else ''})"

    def tune(self, trial: Trial) -> None:
        if self._asked is not None:
            return
        whole = Embedding("", self.seed)
        whole.fit(trial.gallery)
        self._whole = trial.judge(whole.rank(whole.features(trial.queries), trial.k))
        components = Components(trial.gallery.vectors)
        width = trial.gallery.vectors.shape[1]
        for dimensions in dict.fromkeys(min(size, width) for size in _GRID):
            gallery = components.project(trial.gallery.vectors, dimensions)
            ranking = rank_by_cosine(components.project(trial.queries.vectors, dimensions), gallery, trial.k)
            self._curve.append((dimensions, trial.judge(ranking)))

    def learn(self, gallery: Collection) -> None:
        width = gallery.vectors.shape[1]
        self._components = Components(gallery.vectors)
        if self._asked is None:
            good = [size for size, value in self._curve if value >= _KEPT * self._whole]
            self._chosen = good[0] if good else width
        else:
            wanted = self._asked
            self._chosen = self._components.enough(wanted) if isinstance(wanted, float) else wanted
        if self._chosen > width:
            raise ConfigError(f"The embedding has {width} numbers, fewer than {self._chosen}. Ask for at most {width}.")

    def features(self, products: Collection) -> NDArray[np.float32]:
        return self._components.project(products.vectors, self._chosen)

    def details(self) -> dict[str, Any]:
        shares = np.cumsum(self._components.shares)
        found: dict[str, Any] = {"dimensions": self._chosen, "variance": float(shares[self._chosen - 1])}
        if self._curve:
            found["curve"] = [
                {"dimensions": size, "variance": float(shares[size - 1]), "map_on_validation": value}
                for size, value in self._curve
            ]
            found["map_on_validation_of_the_whole"] = self._whole
        return found

    def draw(self, folder: Path) -> None:
        if self._curve:
            path = folder / "pca_dimensions.png"
            plot_variance(self._components.shares, self._curve, self._whole, _KEPT, self._chosen, path)


def _read(argument: str) -> int | float | None:
    if argument == _BEST:
        return None
    try:
        value = float(argument)
    except ValueError:
        value = -1.0
    if 0 < value < 1:
        return value
    if value >= 1 and value.is_integer():
        return int(value)
    raise ConfigError(
        f'After "pca:", expected dimensions such as 64, a share of the variance such as 0.9, or best; got "{argument}".'
    )
