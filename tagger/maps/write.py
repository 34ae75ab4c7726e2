"""Draw the map of an index into a folder."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

import numpy as np

from tagger.files import atomic_folder, check_replaceable
from tagger.maps.clusters import Cluster, find_clusters
from tagger.maps.colours import make_legend
from tagger.maps.layout import LayoutName, lay_out, variance_shares
from tagger.maps.page import map_page
from tagger.maps.pictures import draw_map, draw_scree
from tagger.maps.products import MappedProducts
from tagger.maps.sprites import make_sprites
from tagger.progress import Progress, silent
from tagger.report.page import write_page

_PAGE = "map.html"


@dataclass(frozen=True)
class DrawnMap:
    """What a map says.

    Args:
        by: the attribute that the picture is coloured by.
        products: how many are on it.
        clusters: classes of `by`, the tightest first.
        missing: photos that can't be read.
    """

    by: str
    products: int
    clusters: list[Cluster] = field(repr=False)
    missing: int


def check_map_folder(folder: Path | str) -> None:
    """Make sure that a map may take the place of what is there, before long work is done for it.

    Raises:
        OutputError: it is a file, or a folder with other things than a map.
    """
    check_replaceable(folder, lambda there: (there / _PAGE).is_file(), "a map")


def write_map(
    products: MappedProducts,
    by: str,
    method: LayoutName,
    folder: Path | str,
    *,
    seed: int = 0,
    command: str = "",
    progress: Progress = silent,
) -> DrawnMap:
    """Lay products out and write the map; an older one in the folder is replaced as a whole.

        map.png        the products as dots, coloured by one attribute
        map.html       the same to move about in, coloured by any attribute, with photos
        scree.png      how much of the variance the principal components hold
        clusters.csv   how tight each class of each attribute is
        places.csv     id and place of each product

    Args:
        products: of an index.
        by: an attribute of theirs.
        method: how they are laid out.
        folder: to write to; made where it is missing.
        seed: of what is drawn by chance.
        command: recorded on the page.
        progress: told how far it is.

    Raises:
        IndexFolderError: there are too few products.
        MissingDependencyError: the method's package is not installed.
        OutputError: the folder can't be written, or holds other things than a map.
    """
    check_map_folder(folder)
    progress(0, 3, "steps of the map")
    places = lay_out(products.vectors, method, seed)
    progress(1, 3, "steps of the map")
    clusters = {name: find_clusters(products.vectors, products.labels(name)) for name in products.attributes}
    progress(2, 3, "steps of the map")
    sprites = make_sprites([item.image for item in products.items], progress)
    labels = products.labels(by)
    legend = make_legend(labels)
    row = {label: at for at, label in enumerate(legend.labels)}
    codes = np.array([row[label] for label in labels], dtype=np.int64)
    with atomic_folder(folder) as temporary:
        draw_map(places, codes, legend, f"{len(products):,} products by {by} ({method})", temporary / "map.png")
        draw_scree(variance_shares(products.vectors), temporary / "scree.png")
        scree = (temporary / "scree.png").read_bytes()
        write_page(map_page(products, places, by, method, sprites, clusters, scree, command), temporary / _PAGE)
        judged = [(name, *astuple(cluster)) for name, found in clusters.items() for cluster in found]
        _write_csv(temporary / "clusters.csv", ["attribute", *(f.name for f in fields(Cluster))], judged)
        ids = [item.id for item in products.items]
        _write_csv(
            temporary / "places.csv", ["id", "x", "y"], zip(ids, *places.astype(np.float64).T.tolist(), strict=True)
        )
    return DrawnMap(by, len(products), clusters[by], sprites.missing)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow([f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row])
