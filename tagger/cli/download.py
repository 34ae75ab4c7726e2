"""`tagger download`."""

from __future__ import annotations

from pathlib import Path

import click

from tagger.catalog.download import DATASETS, download_catalog


@click.command(
    "download",
    epilog="\b\nCatalogs:\n" + "\n".join(f"  {name}: {what}" for name, (_, what) in DATASETS.items()),
)
@click.argument("name", metavar="NAME")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder to put it in. Default: kagglehub's cache.",
)
def command(name: str, out: Path | None) -> None:
    """Fetch a public catalog from Kaggle and print its folder."""
    click.echo(download_catalog(name, out))
