"""Where photos to tag come from: files, folders, catalogs, or a list of paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path

from tagger.bundle import Bundle
from tagger.catalog.fashion import is_fashion
from tagger.catalog.photos import find_photos
from tagger.catalog.read import read_products, warn_of_dropped
from tagger.catalog.table import IMAGE, TITLE
from tagger.catalog.tabular import SUFFIXES
from tagger.config import CatalogConfig, Config
from tagger.errors import CatalogError
from tagger.inference.tags import Photo


def trained_settings(bundle: Bundle) -> Config:
    """Where the catalog that a bundle was trained on had its ids and photos, and how large these could be."""
    trained = bundle.config.catalog
    columns = {name: column for name, column in trained.columns.items() if name in ("id", IMAGE)}
    return Config(catalog=CatalogConfig(columns=columns, image_folder=trained.image_folder), photo=bundle.photo)


def trained_title_column(bundle: Bundle) -> str:
    """What that catalog called its titles."""
    return bundle.config.catalog.columns.get(TITLE, TITLE)


def find_sources(
    paths: Iterable[Path | str], catalog: CatalogConfig | None = None, title_column: str = TITLE
) -> Iterator[Photo]:
    """The photos of each path in turn: a photo, all photos of a folder, or the products of a catalog.

    Ids are product ids in a catalog and file stems elsewhere; titles are those of a catalog. All paths are looked at
    before the first photo is given, so that a mistake does not show after hours of work; folders are walked as the
    photos are asked for. Rows of a catalog that can't be used, such as those without an id, are left out and logged.

    Args:
        paths: photos, folders and catalogs.
        catalog: where a catalog has what.
        title_column: what else a table may call its titles, where `catalog` doesn't say.

    Raises:
        CatalogError: a path does not exist, a folder holds no photo, or a catalog can't be read.
    """
    return chain.from_iterable([_source(Path(path), catalog or CatalogConfig(), title_column) for path in paths])


def listed_photos(lines: Iterable[str]) -> Iterator[Photo]:
    """Yield the photos that a list names, one path a line; empty lines are passed over.

    Raises:
        CatalogError: no line names a photo.
    """
    named = False
    for line in lines:
        if path := line.rstrip("\r\n"):
            named = True
            yield Photo(Path(path).stem, path)
    if not named:
        raise CatalogError("The list of photos is empty. Expected one path a line.")


def is_catalog(path: Path) -> bool:
    """Whether a path is a table of products, or a folder with one in the fashion layout."""
    return is_fashion(path) or (path.suffix.lower() in SUFFIXES and path.is_file())


def _source(path: Path, catalog: CatalogConfig, title_column: str) -> Iterator[Photo]:
    if is_catalog(path):
        products = read_products(path, catalog, records=False)
        warn_of_dropped(products)
        titles = products.columns.get(TITLE) or products.columns.get(title_column) or repeat("")
        return map(Photo, products.ids, products.columns[IMAGE], titles)
    if path.is_dir():
        return _folder_photos(path)
    if path.exists():
        return iter([Photo(path.stem, str(path))])
    raise CatalogError(f"There is no photo, folder or catalog {path}. Check the path.")


def _folder_photos(folder: Path) -> Iterator[Photo]:
    paths = find_photos(folder)
    first = next(paths, None)
    if first is None:
        raise CatalogError(f"The folder {folder} holds no photo. Expected .jpg, .png, .webp, .bmp, .gif or .tif files.")
    return (Photo(path.stem, str(path)) for path in chain([first], paths))
