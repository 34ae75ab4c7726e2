"""What tagging takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Photo(NamedTuple):
    """A photo to tag: the id of its product, its path ("" where the product has none), and the product's title."""

    id: str
    path: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Tag:
    """The answer for one attribute.

    Args:
        label: the label; several joined by "|" where the attribute allows it, "" for none of them.
        confidence: calibrated probability that the label is right, 0 to 1. For several labels, that all of them are;
            from bundles that don't know it, that of the least certain one.
        runners_up: the next labels with their probabilities, best first.
        needs_review: whether the confidence is below the one from which tags reach the target precision, or the photo
            shows no product.
    """

    label: str
    confidence: float
    runners_up: tuple[tuple[str, float], ...] = ()
    needs_review: bool = False


@dataclass(frozen=True, slots=True)
class Tagged:
    """What became of one photo.

    Args:
        id: of its product.
        image: its path.
        tags: by attribute; empty where neither photo nor title could be used.
        heads: probabilities of the heads that are not the primary one, by output name and label.
        embedding: what similar products are looked for by, from the same inputs as the tags, float32 (E,), not
            normalised; None where the photo could not be used.
        error: why it could not be used, else "". The tags are those of the title then, if there are any.
        inputs: what the tags come from: "image", "title" or "image+title"; "" where there are none.
        novelty: how unlike the photos of the catalog it is, see `Novelty.scores`; None where the photo could not be
            used, or the bundle can't tell.
        gallery_embedding: what an index should keep, float32 (E,): the mean of what the photo alone and photo and title
            give, so that the product is found by either. Without a title, the embedding itself.
    """

    id: str
    image: str
    tags: dict[str, Tag] = field(default_factory=dict)
    heads: dict[str, dict[str, float]] = field(default_factory=dict)
    embedding: NDArray[np.float32] | None = None
    error: str = ""
    inputs: str = ""
    novelty: float | None = None
    gallery_embedding: NDArray[np.float32] | None = None

    @property
    def not_a_product(self) -> bool:
        """Whether it is like nothing in the catalog, so that all its tags need review."""
        return self.novelty is not None and self.novelty > 1
