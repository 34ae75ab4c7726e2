"""`tagger map`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tagger.cli._command_line import command_line
from tagger.cli._extras import needs_extra
from tagger.cli._progress import progress_bar

if TYPE_CHECKING:
    from tagger.maps.layout import LayoutName


@click.command("map", context_settings={"show_default": True})
@click.option(
    "--index", "place", required=True, metavar="INDEX",
    help="Index that `tagger index` wrote: a folder, or postgresql://USER@HOST/DATABASE.",
)  # fmt: skip
@click.option(
    "--by", metavar="ATTRIBUTE", show_default=False, help="Attribute to colour by. Default: the first of the index."
)
@click.option(
    "--method", type=click.Choice(["tsne", "opentsne", "umap", "pca"]), default="tsne",
    help="How products are laid out; tsne: scikit-learn's; opentsne: the same, several times as fast.",
)  # fmt: skip
@click.option(
    "--products", type=click.IntRange(5, 200_000), default=50_000,
    help="Of an index with more products, so many are drawn by chance.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Of whatever is drawn by chance.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Folder to write.")
def command(place: str, by: str | None, method: LayoutName, products: int, seed: int, out: Path) -> None:
    """Draw the products of an index as a map on which alike ones are close together.

    Writes a picture and one HTML page, which opens from disk: zoom, colour by any attribute, photo, title and labels
    under the pointer. Says which classes are tight, and which are mixed up with others.
    """
    from tagger.search.places import open_index

    with needs_extra("report", "to draw maps"):
        from tagger.maps.clusters import name_mixed, name_tight
        from tagger.maps.products import check_attribute, draw_products
        from tagger.maps.write import check_map_folder, write_map
    check_map_folder(out)
    index = open_index(place)
    drawn = draw_products(index, products, seed)
    by = check_attribute(drawn, by)
    with progress_bar() as progress:
        done = write_map(drawn, by, method, out, seed=seed, command=command_line(place, index.place), progress=progress)
    if done.clusters:
        click.echo(f"Tightest {by}: {name_tight(done.clusters)}")
        click.echo(f"Mixed {by}: {name_mixed(done.clusters)}")
    if done.missing:
        click.echo(f"{done.missing:,} photo(s) can't be read; grey boxes stand for them.", err=True)
    click.echo(f"Map: {out / 'map.html'} ({done.products:,} products)")
