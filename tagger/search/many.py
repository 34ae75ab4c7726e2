"""Many queries at once, in blocks: products of the index, photos, or products of another catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tagger.errors import SearchError
from tagger.search.look_up import Asked, Wanted, check_bundle, find
from tagger.search.mix import Part, mix, mix_vectors, unit
from tagger.search.product_index import Hit, ProductIndex

if TYPE_CHECKING:
    from tagger.inference.tags import Photo, Tagged
    from tagger.search.gallery import Embedder

#: Queries answered together.
_BLOCK = 512
_T = TypeVar("_T")


class Answer(NamedTuple):
    """What was found for one of many queries.

    Args:
        query: id of the product, or stem of the photo's name.
        hits: the best first.
        error: why there are none, else "".
    """

    query: str
    hits: list[Hit]
    error: str = ""


def answer_products(index: ProductIndex, ids: Iterable[str], asked: Asked) -> Iterator[Answer]:
    """Look up products of the index, each left out of its own hits. An unknown id does not stop the others."""
    for block in _blocks(ids):
        wanted: list[Wanted | str] = []
        for id_ in block:
            try:
                wanted.append(Wanted(mix(index, [Part("id", id_)], {}, asked.text_weight)))
            except SearchError as error:
                wanted.append(str(error))
        yield from _answers(index, block, wanted, asked)


def answer_photos(
    index: ProductIndex, photos: Iterable[Photo], embedder: Embedder, asked: Asked, *, of_catalog: bool
) -> Iterator[Answer]:
    """Look up photos, with the titles that they have. One that can't be used does not stop the others.

    Args:
        index: where to look.
        photos: read as far as needed.
        embedder: embeds them.
        asked: which hits are wanted.
        of_catalog: their ids are those of products, so that a product of the index with that id is left out, too.

    Raises:
        IndexFolderError: the index was made with another bundle, or is damaged.
        SearchError: the index is empty, or lacks a column.
    """
    check_bundle(index, embedder)
    titles: list[str] = []

    def noted() -> Iterator[Photo]:
        for photo in photos:
            titles.append(photo.title)
            yield photo

    tagged = embedder.run(noted(), top_k=1, other_heads=False)
    for block in _blocks(tagged):
        own, titles[: len(block)] = titles[: len(block)], []
        wanted = [_wanted(index, *pair, asked, of_catalog) for pair in zip(block, own, strict=True)]
        yield from _answers(index, [each.id for each in block], wanted, asked)


def _wanted(index: ProductIndex, tagged: Tagged, title: str, asked: Asked, of_catalog: bool) -> Wanted | str:
    """The query of a photo, or why there is none."""
    if tagged.embedding is None:
        return tagged.error
    try:
        image = unit(tagged.embedding, index.dimensions, index.place)
    except SearchError as error:
        return str(error)
    words = index.encode(title)
    share = 0.0 if words is None else asked.text_weight
    texts = [] if words is None else [(words, share)]
    exclude = frozenset([tagged.id] if of_catalog else [])
    return Wanted(mix_vectors([(image, 1 - share)], texts, exclude), frozenset([Path(tagged.image).resolve()]))


def _answers(
    index: ProductIndex, names: Sequence[str], wanted: Sequence[Wanted | str], asked: Asked
) -> Iterator[Answer]:
    found = iter(find(index, [each for each in wanted if isinstance(each, Wanted)], asked))
    for name, each in zip(names, wanted, strict=True):
        yield Answer(name, next(found)) if isinstance(each, Wanted) else Answer(name, [], each)


def _blocks(values: Iterable[_T]) -> Iterator[list[_T]]:
    values = iter(values)
    while block := list(islice(values, _BLOCK)):
        yield block
