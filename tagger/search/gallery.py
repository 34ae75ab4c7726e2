"""The gallery: all products of a catalog, embedded and indexed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tagger.catalog.table import DESCRIPTION, IMAGE, TITLE, Products
from tagger.errors import CatalogError
from tagger.inference.tags import Photo, Tagged
from tagger.progress import Progress, silent
from tagger.search.changes import other_bundle
from tagger.search.items import Item
from tagger.search.places import write_index
from tagger.search.product_index import Change, ProductIndex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tagger.bundle import Bundle
    from tagger.inference.fusion import Inputs

_TEXTS = (TITLE, DESCRIPTION)
#: What is no fact: it has a place of its own, or says nothing of the product.
_NO_FACTS = frozenset({IMAGE, *_TEXTS, "split"})


class Embedder(Protocol):
    """What is needed of a `Tagger`: its bundle, and its way from photos to tags and embeddings."""

    @property
    def bundle(self) -> Bundle:
        """The bundle that it runs."""

    def run(
        self, photos: Iterable[Photo], *, top_k: int = 3, other_heads: bool = True, inputs: Inputs = "auto"
    ) -> Iterator[Tagged]:
        """One `Tagged` for each photo, in order."""


@dataclass(frozen=True)
class Gallery:
    """The index of a catalog, and the products that are not in it.

    Args:
        index: open.
        problems: why a photo can't be used, by the product's id.
        without_photo: ids of the products of which the catalog has no photo.
        change: how many products were added and replaced.
    """

    index: ProductIndex
    problems: dict[str, str]
    without_photo: tuple[str, ...]
    change: Change


def index_catalog(
    products: Products,
    tagger: Embedder,
    place: Path | str,
    progress: Progress = silent,
    *,
    ann: bool | None = None,
) -> Gallery:
    """Embed the products of a catalog, by their photos and titles, and write an index of them, ordered by id.

    A label is the catalog's own where it has one, else the tag that the bundle gives.

    Args:
        products: as read from the catalog.
        tagger: an open bundle.
        place: a folder, or the URL of a PostgreSQL database; an index that is there already is replaced when the new
            one is whole.
        progress: told how many photos are embedded.
        ann: see `build_index`.

    Raises:
        CatalogError: no photo can be used.
        IndexFolderError: the bundle gives no usable embeddings.
        OutputError: the folder can't be written, or the place holds something else than an index.
        DatabaseError: the database can't be reached, or refuses.
        MissingDependencyError: what a database or an approximate index needs is not installed.
    """
    problems: dict[str, str] = {}
    index = write_index(
        _embed(products, tagger, problems, progress), place, bundle_id=tagger.bundle.embeddings_id,
        bundle_name=tagger.bundle.name, bundle_path=tagger.bundle.path, ann=ann,
    )  # fmt: skip
    return Gallery(index, problems, _without_photo(products), Change(len(index), 0))


def add_catalog(products: Products, tagger: Embedder, index: ProductIndex, progress: Progress = silent) -> Gallery:
    """Embed the products of a catalog and add them to an index, or put them in the place of those it has.

    Raises:
        CatalogError: no photo can be used.
        IndexFolderError: the index was made with another bundle, or this one gives no usable embeddings.
        OutputError: the index can't be written.
    """
    name = tagger.bundle.name
    if tagger.bundle.embeddings_id != index.bundle_id:  # said before hours of work
        raise other_bundle(index.place, index.bundle_name, name)
    problems: dict[str, str] = {}
    items = _embed(products, tagger, problems, progress)
    change = index.add(items, bundle_id=tagger.bundle.embeddings_id, bundle_name=name)
    return Gallery(index, problems, _without_photo(products), change)


def _without_photo(products: Products) -> tuple[str, ...]:
    images = zip(products.ids, products.columns[IMAGE], strict=True)
    return tuple(id_ for id_, image in images if not image)


def _embed(
    products: Products, tagger: Embedder, problems: dict[str, str], progress: Progress
) -> Iterator[tuple[Item, NDArray[np.float32]]]:
    images = products.columns[IMAGE]
    rows = sorted((row for row, image in enumerate(images) if image), key=products.ids.__getitem__)
    if not rows:
        raise CatalogError(
            f"None of the {len(products):,} products of {products.root} has a photo. "
            "Where the photos lie elsewhere, say so: --set catalog.image_folder=FOLDER"
        )
    facts = [name for name in products.columns if name not in _NO_FACTS]
    known = _known_labels(products, rows, tagger.bundle.label_space.attributes)
    progress(0, len(rows), "photos embedded")
    titles = products.columns.get(TITLE, [""] * len(products))
    photos = (Photo(products.ids[row], images[row], titles[row]) for row in rows)
    results = tagger.run(photos, top_k=1, other_heads=False)
    for done, (row, labels, tagged) in enumerate(zip(rows, known, results, strict=True), 1):
        progress(done, len(rows), "photos embedded")
        if tagged.gallery_embedding is None:
            problems[tagged.id] = tagged.error
        else:
            yield _item(tagged, labels, products, row, facts), tagged.gallery_embedding
    if len(problems) == len(rows):
        first = next(iter(problems.values()))
        raise CatalogError(f"None of the {len(rows):,} photos of {products.root} can be used. The first: {first}")


def _known_labels(products: Products, rows: Iterable[int], attributes: Iterable[str]) -> Iterator[dict[str, str]]:
    """Yield the labels that the catalog has of each product."""
    names = dict.fromkeys((*attributes, *products.attributes))
    columns = {name: products.columns[name] for name in names if name in products.columns}
    for row in rows:
        yield {name: cells[row] for name, cells in columns.items() if cells[row]}


def _item(tagged: Tagged, known: dict[str, str], products: Products, row: int, facts: Iterable[str]) -> Item:
    tags = {name: tag.label for name, tag in tagged.tags.items() if tag.label}
    predicted = tuple(name for name in tags if name not in known)
    # The bundle's attributes first and in its order, so that all products show theirs alike.
    labels = {name: known.get(name) or tags[name] for name in tags} | known
    title, description = (products.columns[name][row] if name in products.columns else "" for name in _TEXTS)
    others = {name: cell for name in facts if name not in labels and (cell := products.columns[name][row])}
    return Item(tagged.id, title, labels, predicted, tagged.image, description, others)
