"""The map as one HTML page, with the photos inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.maps.clusters import Cluster, name_mixed, name_tight
from tagger.maps.colours import OTHERS, make_legend
from tagger.maps.names import densest_places
from tagger.maps.products import MappedProducts
from tagger.maps.sprites import Sprites
from tagger.report.page import Column, Note, Page, Plot, PointMap, Section, Table, Value

#: Places are written as whole numbers from 0 to this.
_FINEST = 65_535
_METHODS = {
    "pca": "the two directions of most variance (PCA)",
    "tsne": "t-SNE: neighbours are close together, distances across the map mean nothing",
    "opentsne": "t-SNE: neighbours are close together, distances across the map mean nothing",
    "umap": "UMAP: neighbours are close together, distances across the map mean little",
}


def map_page(
    products: MappedProducts,
    places: NDArray[np.float32],
    by: str,
    method: str,
    sprites: Sprites,
    clusters: Mapping[str, list[Cluster]],
    scree: bytes,
    command: str,
) -> Page:
    """Put the page together.

    Args:
        products: N products.
        places: of them on the plane, float32 (N, 2).
        by: the attribute that the dots are coloured by first.
        method: that placed them.
        sprites: their photos.
        clusters: classes of each attribute, the tightest first.
        scree: a PNG file.
        command: for the foot of the page.
    """
    lead = f"{len(products):,} products by {_METHODS[method]}."
    if products.total > len(products):
        lead += f" Drawn by chance from {products.total:,}."
    caption = (
        "Drag to move, turn the wheel or pinch to zoom, click classes to see them alone. "
        "* marks a label that was predicted, not from the catalog. "
        + (f"{sprites.missing:,} photo(s) can't be read." if sprites.missing else "")
    )
    dots = PointMap(
        map_data(products, places, sprites), products.attributes, by, f"Map of {len(products):,} products", caption
    )
    tables = [_table(name, found) for name, found in clusters.items() if found]
    tight = Note(
        "The silhouette of a class is near 1 where its products are alike and unlike all others, and below 0 where "
        "they are closer to those of another class, which is named beside it. Embeddings are compared, not places on "
        "the map.",
        [f"{name}: tightest: {name_tight(c)}; mixed up: {name_mixed(c)}." for name, c in clusters.items() if c],
    )
    return Page(
        "Map of products",
        [
            Section("Map", [dots]),
            Section("Tight and mixed classes", [tight, *tables]),
            Section("Variance", [Plot(scree, "Scree plot: share of the variance in each principal component")]),
        ],
        lead,
        command,
    )


def map_data(products: MappedProducts, places: NDArray[np.float32], sprites: Sprites) -> dict[str, Any]:
    """What `assets/map.js` draws.

    Places of products (N, 2) and of the names of classes (C, 2) and codes of labels (N,) are base64 of uint16.
    """
    low, high = places.min(axis=0), places.max(axis=0)
    extent = max(float((high - low).max()), 1e-9)
    shares = (places - (low + high) / 2) / extent + 0.5
    attributes = []
    for name in products.attributes:
        labels = products.labels(name)
        legend = make_legend(labels)
        kept = legend.labels[:_FINEST]
        row = {label: at for at, label in enumerate(kept)}
        codes = np.array([row.get(label, len(kept) - 1) for label in labels])
        named = densest_places(shares, codes, len(kept))
        attributes.append(
            {
                "name": name,
                "labels": kept,
                "counts": legend.counts[:_FINEST],
                "colours": legend.colours,
                "codes": _base64(codes),
                "named": _base64(np.clip(np.round(named * _FINEST), 0, _FINEST)),
                "predicted": "".join("1" if name in item.predicted else "0" for item in products.items),
            }
        )
    return {
        "places": _base64(np.clip(np.round(shares * _FINEST), 0, _FINEST)),
        "ids": [_plain(item.id) for item in products.items],
        "titles": [_plain(item.title) for item in products.items],
        "attributes": attributes,
        "others": OTHERS,
        "sprites": {
            "sheets": sprites.sheets,
            "width": sprites.width,
            "height": sprites.height,
            "across": sprites.across,
        },
    }


def _table(attribute: str, clusters: list[Cluster]) -> Table:
    columns = [
        Column(attribute),
        Column("silhouette", "number", 3),
        Column("nearest class"),
        Column("products", "number"),
    ]
    rows: list[list[Value]] = [[c.label, c.silhouette, c.mixed_with, c.products] for c in clusters]
    return Table(f"{attribute}, the tightest class first", columns, rows)


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(values.astype("<u2").tobytes()).decode("ascii")


def _plain(text: str) -> str:
    """The text without what is no Unicode."""
    return text.encode("utf-8", "replace").decode("utf-8")
