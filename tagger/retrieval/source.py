"""Read the products to measure on: labels and texts of a catalog, embeddings of an index or a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tagger.catalog.cache import open_cache
from tagger.catalog.table import IMAGE, TITLE, Catalog
from tagger.errors import CatalogError, IndexFolderError, SplitError, did_you_mean
from tagger.inference.tags import Photo
from tagger.labels import output_name
from tagger.progress import Progress, silent
from tagger.report.select import select_products
from tagger.retrieval.collection import Collection, Rows, Text
from tagger.retrieval.evaluate import Parts
from tagger.retrieval.method import Need
from tagger.retrieval.ranking import unit
from tagger.search.items import Item
from tagger.search.product_index import ProductIndex

if TYPE_CHECKING:
    from tagger.inference import Tagger

_DESCRIPTION = "description"
_VALIDATION = "validation"
_EMBEDDING = "embedding"


def indexed_products(index: ProductIndex) -> tuple[list[Item], NDArray[np.float32]]:
    """Everything that an index holds: its products, and their unit vectors, float32 (N, D).

    Raises:
        IndexFolderError: it is empty, or a vector holds NaN or is not of length 1 (or 0).
    """
    blocks = list(index.scan())
    if not blocks:
        raise IndexFolderError(f"The index {index.place} is empty. Add products with `tagger index … --add`.")
    vectors = np.concatenate([block for _, block in blocks])
    squares = np.vecdot(vectors, vectors)
    if not ((np.abs(squares - 1) < 0.01) | (squares == 0)).all():
        raise IndexFolderError(
            f"The index {index.place} holds vectors that are not of length 1, or NaN. Make it again with "
            "`tagger index`."
        )
    return [item for items, _ in blocks for item in items], vectors


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
        ids, vectors, heads = _embed(catalog, tagger, progress)
    else:
        ids, vectors = _indexed(index, catalog)
        heads = {}
        if "heads" in needs:
            seen, _, said = _embed(catalog, tagger, progress)
            place = {id_: row for row, id_ in enumerate(seen)}
            kept = [row for row, id_ in enumerate(ids) if id_ in place]
            ids, vectors = [ids[row] for row in kept], vectors[kept]
            heads = {name: p[[place[id_] for id_ in ids]] for name, p in said.items()}
    pixels, pixel_rows = None, None
    if "photos" in needs:
        cache = open_cache(catalog, tagger.bundle.photo, progress=progress)
        readable = [row for row, id_ in enumerate(ids) if id_ in cache.rows]
        ids, vectors = [ids[row] for row in readable], vectors[readable]
        heads = {name: p[readable] for name, p in heads.items()}
        pixels, pixel_rows = cache.pixels, cache.select(ids)
    table = catalog.table.loc[ids]
    texts = [table[name] if name in table.columns else [""] * len(ids) for name in (TITLE, _DESCRIPTION)]
    return Collection(
        ids=ids,
        labels={name: table[name].to_numpy(dtype=object) for name in attributes},
        vectors=vectors,
        texts=list(map(Text, *texts)),
        heads=heads,
        pixels=pixels,
        pixel_rows=pixel_rows,
    )


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


def _indexed(index: ProductIndex, catalog: Catalog) -> tuple[list[str], NDArray[np.float32]]:
    """Ids and vectors of the products of the catalog that an index has."""
    items, vectors = indexed_products(index)
    known = set(catalog.table.index)
    rows = sorted((row for row, item in enumerate(items) if item.id in known), key=lambda row: items[row].id)
    if not rows:
        raise CatalogError(
            f"The index {index.place} holds none of the {len(known):,} products of {catalog.root}. "
            "Give the catalog that it was made of."
        )
    return [items[row].id for row in rows], vectors[rows]


def _embed(
    catalog: Catalog, tagger: Tagger, progress: Progress
) -> tuple[list[str], NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """Ids, unit vectors and probabilities of the primary heads of all products whose photo can be used."""
    images = catalog.table[IMAGE]
    photos = sorted(Photo(str(id_), path) for id_, path in zip(catalog.table.index, images, strict=True) if path)
    outputs = {name: output_name(a, a.primary) for name, a in tagger.bundle.label_space.attributes.items()}
    ids: list[str] = []
    vectors: list[NDArray[np.float32]] = []
    heads: dict[str, list[NDArray[np.float32]]] = {name: [] for name in outputs}
    done = 0
    for batch in tagger.score(photos, inputs="image"):
        ids += [photo.id for photo, used in zip(batch.photos, batch.inputs, strict=True) if used]
        vectors.append(batch.scores[_EMBEDDING])
        for name, output in outputs.items():
            heads[name].append(batch.scores[output])
        done += len(batch.photos)
        progress(done, len(photos), "photos embedded")
    if not ids:
        raise CatalogError(f"None of the {len(photos):,} photos of {catalog.root} can be used. Check its photos.")
    return ids, unit(np.concatenate(vectors)), {name: np.concatenate(p) for name, p in heads.items()}
