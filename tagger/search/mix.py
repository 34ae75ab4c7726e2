"""What a person looks for: photos, words and products, each with a weight, made one `Query`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tagger.errors import SearchError
from tagger.files import is_there
from tagger.search.product_index import ProductIndex, Query
from tagger.search.text import TextVector, mixed

Kind = Literal["image", "text", "id"]
#: Share of the words where a query has both a photo and words.
TEXT_WEIGHT = 0.3

_WEIGHTED = re.compile(r"(.+):([+-]?(?:\d+\.?\d*|\.\d+))", re.DOTALL)
_NO_WEIGHT = re.compile(r".+:[+-]?(?:nan|inf|infinity|\d[\d.,e+-]*)", re.DOTALL | re.IGNORECASE)


class Part(NamedTuple):
    """One of the things that are looked for.

    Args:
        kind: "image": path of a photo; "text": words; "id": a product of the index, its looks and its words.
        value: what it is.
        weight: how much it counts beside the others, below 0 for what is not wanted; None: as usual.
    """

    kind: Kind
    value: str
    weight: float | None = None


def parse_part(kind: Kind, text: str, index: ProductIndex | None = None) -> Part:
    """Read a part as a person writes it: `shirt.jpg`, `shirt.jpg:0.7`. A photo or product of the whole name wins.

    Args:
        kind: what it is.
        text: what the person wrote.
        index: its products are known by their ids; None: no product is.

    Raises:
        SearchError: what follows the photo looks like a weight and is none.
    """
    if (kind == "image" and is_there(text)) or (kind == "id" and index is not None and text in index):
        return Part(kind, text)
    if found := _WEIGHTED.fullmatch(text):
        return Part(kind, found[1], float(found[2]))
    if kind == "image" and _NO_WEIGHT.fullmatch(text):
        raise SearchError(f'Expected a weight such as 0.7 or -0.2 after the last colon, got "{text}".')
    return Part(kind, text)


def mix(
    index: ProductIndex,
    parts: Sequence[Part],
    photos: dict[str, NDArray[np.float32]],
    text_weight: float = TEXT_WEIGHT,
) -> Query:
    """Make a query of all parts.

    Where no weights are given, photos together count 1 - `text_weight` and words together `text_weight`. A product
    counts with its looks and its words in the same shares; with its looks alone where it has no name. Products of the
    query are left out of the hits.

    Args:
        index: gives the vectors of products and the weights of words.
        parts: at least one.
        photos: embeddings of the photos by path, (D,) of any length.
        text_weight: 0 to 1.

    Raises:
        SearchError: an unknown id, a text without a word, a photo without direction, or weights that sum to nothing.
    """
    images: list[tuple[NDArray[np.float32], float]] = []
    texts: list[tuple[TextVector, float]] = []
    for part, weight in zip(parts, weights_of(parts, text_weight), strict=True):
        if part.kind == "image":
            images.append((unit(photos[part.value], index.dimensions, index.place), weight))
        elif part.kind == "text":
            texts.append((_encoded(index, part.value), weight))
        else:
            words = index.encode_item(index.item(part.value))
            share = 0.0 if words is None else text_weight
            images.append((index.vectors([part.value])[0], weight * (1 - share)))
            if words is not None:
                texts.append((words, weight * share))
    ids = frozenset(part.value for part in parts if part.kind == "id")
    return mix_vectors(images, texts, ids)


def weights_of(parts: Sequence[Part], text_weight: float) -> list[float]:
    """How much each part counts: its own weight, or its share of what its kind counts without weights, see `mix`.

    Raises:
        SearchError: they sum to zero or less.
    """
    kinds = {part.kind for part in parts}
    mixes = "text" in kinds and len(kinds) > 1
    count = Counter(part.kind for part in parts if part.weight is None)
    usual = {"image": 1 - text_weight if mixes else 1.0, "text": text_weight if mixes else 1.0, "id": 1.0}
    weights = [usual[part.kind] / count[part.kind] if part.weight is None else part.weight for part in parts]
    if sum(weights) <= 1e-9:
        listed = " + ".join(f"{weight:g}" for weight in weights)
        raise SearchError(
            f"Expected weights that sum to more than zero, got {listed}. Give what is wanted more weight than what is "
            "not."
        )
    return weights


def unit(vector: ArrayLike, dimensions: int, place: str) -> NDArray[np.float32]:
    """An embedding with length 1, float32 (D,).

    Raises:
        SearchError: it has another size than those of the index, or no direction.
    """
    values = np.asarray(vector, dtype=np.float64)
    if values.shape != (dimensions,):
        raise SearchError(
            f"The index {place} holds embeddings of {dimensions} numbers, the query has the shape {values.shape}. "
            "Query it with embeddings of the bundle that it was made with."
        )
    norm = np.linalg.norm(values)
    if not np.isfinite(norm) or norm == 0:
        raise SearchError(
            "The query's embedding has no direction (zeros or NaN), so nothing is similar to it. Try another photo."
        )
    return (values / norm).astype(np.float32)


def _encoded(index: ProductIndex, text: str) -> TextVector:
    vector = index.encode(text)
    if vector is None:
        raise SearchError(f'Expected words to look for, got "{text}". Write at least one letter or digit.')
    return vector


def mix_vectors(
    images: list[tuple[NDArray[np.float32], float]], texts: list[tuple[TextVector, float]], ids: frozenset[str]
) -> Query:
    """Weighted means, and how much the two count."""
    image_weight = sum(abs(weight) for _, weight in images)
    text_weight = sum(abs(weight) for _, weight in texts)
    share = image_weight / (image_weight + text_weight)
    image = sum(vector * np.float32(weight / image_weight) for vector, weight in images if image_weight)
    text = mixed((vector, weight / text_weight) for vector, weight in texts if text_weight)
    return Query(
        image if isinstance(image, np.ndarray) else None,
        text if text_weight else None,
        share,
        1 - share,
        ids,
    )
