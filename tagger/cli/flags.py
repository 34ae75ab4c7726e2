"""`tagger flags`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click

from tagger.cli._backend import settle_backend
from tagger.cli._extras import needs_extra
from tagger.cli._options import catalog_set_option, config_option, model_option, set_option
from tagger.cli._progress import progress_bar
from tagger.cli._quiet import without_startup_notes


@click.group("flags")
def command() -> None:
    """Predict flags such as isFragile from metadata: categories, brand, price, title and description."""


@command.command("train")
@click.argument("catalog", type=click.Path(path_type=Path), metavar="CATALOG")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder to write.")
@config_option
@set_option
@click.option("--split", "split_file", type=click.Path(path_type=Path), metavar="FILE", help="Split to use (id,part).")
def train(
    catalog: Path, out: Path, config_file: Path | None, overrides: tuple[str, ...], split_file: Path | None
) -> None:
    """Train a network on the flags of CATALOG and print how good it is beside a look-up."""
    from tagger.config import load_config

    with needs_extra("train", "to train flags"):
        from tagger.flags.report import render_markdown
        from tagger.flags.run import train_on_catalog
    config = load_config(config_file, overrides)
    settle_backend()
    with without_startup_notes(), contextlib.suppress(ImportError):  # what is missing is said where it is needed
        import tagger.flags.network  # noqa: F401
    with progress_bar() as progress:
        report = train_on_catalog(catalog, config, out, split_file, progress)
    click.echo(render_markdown(report), nl=False)
    click.echo(f"Written: {out}", err=True)


@command.command("predict")
@click.argument("catalog", type=click.Path(path_type=Path), metavar="CATALOG")
@model_option
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write CSV there instead of to stdout.")
@config_option
@catalog_set_option
def predict(catalog: Path, model: Path, out: Path | None, config_file: Path | None, overrides: tuple[str, ...]) -> None:
    """Predict the flags of the products in CATALOG, as CSV: id, and for each flag its value and probability of "true".

    Flags that CATALOG has already are not looked at, and columns that it lacks count as missing values.
    """
    from tagger.catalog.read import read_catalog, warn_of_dropped
    from tagger.config import load_config
    from tagger.files import atomic_file

    with needs_extra("report", "to predict flags"):
        from tagger.flags.predictor import FlagPredictor
    predictor = FlagPredictor.open(model)
    products = read_catalog(catalog, load_config(config_file, overrides).catalog)
    warn_of_dropped(products)
    found = predictor.predict(products.table)
    names = [flag.name for flag in predictor.flags]
    found = found.assign(**{name: found[name].map({True: "true", False: "false"}) for name in names})
    if out is None:
        found.to_csv(sys.stdout, float_format="%.6f")
    else:
        with atomic_file(out) as temporary:
            found.to_csv(temporary, float_format="%.6f")
        click.echo(f"Written: {out} ({len(found):,} products)", err=True)
