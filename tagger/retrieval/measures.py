"""How good a ranking is: what is relevant, and precision, recall, mAP and nDCG of the first k.

    precision@k    share of the first k that are relevant
    recall@k       hit rate: share of the queries with a relevant product among the first k
    mAP@k          precision at the rank of each relevant product among the first k, summed over them and divided by how
                   many there could be, min(k, relevant products of the gallery); averaged over the queries
    nDCG@k         relevant products weighted with 1 / log2(rank + 1), divided by the best sum possible

A query without any relevant product in the gallery counts as 0 everywhere: nobody can answer it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tagger.retrieval.collection import Collection, Rows
from tagger.retrieval.ranking import NOTHING


@dataclass(frozen=True)
class Measures:
    """Averages over Q queries, each 0 to 1, and the standard error of the two that are read most."""

    precision: float
    recall: float
    mean_average_precision: float
    ndcg: float
    precision_error: float
    recall_error: float


class Relevance:
    """A product is relevant to a query when both have the same labels.

    Args:
        attributes: whose labels must be the same. A cell with several values must be the same as a whole.
        queries: what is asked for; those that lack one of the labels are not judged.
        gallery: what is searched; products that lack one of the labels are relevant to nothing.

    Attributes:
        judged: whether each query has all labels, bool (Q,).
        possible: relevant products of the gallery for each judged query, int64 (J,).
    """

    def __init__(self, attributes: Sequence[str], queries: Collection, gallery: Collection) -> None:
        self.attributes = tuple(attributes)
        asked, offered = _keys(queries, attributes), _keys(gallery, attributes)
        self.judged = asked != ""
        _, codes = np.unique(np.concatenate([asked[self.judged], offered]), return_inverse=True)
        self._asked, self._offered = codes[: self.judged.sum()], codes[self.judged.sum() :]
        self._known = offered != ""
        counts = np.bincount(self._offered[self._known], minlength=len(codes) + 1)
        self.possible = counts[self._asked]

    @property
    def name(self) -> str:
        """The attributes, joined by " + "."""
        return " + ".join(self.attributes)

    def of(self, ranking: Rows) -> NDArray[np.bool_]:
        """Whether each product of a ranking (Q, K) is relevant, for the judged queries, bool (J, K)."""
        found = ranking[self.judged]
        same = self._offered[found] == self._asked[:, None]
        return np.asarray(same & self._known[found] & (found != NOTHING), dtype=np.bool_)

    def measure(self, ranking: Rows) -> Measures:
        """Judge a ranking, rows of the gallery, the best first, int64 (Q, K)."""
        relevant = self.of(ranking)
        k = relevant.shape[1]
        ranks = np.arange(1, k + 1)
        best = np.minimum(self.possible, k)
        at_rank = np.cumsum(relevant, axis=1) / ranks
        gains = 1 / np.log2(ranks + 1)
        divisor = np.maximum(best, 1)
        precision, hit = relevant.mean(axis=1), relevant.max(axis=1)
        return Measures(
            precision=float(precision.mean()),
            recall=float(hit.mean()),
            mean_average_precision=float(((at_rank * relevant).sum(axis=1) / divisor).mean()),
            ndcg=float(((relevant * gains).sum(axis=1) / np.cumsum(gains)[divisor - 1]).mean()),
            precision_error=_standard_error(precision),
            recall_error=_standard_error(hit),
        )


def _keys(products: Collection, attributes: Sequence[str]) -> NDArray[np.str_]:
    """One text a product that names its labels, "" where one of them is unknown."""
    columns = [products.labels[name] for name in attributes]
    rows = zip(*columns, strict=True)
    return np.array(["\0".join(row) if all(row) else "" for row in rows], dtype=np.str_)


def _standard_error(values: NDArray[np.generic]) -> float:
    return float(values.astype(np.float64).std() / np.sqrt(len(values)))
