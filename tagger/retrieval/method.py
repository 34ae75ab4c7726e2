"""What a method of search is, and the registry of them. To add one, write a class here beside and decorate it."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tagger.errors import ConfigError
from tagger.retrieval.collection import Collection, Rows
from tagger.retrieval.ranking import rank_by_cosine

#: What a method looks at beside the embedding, which is always there.
Need = Literal["photos", "texts", "heads"]
#: One row a product, sliced like an array: a NumPy array, a sparse matrix, or `Pair`.
Features = Any
_Build = TypeVar("_Build", bound="Callable[[str, int], Method]")


@dataclass(frozen=True)
class Trial:
    """Products of the validation part, for a method to choose its settings on.

    Args:
        queries: what is asked for; their vectors are those of the photos alone, unless the method needs texts.
        gallery: what is searched meanwhile: neither these queries nor those that the method will be judged on.
        k: how many are looked at.
        judge: from a ranking (Q, K) to how good it is: mAP@k.
    """

    queries: Collection
    gallery: Collection
    k: int
    judge: Callable[[Rows], float]


class Method(ABC):
    """A method of search: fit it on a gallery, then rank the gallery for queries.

    Args:
        argument: what follows its name in `--methods`, "" for nothing.
        seed: of whatever it draws.

    Raises:
        ConfigError: the argument is none for it.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    #: Whether it finds the nearest embeddings, only faster: it is then compared with an exact search.
    approximates: ClassVar[bool] = False
    #: Whether it runs a network of Keras, which takes seconds to import.
    uses_keras: ClassVar[bool] = False

    def __init__(self, argument: str, seed: int) -> None:
        self.argument = argument
        self.seed = seed
        #: What a reader of its row must know.
        self.note = ""

    @property
    @abstractmethod
    def name(self) -> str:
        """Of its row."""

    def tune(self, trial: Trial) -> None:  # noqa: B027 (most have nothing to choose)
        """Choose settings on validation products; called before `fit`."""

    @abstractmethod
    def fit(self, gallery: Collection) -> None:
        """Learn and index the products that are searched."""

    @abstractmethod
    def features(self, products: Collection) -> Features:
        """What the method sees of products: what `rank` takes."""

    @abstractmethod
    def rank(self, features: Features, k: int) -> Rows:
        """Rows of the gallery for Q queries, the best first, int64 (Q, K); -1 where it finds fewer."""

    @property
    @abstractmethod
    def bytes_per_product(self) -> float:
        """What it keeps of a product of the gallery to search it."""

    def details(self) -> dict[str, Any]:
        """What it learnt or chose, for metrics.json."""
        return {}

    def draw(self, folder: Path) -> None:  # noqa: B027 (most have no picture)
        """Write pictures of its own into a folder."""


class ExactMethod(Method):
    """Compares a query with every product, by the cosine of features; subclasses say what these are."""

    _gallery: NDArray[np.float32]

    def fit(self, gallery: Collection) -> None:
        self.learn(gallery)
        self._gallery = self.features(gallery)

    def learn(self, gallery: Collection) -> None:
        """Learn what `features` needs."""

    def rank(self, features: NDArray[np.float32], k: int) -> Rows:
        return rank_by_cosine(features, self._gallery, k)

    @property
    def bytes_per_product(self) -> float:
        return self._gallery.nbytes / len(self._gallery)


@dataclass(frozen=True)
class Kind:
    """A registered method.

    Args:
        build: from argument and seed to the method.
        variants: arguments that stand for its name alone, a row each.
        by_default: whether `all` includes it.
    """

    build: Callable[[str, int], Method]
    variants: tuple[str, ...]
    by_default: bool


KINDS: dict[str, Kind] = {}


def register(name: str, *variants: str, by_default: bool = True) -> Callable[[_Build], _Build]:
    """Register the decorated class under a name, see `Kind`."""

    def add(build: _Build) -> _Build:
        KINDS[name] = Kind(build, variants or ("",), by_default)
        return build

    return add


def whole_number(method: str, argument: str, least: int = 1, most: int = 10_000) -> int:
    """The argument as a whole number.

    Raises:
        ConfigError: it is something else, or out of range.
    """
    if not argument.isascii() or not argument.isdigit() or not least <= int(argument) <= most:
        raise ConfigError(
            f'Expected a whole number from {least} to {most:,} after "{method}:", got "{argument}". '
            f"Write it so: {method}:{max(least, 32)}"
        )
    return int(argument)


def share(method: str, argument: str) -> float:
    """The argument as a number from 0 to 1.

    Raises:
        ConfigError: it is something else.
    """
    with contextlib.suppress(ValueError):
        if 0 <= (value := float(argument)) <= 1:
            return value
    raise ConfigError(f'Expected a number from 0 to 1 after "{method}:", got "{argument}". Write it so: {method}:0.3')


def refuse_argument(method: str, argument: str) -> None:
    """Refuse an argument where the method takes none.

    Raises:
        ConfigError: there is one.
    """
    if argument:
        raise ConfigError(f'The method {method} takes nothing after its name, got "{method}:{argument}".')
