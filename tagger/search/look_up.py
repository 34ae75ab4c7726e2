"""The look-up: from what a person asks for, a photo or a product's id, to similar products."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tagger.errors import BundleError, IndexFolderError, PhotoError
from tagger.pretrained import shipped_models
from tagger.search.index import Hit, Index
from tagger.search.items import Item

if TYPE_CHECKING:
    from tagger.config import EngineName, EnginePrecision
    from tagger.inference import Tagger
    from tagger.search.gallery import Embedder


class Found(NamedTuple):
    """The product or photo that was asked for, and the products like it, the best first."""

    query: Item
    hits: list[Hit]


def look_up(
    index: Index,
    query: str,
    k: int = 5,
    model: Path | str | None = None,
    engine: EngineName | None = None,
    engine_precision: EnginePrecision | None = None,
) -> Found:
    """Find products similar to a photo, or to a product of the index.

    Args:
        index: where to look.
        query: path of a photo, else the id of a product. An id needs no bundle.
        k: hits wanted.
        model: bundle, or name of a shipped one, that embeds the photo; None: the one that the index was made with.
        engine: what runs its network, see `Tagger.open`.
        engine_precision: in which numeric precision.

    Raises:
        IndexFolderError: neither such a photo nor such an id, or the bundle is not the index's own.
        PhotoError: the photo can't be used.
        BundleError: there is no bundle, or it can't be used.
        MissingDependencyError: the engine is not installed.
    """
    if Path(query).is_file():
        return find_by_photo(index, query, open_tagger(index, model, engine, engine_precision), k)
    if query in index:
        return Found(index.item(query), index.similar_to(query, k))
    raise IndexFolderError(
        f'"{query}" is neither a photo nor the id of one of the {len(index):,} products in {index.path}. '
        f"Check the path or the id.{index.items.hint(query)}"
    )


def find_by_photo(index: Index, photo: Path | str, tagger: Embedder, k: int = 5) -> Found:
    """Find products similar to a photo; the one with that very file is left out.

    Raises:
        IndexFolderError: the bundle is not the one that the index was made with.
        PhotoError: the photo can't be used.
    """
    from tagger.inference.tags import Photo

    if tagger.bundle.id != index.bundle_id:
        raise IndexFolderError(
            f"The index {index.path} was made with another bundle than {tagger.bundle.path}, so their embeddings can't "
            "be compared. Give --model the bundle it was made with, or make the index again with this one."
        )
    (tagged,) = tagger.run([Photo(Path(photo).name, str(photo))])
    if tagged.embedding is None:
        raise PhotoError(tagged.error)
    labels = {name: tag.label for name, tag in tagged.tags.items() if tag.label}
    query = Item(tagged.id, "", labels, tuple(labels), tagged.image)
    return Found(query, index.similar_to_photo(tagged.embedding, photo, k))


def open_tagger(
    index: Index,
    model: Path | str | None = None,
    engine: EngineName | None = None,
    engine_precision: EnginePrecision | None = None,
) -> Tagger:
    """Open the bundle that the index was made with, or `model`, with an engine as `Tagger.open` does.

    Where the bundle is not at its recorded place any more, a shipped model that is the same one does.

    Raises:
        BundleError: it is not where it was, or can't be used.
    """
    from tagger.bundle import Bundle
    from tagger.inference import Tagger

    if model is not None:
        return Tagger.open(model, engine, engine_precision)
    places = list(index.bundle_paths())
    for place in places:
        if place.is_dir():
            return Tagger.open(place, engine, engine_precision)
    for shipped in shipped_models().values():
        if (bundle := Bundle.open(shipped)).id == index.bundle_id:
            return Tagger.open(bundle.path, engine, engine_precision)
    raise BundleError(
        f"A photo needs the bundle that the index {index.path} was made with, and it is not at "
        f"{places[0] if places else 'any recorded place'} any more. Say where it is with --model."
    )
