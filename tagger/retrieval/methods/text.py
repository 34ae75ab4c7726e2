"""By words: TF-IDF over names and descriptions, alone or mixed with the embedding of photo and title."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from tagger.errors import CatalogError
from tagger.retrieval.collection import Collection, Rows, Text
from tagger.retrieval.method import Method, Trial, refuse_argument, register, share
from tagger.retrieval.methods.weight import BEST, Weight
from tagger.retrieval.ranking import QUERIES, diverse, nearest, rank_by
from tagger.search.mix import TEXT_WEIGHT
from tagger.search.text import NAME_COUNT, words

#: Weights of the embedding that are tried.
_WEIGHTS = tuple(step / 20 for step in range(21))


class Words:
    """TF-IDF vectors of length 1 of the texts of a gallery, weighted as those of an index, see `tagger.search.text`.

    Args:
        texts: of the products (N).

    Raises:
        CatalogError: none of them holds a word.
    """

    def __init__(self, texts: Sequence[Text]) -> None:
        self._words = TfidfVectorizer(analyzer=iter, sublinear_tf=True, dtype=np.float32)
        try:
            gallery = self._words.fit_transform(map(_gallery_words, texts))  # sparse (N, V)
        except ValueError as error:
            raise CatalogError("The catalog names no title, so products can't be found by words.") from error
        self._products = len(texts)
        # By word: as it comes, it would be turned around for every query.
        self._by_word = gallery.T.tocsr()  # sparse (V, N)

    def vectors(self, texts: Sequence[Text]) -> Any:
        """Of queries, sparse float32 (Q, V): of their names, or where they have none of their descriptions."""
        return self._words.transform([list(words(text.name)) or list(words(text.description)) for text in texts])

    def similarity(self, queries: Any) -> NDArray[np.float32]:
        """Cosines, float32 (Q, N)."""
        return np.asarray((queries @ self._by_word).toarray(), dtype=np.float32)

    def __len__(self) -> int:
        return self._products

    @property
    def bytes(self) -> int:
        """Of the vectors of the gallery."""
        return int(self._by_word.data.nbytes + self._by_word.indices.nbytes + self._by_word.indptr.nbytes)


@register("text")
class WordsAlone(Method):
    """Names and descriptions, without the photo."""

    needs = frozenset({"texts"})

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        refuse_argument("text", argument)

    @property
    def name(self) -> str:
        return "text, TF-IDF"

    def fit(self, gallery: Collection) -> None:
        self._words = Words(gallery.texts)

    def features(self, products: Collection) -> Any:
        return self._words.vectors(products.texts)

    def rank(self, features: Any, k: int) -> Rows:
        return rank_by(lambda part: self._words.similarity(features[part]), features.shape[0], k)

    @property
    def bytes_per_product(self) -> float:
        return self._words.bytes / len(self._words)


@dataclass(frozen=True, eq=False)
class Both:
    """Embedding and text of Q queries: unit vectors, float32 (Q, D), and sparse (Q, V)."""

    vectors: NDArray[np.float32]
    words: Any

    def __getitem__(self, part: slice) -> Both:
        return Both(self.vectors[part], self.words[part])


@register("hybrid", "0.7", "1", BEST)
class Hybrid(Method):
    """A weighted sum of the cosines of embedding and text; the argument is the weight of the embedding, or "best"."""

    needs = frozenset({"texts"})

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(argument, seed)
        self._weight = Weight("hybrid", argument, "the embedding", most=1)

    @property
    def name(self) -> str:
        weight = self._weight.value
        if weight is None:
            return "hybrid, best weight"
        return f"hybrid, {weight:g} embedding + {1 - weight:g} text{', chosen' if self._weight.is_chosen else ''}"

    def tune(self, trial: Trial) -> None:
        if not self._weight.is_chosen:
            return
        found = Words(trial.gallery.texts)
        queries = Both(trial.queries.vectors, found.vectors(trial.queries.texts))
        rankings: dict[float, list[Rows]] = {weight: [] for weight in _WEIGHTS}
        for start in range(0, len(trial.queries), QUERIES):
            # Compared once, mixed many times.
            few = queries[start : start + QUERIES]
            photo, text = few.vectors @ trial.gallery.vectors.T, found.similarity(few.words)
            for weight, ranking in rankings.items():
                ranking.append(nearest(_mix(weight, photo, text), trial.k))
        self._weight.choose([(weight, trial.judge(np.concatenate(ranking))) for weight, ranking in rankings.items()])

    def fit(self, gallery: Collection) -> None:
        self._vectors = gallery.vectors
        self._words = Words(gallery.texts)

    def features(self, products: Collection) -> Both:
        return Both(products.vectors, self._words.vectors(products.texts))

    def rank(self, features: Both, k: int) -> Rows:
        return rank_by(self._similarity(features), len(features.vectors), k)

    def _similarity(self, features: Both) -> Callable[[slice], NDArray[np.float32]]:
        def similarity(part: slice) -> NDArray[np.float32]:
            few = features[part]
            return _mix(self._weight.value or 0.0, few.vectors @ self._vectors.T, self._words.similarity(few.words))

        return similarity

    @property
    def bytes_per_product(self) -> float:
        return (self._vectors.nbytes + self._words.bytes) / len(self._vectors)

    def details(self) -> dict[str, Any]:
        return self._weight.details()

    def draw(self, folder: Path) -> None:
        self._weight.draw(folder / "hybrid_weight.png")


@register("diverse-hybrid", "0.3")
class DiverseHybrid(Hybrid):
    """`hybrid` with the weights of `tagger similar`, whose hits are unlike each other as well."""

    def __init__(self, argument: str, seed: int) -> None:
        super().__init__(f"{1 - TEXT_WEIGHT:g}", seed)
        self._diversity = share("diverse-hybrid", argument)

    @property
    def name(self) -> str:
        return f"{super().name}, diversity {self._diversity:g}"

    def rank(self, features: Both, k: int) -> Rows:
        choose = diverse(self._vectors, self._diversity)
        return rank_by(self._similarity(features), len(features.vectors), k, choose)


def _gallery_words(text: Text) -> list[str]:
    """A word of the name counts as many of the description."""
    return list(words(text.name)) * NAME_COUNT + list(words(text.description))


def _mix(weight: float, photo: NDArray[np.float32], text: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.float32(weight) * photo + np.float32(1 - weight) * text
