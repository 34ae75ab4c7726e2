"""The embedding beside what the heads say of the photo: more like-labelled products, for more bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import CatalogError
from tagger.retrieval.collection import Collection
from tagger.retrieval.method import ExactMethod, Trial, register
from tagger.retrieval.methods.weight import BEST, Weight
from tagger.retrieval.ranking import rank_by_cosine, unit

#: Weights of the heads that are tried; the embedding has 1.
_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 3.0, 5.0, 8.0)


@register("heads", BEST)
class EmbeddingAndHeads(ExactMethod):
    """Unit embedding and square roots of the probabilities of each attribute, side by side.

    So their similarities add up: the cosine, and for each attribute the Bhattacharyya coefficient of what the head says
    of both photos. The argument is the weight of each attribute, or "best". Known labels are not looked at.
    """

    needs = frozenset({"heads"})

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        self._weight = Weight("heads", argument, "a head", most=100)

    @property
    def name(self) -> str:
        if self._weight.value is None:
            return "embedding + heads, best weight"
        return f"embedding + {self._weight.value:g} of each head{', chosen' if self._weight.is_chosen else ''}"

    def tune(self, trial: Trial) -> None:
        if not self._weight.is_chosen:
            return
        curve = []
        for weight in _WEIGHTS:
            gallery, queries = (_side_by_side(products, weight) for products in (trial.gallery, trial.queries))
            curve.append((weight, trial.judge(rank_by_cosine(queries, gallery, trial.k))))
        self._weight.choose(curve)

    def features(self, products: Collection) -> NDArray[np.float32]:
        return _side_by_side(products, self._weight.value or 0.0)

    def details(self) -> dict[str, Any]:
        return self._weight.details()

    def draw(self, folder: Path) -> None:
        self._weight.draw(folder / "heads_weight.png")


def _side_by_side(products: Collection, weight: float) -> NDArray[np.float32]:
    heads = [products.heads[name] for name in products.labels if name in products.heads]
    if not heads:
        raise CatalogError(f"the bundle has no head for any of {', '.join(products.labels)}.")
    # Probabilities of several labels, which don't sum to 1, are made comparable.
    roots = [np.sqrt(weight) * unit(np.sqrt(p)) for p in heads]
    return unit(np.concatenate([products.vectors, *roots], axis=1))
