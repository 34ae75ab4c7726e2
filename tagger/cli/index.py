"""`tagger index`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tagger.cli._options import config_option, engine_options, model_option, set_option
from tagger.cli._progress import progress_bar

if TYPE_CHECKING:
    from tagger.bundle import Bundle
    from tagger.config import CatalogConfig, EngineName, EnginePrecision

#: Some products could not be indexed; the others were.
EXIT_SOME_FAILED = 3
_SHOWN = 5


@click.command("index")
@click.argument("catalog", type=click.Path(path_type=Path), metavar="CATALOG|FOLDER")
@model_option
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="INDEX", help="Index folder to write.")
@engine_options
@config_option
@set_option
def command(
    catalog: Path,
    model: Path,
    out: Path,
    engine: EngineName | None,
    engine_precision: EnginePrecision | None,
    config_file: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Embed the photos of a catalog or a folder, so that `tagger similar` finds products among them.

    Columns are those that the bundle was trained with; --config and --set change the section `catalog`. Labels that the
    catalog lacks are predicted. Products without a photo are left out. Photos that can't be used are left out as well,
    and the exit code then is 3.
    """
    from tagger.catalog.read import read_products
    from tagger.inference import Tagger
    from tagger.search.gallery import index_catalog

    tagger = Tagger.open(model, engine, engine_precision)
    products = read_products(catalog, _catalog_config(tagger.bundle, config_file, overrides))
    with progress_bar() as progress:
        gallery = index_catalog(products, tagger, out, progress)
    click.echo(f"Index: {out} ({len(gallery.index):,} products, {gallery.index.dimensions} dimensions)")
    if gallery.without_photo:
        shown = ", ".join(gallery.without_photo[:_SHOWN]) + ", …" * (len(gallery.without_photo) > _SHOWN)
        click.echo(f"{len(gallery.without_photo):,} product(s) have no photo and are left out: {shown}", err=True)
    if gallery.problems:
        click.echo(f"{len(gallery.problems):,} photo(s) can't be used; their products are left out:", err=True)
        for id_, reason in list(gallery.problems.items())[:_SHOWN]:
            click.echo(f"  {id_}: {reason}", err=True)
        sys.exit(EXIT_SOME_FAILED)


def _catalog_config(bundle: Bundle, config_file: Path | None, overrides: tuple[str, ...]) -> CatalogConfig:
    """The settings asked for, or else those of training, but for the layout: a folder of photos is welcome, too."""
    from tagger.config import load_config, override_config

    if config_file:
        return load_config(config_file, overrides).catalog
    return override_config(bundle.config, ["catalog.layout=auto", *overrides]).catalog
