"""Read the products to measure on: labels and texts of a catalog, embeddings of an index or a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tagger.catalog.cache import open_cache
from tagger.catalog.table import IMAGE, TITLE, Catalog
from tagger.errors import CatalogError, SplitError, did_you_mean
from tagger.inference.decoder import GALLERY_EMBEDDING
from tagger.inference.fusion import TITLE as TITLE_ALONE
from tagger.inference.tags import Photo
from tagger.labels import output_name
from tagger.progress import Progress, silent
from tagger.report.select import select_products
from tagger.retrieval.collection import Collection, Rows, Text
from tagger.retrieval.evaluate import Parts
from tagger.retrieval.method import Need
from tagger.retrieval.ranking import unit
from tagger.search.contents import indexed_products
from tagger.search.product_index import ProductIndex

if TYPE_CHECKING:
    from tagger.inference import Tagger

_DESCRIPTION = "description"
_VALIDATION = "validation"
_EMBEDDING = "embedding"


def read_collection(
    catalog: Catalog,
    attributes: Sequence[str],
    tagger: Tagger,
    index: ProductIndex | None = None,
    needs: AbstractSet[Need] = frozenset(),
    progress: Progress = silent,
) -> Collection:
    """Put together what methods look at, of the products that have an embedding, ordered by id.

    So the same queries are drawn whether the embeddings come from an index or from the photos.

    Args:
        catalog: labels, titles and photos.
        attributes: columns of labels that decide what is relevant.
        tagger: of the bundle that made the index; embeds the photos where there is no index.
        index: embeddings that are there already.
        needs: what the methods look at besides.
        progress: told how many photos are embedded or decoded.

    Raises:
        CatalogError: the catalog lacks an attribute, or none of its products has an embedding.
        IndexFolderError: the index is damaged.
    """
    for name in attributes:
        if name not in catalog.table.columns:
            known = ", ".join(catalog.attributes)
            raise CatalogError(
                f'{catalog.root} has no column "{name}".{did_you_mean(name, catalog.attributes)} It has: {known}. '
                "Choose with --attributes."
            )
    if index is None:
        products = _embed(catalog, attributes, catalog.table.index, tagger, progress)
    else:
        products = _indexed(index, catalog, attributes)
        if "heads" in needs:
            products = _with_vectors_of(products, _embed(catalog, attributes, products.ids, tagger, progress))
    if "photos" in needs:
        cache = open_cache(catalog, tagger.bundle.photo, progress=progress)
        products = products.take(np.flatnonzero([id_ in cache.rows for id_ in products.ids]))
        products = replace(products, pixels=cache.pixels, pixel_rows=cache.select(list(products.ids)))
    return products


def embed_queries(
    products: Collection, rows: Rows, catalog: Catalog, tagger: Tagger, progress: Progress = silent
) -> Collection:
    """Make sure that some of the products can be asked for by photo alone, and by photo and title.

    Args:
        products: of the catalog; an index does not hold what they are asked for by.
        rows: what will be asked for.
        catalog: gives the photos.
        tagger: of the bundle that made the vectors.
        progress: told how many photos are embedded.
    """
    if products.photo_vectors is not None or not tagger.reads_titles:
        return products
    seen = _embed(catalog, (), [products.ids[row] for row in rows.tolist()], tagger, progress)
    place = {id_: row for row, id_ in enumerate(products.ids)}
    asked = [place[id_] for id_ in seen.ids]
    photo_vectors, titled_vectors = products.vectors.copy(), products.vectors.copy()
    photo_vectors[asked], titled_vectors[asked] = seen.photo_vectors, seen.titled_vectors
    return replace(products, photo_vectors=photo_vectors, titled_vectors=titled_vectors)


def choose_parts(
    catalog: Catalog,
    products: Collection,
    part: str,
    recorded: Mapping[str, str] | None,
    split_file: Path | None,
    count: int,
    seed: int,
) -> Parts:
    """Draw the queries from a part of the split, and as many others from the validation part to choose settings on.

    Args:
        catalog: for a split of its own.
        products: what there is an embedding of.
        part: whose products are asked for, "test" or "validation"; the gallery is all that is in other parts.
        recorded: the split that the bundle was trained with.
        split_file: another split.
        count: queries wanted; fewer where the part has fewer.
        seed: of the drawing.

    Raises:
        SplitError: no split knows the products, a part is empty, or no validation products are left to tune on.
    """
    selected, held = (set(select_products(catalog, name, recorded, split_file).ids) for name in (part, _VALIDATION))
    ids = np.array(products.ids, dtype=object)
    inside = np.array([id_ in selected for id_ in ids])
    validation = np.array([id_ in held for id_ in ids])
    random = np.random.default_rng(seed)
    queries = _draw(random, np.flatnonzero(inside), count)
    unasked = validation.copy()
    unasked[queries] = False
    tuning = _draw(random, np.flatnonzero(unasked), count)
    gallery, rest = np.flatnonzero(~inside), np.flatnonzero(~inside & ~validation)
    for name, rows in (("queries", queries), ("validation products to tune on", tuning), ("gallery", rest)):
        if not len(rows):
            raise SplitError(
                f"The split leaves no {name}: {inside.sum():,} products are in {part}, {validation.sum():,} in "
                f"validation, {len(rest):,} in neither. Choose another part, or ask for fewer --queries."
            )
    return Parts(queries, gallery, tuning, rest)


def _draw(random: np.random.Generator, rows: Rows, count: int) -> Rows:
    return np.sort(random.choice(rows, min(count, len(rows)), replace=False))


def _indexed(index: ProductIndex, catalog: Catalog, attributes: Sequence[str]) -> Collection:
    """The products of the catalog that an index has."""
    items, vectors = indexed_products(index)
    known = set(catalog.table.index)
    rows = sorted((row for row, item in enumerate(items) if item.id in known), key=lambda row: items[row].id)
    if not rows:
        raise CatalogError(
            f"The index {index.place} holds none of the {len(known):,} products of {catalog.root}. "
            "Give the catalog that it was made of."
        )
    return _described(catalog, attributes, [items[row].id for row in rows], vectors[rows])


def _with_vectors_of(indexed: Collection, embedded: Collection) -> Collection:
    """The products that are in both, with the vectors of the index and all else of those that were embedded."""
    place = {id_: row for row, id_ in enumerate(indexed.ids)}
    return replace(embedded, vectors=indexed.vectors[[place[id_] for id_ in embedded.ids]])


def _described(
    catalog: Catalog, attributes: Sequence[str], ids: Sequence[str], vectors: NDArray[np.float32]
) -> Collection:
    """Products with their labels and texts."""
    table = catalog.table.loc[list(ids)]
    texts = [table[name] if name in table.columns else [""] * len(ids) for name in (TITLE, _DESCRIPTION)]
    labels = {name: table[name].to_numpy(dtype=object) for name in attributes}
    return Collection(ids, labels, vectors, list(map(Text, *texts)))


def _embed(
    catalog: Catalog, attributes: Sequence[str], ids: Iterable[str], tagger: Tagger, progress: Progress
) -> Collection:
    """Those of some products whose photo can be used, with all that is known of their embeddings; ordered by id."""
    table = catalog.table.loc[list(ids)]
    titles = table[TITLE] if TITLE in table.columns else [""] * len(table)
    photos = sorted(Photo(str(id_), *rest) for id_, *rest in zip(table.index, table[IMAGE], titles, strict=True))
    photos = [photo for photo in photos if photo.path]
    outputs = {name: output_name(a, a.primary) for name, a in tagger.bundle.label_space.attributes.items()}
    embedded: list[str] = []
    vectors: list[NDArray[np.float32]] = []
    photo_vectors: list[NDArray[np.float32]] = []
    titled_vectors: list[NDArray[np.float32]] = []
    heads: dict[str, list[NDArray[np.float32]]] = {name: [] for name in outputs}
    done = 0
    for looked in tagger.look(photos):
        done += len(looked.photos)
        progress(done, len(photos), "photos embedded")
        if all(looked.errors):
            continue
        both, seen = tagger.answer(looked), tagger.answer(looked, "image").scores
        embedded += [photo.id for photo, error in zip(looked.photos, looked.errors, strict=True) if not error]
        photographed = [kind != TITLE_ALONE for kind in both.inputs if kind]
        vectors.append(both.scores[GALLERY_EMBEDDING][photographed])
        photo_vectors.append(seen[_EMBEDDING])
        titled_vectors.append(both.scores[_EMBEDDING][photographed])
        for name, output in outputs.items():
            heads[name].append(seen[output])
    if not embedded:
        raise CatalogError(f"None of the {len(photos):,} photos of {catalog.root} can be used. Check its photos.")
    return replace(
        _described(catalog, attributes, embedded, unit(np.concatenate(vectors))),
        photo_vectors=unit(np.concatenate(photo_vectors)),
        titled_vectors=unit(np.concatenate(titled_vectors)),
        heads={name: np.concatenate(p) for name, p in heads.items()},
    )
