"""`tagger check`."""

from __future__ import annotations

from pathlib import Path

import click

from tagger.cli._extras import needs_extra
from tagger.cli._options import config_option, set_option
from tagger.cli._progress import progress_bar

_MOST_LABELS = 12


@click.command("check")
@click.argument("catalog", type=click.Path(path_type=Path), metavar="CATALOG")
@config_option
@set_option
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write report.md and check.json there.")
@click.option(
    "--split", "split_file", type=click.Path(path_type=Path), metavar="FILE", help="Split to check (id,part)."
)
def command(
    catalog: Path, config_file: Path | None, overrides: tuple[str, ...], out: Path | None, split_file: Path | None
) -> None:
    """Report what CATALOG holds and what is wrong with it: labels, flags, photos, near-duplicates, split.

    Findings are no failure: the exit code is 0 as long as the catalog can be read.
    """
    from tagger.config import load_config

    with needs_extra("report", "to check a catalog"):
        from tagger.catalog.check import check_catalog
        from tagger.catalog.check_text import render_check, write_check

    config = load_config(config_file, overrides)
    with progress_bar() as progress:
        report = check_catalog(catalog, config, split_file=split_file, progress=progress)
    click.echo(render_check(report, _MOST_LABELS), nl=False)
    if out is not None:
        text, data = write_check(report, out)
        click.echo(f"Written: {text} and {data}", err=True)
