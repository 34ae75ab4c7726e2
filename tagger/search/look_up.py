"""The look-up: from what a person asks for, photos, words, products or a mix of them, to similar products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tagger.errors import BundleError, PhotoError, SearchError
from tagger.files import is_there
from tagger.pretrained import shipped_models
from tagger.search.changes import other_bundle
from tagger.search.distinct import leave_out_near_duplicates
from tagger.search.diversity import POOL, diversify
from tagger.search.filters import Filter
from tagger.search.items import Item
from tagger.search.mix import TEXT_WEIGHT, Part, mix, weights_of
from tagger.search.product_index import Hit, ProductIndex, Query
from tagger.search.same_photo import PhotoFiles

if TYPE_CHECKING:
    from tagger.config import EngineName, EnginePrecision, PhotoConfig
    from tagger.inference import Tagger
    from tagger.inference.tags import Tagged
    from tagger.search.gallery import Embedder


@dataclass(frozen=True)
class Asked:
    """Which hits are wanted, whatever is looked for.

    Args:
        k: how many.
        where: filters that they meet.
        min_score: the least total.
        distinct: leave out near-duplicates of the query and of each other.
        text_weight: share of the words where a query has photo and words.
        photo: which photos `distinct` refuses to read; None: as the defaults say.
        diversity: 0 to 1, how much it counts that a hit is unlike the others, see `tagger.search.diversity`.
    """

    k: int = 5
    where: tuple[Filter, ...] = ()
    min_score: float | None = None
    distinct: bool = False
    text_weight: float = TEXT_WEIGHT
    photo: PhotoConfig | None = None
    diversity: float = 0.0

    @property
    def candidates(self) -> int:
        """Hits among which those that are wanted are chosen."""
        return self.k * POOL if self.diversity else self.k


class Found(NamedTuple):
    """The product or photo that was asked for, and the products like it, the best first."""

    query: Item
    hits: list[Hit]


class Wanted(NamedTuple):
    """A query, and the files of its photos: products with these very files are left out."""

    query: Query
    photos: frozenset[Path] = frozenset()


def name_part(index: ProductIndex, name: str) -> Part:
    """What a bare word means: the path of a photo, else the id of a product.

    Raises:
        SearchError: it is neither.
    """
    if is_there(name) and Path(name).is_file():
        return Part("image", name)
    if name in index:
        return Part("id", name)
    raise SearchError(
        f'"{name}" is neither a photo nor the id of one of the {len(index):,} products in {index.place}. '
        f"Check the path or the id.{index.hint(name)}"
    )


def look_up(index: ProductIndex, parts: Sequence[Part], asked: Asked, open_embedder: Callable[[], Embedder]) -> Found:
    """Find products like a mix of photos, words and products.

    Args:
        index: where to look.
        parts: at least one.
        asked: which hits are wanted.
        open_embedder: opens what embeds photos; called only if there are any.

    Raises:
        SearchError: an unknown id or column, words that are none, weights that sum to nothing, an empty index.
        IndexFolderError: the index is damaged, or was made with another bundle.
        PhotoError: a photo can't be used.
        BundleError: there is no bundle, or it can't be used.
    """
    weights_of(parts, asked.text_weight)  # mistakes show before photos are looked at
    paths = list(dict.fromkeys(part.value for part in parts if part.kind == "image"))
    tagged = dict(zip(paths, _embed(index, paths, open_embedder()), strict=True)) if paths else {}
    photos = {path: each.embedding for path, each in tagged.items() if each.embedding is not None}
    query = mix(index, parts, photos, asked.text_weight)
    wanted = Wanted(query, frozenset(Path(path).resolve() for path in paths))
    (hits,) = find(index, [wanted], asked)
    return Found(_described(index, parts, tagged), hits)


def find(index: ProductIndex, wanted: Sequence[Wanted], asked: Asked) -> list[list[Hit]]:
    """The hits of many queries, looked up together.

    Where hits are left out because they are near-duplicates, or the photo itself, more are asked for; and where they
    are to be unlike each other, they are chosen among more.
    """
    found: list[list[Hit]] = [[] for _ in wanted]
    files = PhotoFiles(asked.photo)
    count = asked.candidates
    open_, reach = list(range(len(wanted))), count + (max(10, count) if asked.distinct else 1)
    while open_:
        queries = [wanted[number].query for number in open_]
        hits = index.search(queries, reach, where=asked.where, min_score=asked.min_score)
        for number, each in zip(open_, hits, strict=True):
            others = [hit for hit in each if not _is_of(hit, wanted[number].photos)]
            if asked.distinct:
                query, photos = wanted[number]
                others = leave_out_near_duplicates(index, query, others, count, photos, files)
            found[number] = others[:count]
        open_ = [
            number for number, each in zip(open_, hits, strict=True)
            if len(found[number]) < count and len(each) == reach
        ]  # fmt: skip
        reach *= 4
    return [diversify(index, hits, asked.k, asked.diversity) for hits in found]


def check_bundle(index: ProductIndex, embedder: Embedder) -> None:
    """Refuse to compare embeddings of different bundles.

    Raises:
        IndexFolderError: the index was made with another one.
    """
    if embedder.bundle.embeddings_id != index.bundle_id:
        raise other_bundle(index.place, index.bundle_name, str(embedder.bundle.path))


def open_tagger(
    index: ProductIndex,
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
        if (bundle := Bundle.open(shipped)).embeddings_id == index.bundle_id:
            return Tagger.open(bundle.path, engine, engine_precision)
    raise BundleError(
        f"A photo needs the bundle that the index {index.place} was made with, and it is not at "
        f"{places[0] if places else 'any recorded place'} any more. Say where it is with --model."
    )


def _embed(index: ProductIndex, paths: Sequence[str], embedder: Embedder) -> list[Tagged]:
    from tagger.inference.tags import Photo

    check_bundle(index, embedder)
    tagged = list(embedder.run([Photo(Path(path).name, path) for path in paths]))
    for each in tagged:
        if each.embedding is None:
            raise PhotoError(each.error)
    return tagged


def _described(index: ProductIndex, parts: Sequence[Part], tagged: dict[str, Tagged]) -> Item:
    """The query as a person sees it: the product or photo itself, or the mix in words."""
    shown = next((part for part in parts if part.kind != "text"), parts[0])
    if shown.kind == "id":
        item = index.item(shown.value)
    elif shown.kind == "image":
        photo = tagged[shown.value]
        labels = {name: tag.label for name, tag in photo.tags.items() if tag.label}
        item = Item(photo.id, "", labels, tuple(labels), photo.image)
    else:
        item = Item(shown.value)
    if len(parts) == 1:
        return item
    return Item(" + ".join(map(_said, parts)), item.title, item.labels, item.predicted, item.image)


def _said(part: Part) -> str:
    """A part of a mix as a person writes it, photos by their names: there is no room for paths."""
    value = Path(part.value).name if part.kind == "image" else part.value
    return value if part.weight is None else f"{value}:{part.weight:g}"


def _is_of(hit: Hit, photos: frozenset[Path]) -> bool:
    """Whether a product's photo is one of these files. Copies of them are others."""
    return bool(photos and hit.image) and Path(hit.image).resolve() in photos
