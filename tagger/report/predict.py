"""Tag the products of a catalog the way `tagger tag` does, and keep the outputs beside the tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tagger.catalog.table import IMAGE, Catalog
from tagger.inference.tags import Photo
from tagger.progress import Progress, silent
from tagger.report.metrics import Tags

if TYPE_CHECKING:
    from tagger.inference import Tag, Tagger


@dataclass(frozen=True)
class Predictions:
    """What the model says of N products whose photos could be read.

    Args:
        ids: product ids (N).
        tags: tags by attribute.
        scores: calibrated probabilities by output name, float32 (N, C), and, where the bundle can tell, "novelty",
            float32 (N, 1); the embedding is not among them.
        problems: why the photo of each other product could not be read, by id.
    """

    ids: list[str]
    tags: dict[str, Tags]
    scores: dict[str, NDArray[np.float32]]
    problems: dict[str, str]


def predict(
    tagger: Tagger, catalog: Catalog, ids: Sequence[str], *, batch_size: int = 64, progress: Progress = silent
) -> Predictions:
    """Tag products by their photos; a photo that can't be read is left out and named in `problems`.

    Args:
        tagger: an open model.
        catalog: its `image` column names the photos.
        ids: products of the catalog, in the order of the result.
        batch_size: photos that go through the model at once.
        progress: told how many photos are done.
    """
    problems: dict[str, str] = {}
    read: list[str] = []
    tags: list[dict[str, Tag]] = []
    scores: list[dict[str, NDArray[np.float32]]] = []
    progress(0, len(ids), "photos tagged")
    photos = map(Photo, ids, catalog.table.loc[list(ids), IMAGE])
    for batch in tagger.score(photos, batch_size=batch_size):
        tags += tagger.decode(batch.scores)
        scores.append({name: values for name, values in batch.scores.items() if name != "embedding"})
        for photo, error in zip(batch.photos, batch.errors, strict=True):
            if error:
                problems[photo.id] = error
            else:
                read.append(photo.id)
        progress(len(read) + len(problems), len(ids), "photos tagged")
    return Predictions(
        ids=read,
        tags={name: _columns([product[name] for product in tags]) for name in (tags[0] if tags else ())},
        scores={name: np.concatenate([batch[name] for batch in scores]) for name in (scores[0] if scores else ())},
        problems=problems,
    )


def _columns(tags: Sequence[Tag]) -> Tags:
    return Tags(
        label=np.array([tag.label for tag in tags], dtype=object),
        confidence=np.array([tag.confidence for tag in tags], dtype=np.float64),
        needs_review=np.array([tag.needs_review for tag in tags], dtype=np.bool_),
        best=[(tag.label, *(label for label, _ in tag.runners_up))[:3] for tag in tags],
    )
