"""Tag the products of a catalog the way `tagger tag` does, and keep the outputs beside the tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tagger.catalog.table import IMAGE, TITLE, Catalog
from tagger.decoding import EMBEDDING
from tagger.inference.decoder import GALLERY_EMBEDDING, NOVELTY
from tagger.inference.fusion import NO_TITLE, NOTHING
from tagger.inference.fusion import TITLE as BY_TITLE
from tagger.inference.tags import Photo
from tagger.progress import Progress, silent
from tagger.report.inputs import Comparison
from tagger.report.metrics import Labels, Tags

if TYPE_CHECKING:
    from tagger.inference import Tag, Tagger
    from tagger.inference.fusion import Inputs


@dataclass(frozen=True)
class Predictions:
    """What the model says of the N products that it could tag.

    Args:
        ids: product ids (N).
        tags: tags by attribute.
        scores: calibrated probabilities by output name, float32 (N, C), and, where the bundle can tell and a photo
            was looked at, "novelty", float32 (N, 1), 0 for titles; the embedding is not among them.
        problems: why each other product could not be tagged, by id.
        by_inputs: labels by attribute (K), by what they come from: "image", "title" and "both"; of the K products
            that have a photo and a title which the model can read. Empty where it reads no titles.
        compared: ids of these products (K).
    """

    ids: list[str]
    tags: dict[str, Tags]
    scores: dict[str, NDArray[np.float32]]
    problems: dict[str, str]
    by_inputs: dict[str, dict[str, Labels]] = field(default_factory=dict)
    compared: list[str] = field(default_factory=list)


def predict(
    tagger: Tagger,
    catalog: Catalog,
    ids: Sequence[str],
    *,
    batch_size: int = 64,
    inputs: Inputs = "auto",
    progress: Progress = silent,
) -> Predictions:
    """Tag products; what can't be tagged is left out and named in `problems`.

    Photos go through the network once, also where tags from image, title and both are compared.

    Args:
        tagger: an open model.
        catalog: its `image` column names the photos.
        ids: products of the catalog, in the order of the result.
        batch_size: photos that go through the model at once.
        inputs: what tags come from, see `Tagger.run`.
        progress: told how many photos are done.
    """
    problems: dict[str, str] = {}
    read: list[str] = []
    tags: list[dict[str, Tag]] = []
    scores: list[dict[str, NDArray[np.float32]]] = []
    of_photos = False
    progress(0, len(ids), "photos tagged")
    tagger.require(inputs)
    table = catalog.table.loc[list(ids)]
    photos = map(Photo, ids, table[IMAGE], table[TITLE] if TITLE in table.columns else repeat(""))
    comparison = Comparison(tagger) if tagger.reads_titles else None
    for looked in tagger.look(photos, batch_size=batch_size):
        batch = tagger.answer(looked, inputs)
        tags += tagger.decode_batch(batch)
        if comparison:
            comparison.add(looked)
        scores.append(
            {name: values for name, values in batch.scores.items() if name not in (EMBEDDING, GALLERY_EMBEDDING)}
        )
        of_photos |= any(used not in (NOTHING, BY_TITLE) for used in batch.inputs)
        for photo, error, used in zip(batch.photos, batch.errors, batch.inputs, strict=True):
            if not used:
                problems[photo.id] = error or NO_TITLE
            else:
                read.append(photo.id)
        progress(len(read) + len(problems), len(ids), "photos tagged")
    kept = [name for name in (scores[0] if scores else ()) if of_photos or name != NOVELTY]
    return Predictions(
        ids=read,
        tags={name: _columns([product[name] for product in tags]) for name in (tags[0] if tags else ())},
        scores={name: np.concatenate([batch[name] for batch in scores]) for name in kept},
        problems=problems,
        by_inputs=comparison.labels if comparison else {},
        compared=comparison.ids if comparison else [],
    )


def _columns(tags: Sequence[Tag]) -> Tags:
    return Tags(
        label=np.array([tag.label for tag in tags], dtype=object),
        confidence=np.array([tag.confidence for tag in tags], dtype=np.float64),
        needs_review=np.array([tag.needs_review for tag in tags], dtype=np.bool_),
        best=[(tag.label, *(label for label, _ in tag.runners_up))[:3] for tag in tags],
    )
