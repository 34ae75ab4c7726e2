"""`tagger index`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tagger.cli._listing import list_first
from tagger.cli._options import (
    EXIT_SOME_FAILED,
    STDIN,
    catalog_set_option,
    config_option,
    engine_options,
    model_option,
    settings_beside,
)
from tagger.cli._progress import progress_bar

if TYPE_CHECKING:
    from tagger.bundle import Bundle
    from tagger.config import Config, EngineName, EnginePrecision
    from tagger.search.gallery import Gallery
    from tagger.search.product_index import ProductIndex

_SHOWN = 5


@click.command("index")
@click.argument("catalog", required=False, type=click.Path(path_type=Path), metavar="[CATALOG|FOLDER]")
@model_option
@click.option(
    "--out",
    "--index",
    "place",
    required=True,
    metavar="INDEX",
    help="Index folder to write or, with --add, to change; or postgresql://USER@HOST/DATABASE.",
)
@click.option("--add", is_flag=True, help="Add the products to the index; those with an id that it has are replaced.")
@click.option(
    "--remove", multiple=True, metavar="ID", help='Remove this product from the index; "-" reads ids from stdin.'
)
@click.option(
    "--ann/--no-ann", default=None,
    help="Build an approximate index (HNSW), too, and measure its recall. Default: beyond a million products.",
)  # fmt: skip
@engine_options
@config_option
@catalog_set_option
def command(
    catalog: Path | None,
    model: Path,
    place: str,
    add: bool,
    remove: tuple[str, ...],
    ann: bool | None,
    engine: EngineName | None,
    engine_precision: EnginePrecision | None,
    config_file: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Embed the photos of a catalog or a folder, so that `tagger similar` finds products among them.

    Where a product has a name that the bundle can read, its embedding tells what photo and name say together.

    An index that is there is replaced, or changed with --add and --remove: while one process changes it, others wait
    for their turn, and who searches sees it as it was before or after.

    Columns are those that the bundle was trained with; --config and --set change the section `catalog`, and how large
    photos may be. Labels that the catalog lacks are predicted. Products without a photo are left out. Photos that can't
    be used are left out as well, and the exit code then is 3.
    """
    if remove and (catalog or add):
        raise click.UsageError("Remove products and add others in two commands: --remove takes no CATALOG.")
    if remove:
        sys.exit(_remove(place, remove))
    if catalog is None:
        raise click.UsageError("Say which CATALOG or FOLDER to index, or which products to --remove.")
    if add and ann is not None:
        raise click.UsageError("--ann and --no-ann hold for a whole index: make it again without --add.")
    from tagger.catalog.read import read_products, warn_of_dropped
    from tagger.inference import Tagger
    from tagger.search.gallery import add_catalog, index_catalog
    from tagger.search.places import open_index

    index = open_index(place) if add else None
    tagger = Tagger.open(model, engine, engine_precision)
    settings = _settings(tagger.bundle, config_file, overrides)
    tagger = tagger.with_limits(settings.photo)
    products = read_products(catalog, settings.catalog)
    warn_of_dropped(products)
    with progress_bar() as progress:
        if index is None:
            gallery = index_catalog(products, tagger, place, progress, ann=ann)
        else:
            gallery = add_catalog(products, tagger, index, progress)
    if add:
        click.echo(f"Added {gallery.change.added:,} product(s), replaced {gallery.change.updated:,}")
    _say(gallery.index)
    sys.exit(_report(gallery))


def _say(index: ProductIndex) -> None:
    click.echo(f"Index: {index.place} ({len(index):,} products, {index.dimensions} dimensions)")
    if index.recall is not None:
        click.echo(
            f"Approximate index: finds {index.recall:.1%} of the ten nearest products that an exact search finds"
        )


def _report(gallery: Gallery) -> int:
    """Say which products are not in the index; returns the exit code."""
    if gallery.without_photo:
        shown = ", ".join(gallery.without_photo[:_SHOWN]) + ", …" * (len(gallery.without_photo) > _SHOWN)
        click.echo(f"{len(gallery.without_photo):,} product(s) have no photo and are left out: {shown}", err=True)
    if not gallery.problems:
        return 0
    click.echo(f"{len(gallery.problems):,} photo(s) can't be used; their products are left out:", err=True)
    list_first((f"{id_}: {reason}" for id_, reason in gallery.problems.items()), len(gallery.problems))
    return EXIT_SOME_FAILED


def _remove(place: str, asked: tuple[str, ...]) -> int:
    """Remove products; returns the exit code."""
    from tagger.search.places import open_index

    lines = (line.rstrip("\r\n") for line in sys.stdin) if STDIN in asked else ()
    ids = [*(id_ for id_ in asked if id_ != STDIN), *(line for line in lines if line)]
    index = open_index(place)
    removed = set(index.remove(ids))
    unknown = [id_ for id_ in dict.fromkeys(ids) if id_ not in removed]
    click.echo(f"Removed {len(removed):,} product(s)")
    _say(index)
    if not unknown:
        return 0
    click.echo(f"{len(unknown):,} id(s) are not in the index:", err=True)
    list_first((f'There is no product "{id_}".{index.hint(id_)}' for id_ in unknown), len(unknown))
    return EXIT_SOME_FAILED


def _settings(bundle: Bundle, config_file: Path | None, overrides: tuple[str, ...]) -> Config:
    """The settings asked for, or else those of training, but for the layout: a folder of photos is welcome, too."""
    if not config_file:
        overrides = ("catalog.layout=auto", *overrides)
    return settings_beside(bundle.config, config_file, overrides)
