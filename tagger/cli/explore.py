"""`tagger explore`."""

from __future__ import annotations

from pathlib import Path

import click

from tagger.cli._command_line import command_line
from tagger.cli._extras import needs_extra
from tagger.cli._options import config_option, set_option
from tagger.cli._progress import progress_bar


@click.command("explore", context_settings={"show_default": True})
@click.argument("catalog", type=click.Path(path_type=Path), metavar="CATALOG")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", default="catalog.html", help="Page to write.")
@config_option
@set_option
def command(catalog: Path, out: Path, config_file: Path | None, overrides: tuple[str, ...]) -> None:
    """Show CATALOG as one HTML page: classes with photos, imbalance, gaps, what goes together, near-duplicates.

    The page holds all that it shows and opens from disk, without a network. Rare labels stay in, whatever
    the settings say of them.
    """
    from tagger.config import load_config

    with needs_extra("report", "to explore a catalog"):
        from tagger.report.explore import explore_catalog
        from tagger.report.explore_page import explore_page
        from tagger.report.page import check_page_file, write_page

    config = load_config(config_file, overrides)
    check_page_file(out)
    with progress_bar() as progress:
        exploration = explore_catalog(catalog, config, progress)
        page = explore_page(exploration, command_line(), progress)
    write_page(page, out)
    click.echo(f"Page: {out}")
