"""The embedding beside what the heads say of the photo: more like-labelled products, for more bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import CatalogError, ConfigError
from tagger.retrieval.collection import Collection
from tagger.retrieval.method import ExactMethod, Trial, register
from tagger.retrieval.ranking import rank_by_cosine, unit

#: Weights of the heads that are tried; the embedding has 1.
_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
_BEST = "best"


@register("heads", _BEST)
class EmbeddingAndHeads(ExactMethod):
    """Unit embedding and square roots of the probabilities of each attribute, side by side.

    So their similarities add up: the cosine, and for each attribute the Bhattacharyya coefficient of what the head says
    of both photos. The argument is the weight of each attribute, or "best". Known labels are not looked at.
    """

    needs = frozenset({"heads"})

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        self._weight = _read_weight(argument)
        self._curve: list[tuple[float, float]] = []

    @property
    def name(self) -> str:
        if self._weight is None:
            return "embedding + heads, best weight"
        return f"embedding + {self._weight:g} of each head{', chosen' if self.argument == _BEST else ''}"

    def tune(self, trial: Trial) -> None:
        if self.argument != _BEST:
            return
        for weight in _WEIGHTS:
            gallery, queries = (_side_by_side(products, weight) for products in (trial.gallery, trial.queries))
            self._curve.append((weight, trial.judge(rank_by_cosine(queries, gallery, trial.k))))
        self._weight = max(self._curve, key=lambda point: point[1])[0]

    def features(self, products: Collection) -> NDArray[np.float32]:
        return _side_by_side(products, self._weight or 0.0)

    def details(self) -> dict[str, Any]:
        curve = [{"weight": weight, "map_on_validation": value} for weight, value in self._curve]
        return {"weight": self._weight} | ({"curve": curve} if curve else {})


def _side_by_side(products: Collection, weight: float) -> NDArray[np.float32]:
    heads = [products.heads[name] for name in products.labels if name in products.heads]
    if not heads:
        raise CatalogError(f"the bundle has no head for any of {', '.join(products.labels)}.")
    # Probabilities of several labels, which don't sum to 1, are made comparable.
    roots = [np.sqrt(weight) * unit(np.sqrt(p)) for p in heads]
    return unit(np.concatenate([products.vectors, *roots], axis=1))


def _read_weight(argument: str) -> float | None:
    if argument == _BEST:
        return None
    try:
        weight = float(argument)
    except ValueError:
        weight = -1.0
    if not 0 <= weight <= 100:
        raise ConfigError(f'After "heads:", expected the weight of a head from 0 to 100, or best; got "{argument}".')
    return weight
