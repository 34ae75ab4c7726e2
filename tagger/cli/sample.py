"""`tagger sample`."""

from __future__ import annotations

from pathlib import Path

import click

from tagger.cli._progress import progress_bar


@click.command("sample")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--products", type=click.IntRange(min=1), default=600, show_default=True, help="How many to draw.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, other products.")
def command(folder: Path, products: int, seed: int) -> None:
    """Draw a small catalog into DIR, to try everything without a download.

    DIR gets the layout of Kaggle's Fashion Product Images: styles.csv, images/ID.jpg, styles/ID.json.
    """
    from tagger.catalog.sample import draw_sample

    with progress_bar() as progress:
        draw_sample(folder, products, seed, progress)
    click.echo(f"{products:,} products drawn: {folder}")
