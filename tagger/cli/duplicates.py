"""`tagger duplicates`."""

from __future__ import annotations

from pathlib import Path

import click

from tagger.cli._extras import needs_extra
from tagger.cli._listing import list_first
from tagger.cli._options import NumberRange, config_option, set_option
from tagger.cli._progress import progress_bar

#: As `tagger.search.duplicates` has it, written out so that help comes at once.
_MAX_DIFFERENCE = 4.0


@click.command("duplicates", context_settings={"show_default": True})
@click.argument("catalog", type=click.Path(path_type=Path), metavar="CATALOG|FOLDER")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="CSV to write.")
@click.option("--contact-sheet", type=click.Path(path_type=Path), metavar="PNG", help="Draw the groups into this file.")
@click.option(
    "--max-difference", type=NumberRange(0, 255), default=_MAX_DIFFERENCE, metavar="LEVELS",
    help="What two photos may differ by anywhere, in levels of colour; more finds more, and more that is not the same.",
)  # fmt: skip
@config_option
@set_option
def command(
    catalog: Path,
    out: Path,
    contact_sheet: Path | None,
    max_difference: float,
    config_file: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Find products that are listed twice: groups whose photos are the same but for how they were saved.

    The CSV has a row for every product of a group, with what the catalog says of it: whether it is the same product, or
    one in another size or shade that was photographed once, is for a person to decide.
    """
    with needs_extra("report", "to find duplicates"):
        import pandas  # noqa: F401

        from tagger.search.duplicates import find_duplicates, write_listings
    from tagger.catalog.cache import open_cache
    from tagger.catalog.read import read_catalog, warn_of_dropped
    from tagger.config import load_config

    config = load_config(config_file, overrides)
    products = read_catalog(catalog, config.catalog)
    warn_of_dropped(products)
    with progress_bar() as progress:
        cache = open_cache(products, config.photo, progress=progress)
    listings = find_duplicates(products, cache, max_difference)
    write_listings(listings, products, out)
    groups = listings[-1].group if listings else 0
    click.echo(f"Duplicates: {out} ({groups:,} group(s), {len(listings):,} products)")
    list_first((f"{id_}: {reason}" for id_, reason in cache.problems.items()), len(cache.problems))
    if contact_sheet:
        from tagger.search.group_sheet import write_group_sheet

        drawn = write_group_sheet(contact_sheet, listings, products)
        click.echo(f"Contact sheet: {contact_sheet} (the first {drawn:,} group(s))", err=True)
