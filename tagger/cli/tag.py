"""`tagger tag`."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from tagger.catalog.read import for_inputs
from tagger.cli._options import (
    EXIT_SOME_FAILED,
    STDIN,
    catalog_set_option,
    config_option,
    engine_options,
    inputs_option,
    model_option,
    settings_beside,
    target_precision_option,
)
from tagger.cli._progress import progress_bar
from tagger.config import CatalogConfig, EngineName, EnginePrecision, load_config
from tagger.files import atomic_file
from tagger.inference.fusion import Inputs
from tagger.inference.sources import find_sources, is_catalog, listed_photos, trained_settings, trained_title_column
from tagger.inference.tagger import Tagger
from tagger.inference.tags import Photo, Tagged
from tagger.inference.writers import CsvWriter, TagWriter, check_output, open_writer
from tagger.progress import silent

#: Longer labels, such as many at once, push what follows to the right.
_LABEL_WIDTH = 30


@click.command("tag", context_settings={"show_default": True})
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO|FOLDER|CATALOG...")
@model_option
@click.option(
    "--top-k", type=click.IntRange(1, 100), default=3, help="Labels an attribute, in the table and in .jsonl."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE",
    help="Write .csv, .jsonl or .parquet there. Default: a table for one photo, else CSV on stdout.",
)  # fmt: skip
@target_precision_option
@inputs_option
@engine_options
@config_option
@catalog_set_option
def command(
    photos: tuple[str, ...],
    model: Path,
    top_k: int,
    out: Path | None,
    target_precision: float | None,
    inputs: Inputs,
    engine: EngineName | None,
    engine_precision: EnginePrecision | None,
    config_file: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Tag photos, all photos of folders, or the products of catalogs. "-" reads paths from stdin, one a line.

    A tag that is not sure enough is marked: its column "_needs_review" is true. So are all tags of a photo that is like
    nothing in the catalog; the column "not_a_product" says which.

    A photo that can't be used fills the column "error" and does not stop the others; the exit code then is 3. Its
    product is tagged by its title where that is known. Ids, photos and titles of a catalog are looked for as in
    training; --config and --set say otherwise in the section `catalog`, and how large photos may be.
    """
    if out is not None:
        check_output(out)
    load_config(config_file, overrides)  # mistakes show before the model is opened
    tagger = Tagger.open(model, engine, engine_precision, target_precision)
    settings = settings_beside(trained_settings(tagger.bundle), config_file, overrides)
    tagger = tagger.with_limits(settings.photo)
    found = _find_photos(photos, for_inputs(settings.catalog, inputs), trained_title_column(tagger.bundle))
    as_table = out is None and _is_photo(photos)
    # Other formats have no place for runners-up and other heads, and ranking them takes time.
    detailed = as_table or (out is not None and out.suffix.lower() == ".jsonl")
    results = tagger.run(found, top_k=top_k if detailed else 1, other_heads=detailed, inputs=inputs)
    if as_table:
        failed = _print_table(next(results))
    else:
        failed = _write(results, out, list(tagger.bundle.label_space.attributes))
    if failed:
        sys.exit(EXIT_SOME_FAILED)


def _find_photos(arguments: tuple[str, ...], catalog: CatalogConfig, title_column: str) -> Iterator[Photo]:
    sources = [
        _listed() if argument == STDIN else find_sources([argument], catalog, title_column) for argument in arguments
    ]
    return itertools.chain.from_iterable(sources)


def _listed() -> Iterator[Photo]:
    return listed_photos(sys.stdin)


def _is_photo(arguments: tuple[str, ...]) -> bool:
    """Whether one photo is asked for by its name, so that a person, not a program, reads the answer."""
    path = Path(arguments[0])
    return len(arguments) == 1 and arguments[0] != STDIN and path.is_file() and not is_catalog(path)


def _write(results: Iterable[Tagged], out: Path | None, attributes: list[str]) -> int:
    """Write all results; returns how many photos failed."""
    failed = done = by_title = 0
    # A bar would run through the rows where both go to one terminal.
    bar = contextlib.nullcontext(silent) if out is None and sys.stdout.isatty() else progress_bar()
    with _writer(out, attributes) as writer, bar as progress:
        for done, tagged in enumerate(results, start=1):
            writer.write(tagged)
            failed += bool(tagged.error)
            by_title += bool(tagged.error and tagged.inputs)
            progress(done, None, "photos tagged")
    if out is not None:
        click.echo(f"Tags: {out} ({done:,} photos)", err=True)
    if failed:
        click.echo(f"{failed:,} of {done:,} photos could not be tagged; the column error says why.", err=True)
        if by_title:
            click.echo(f"{by_title:,} of these products were tagged by their titles alone.", err=True)
    return failed


@contextlib.contextmanager
def _writer(out: Path | None, attributes: list[str]) -> Iterator[TagWriter]:
    """A writer to stdout, or to a file that takes its final name only when it is whole."""
    if out is None:
        yield CsvWriter(sys.stdout, attributes)
        return
    with (
        atomic_file(out) as temporary,
        contextlib.closing(open_writer(temporary, out.suffix.lower(), attributes)) as writer,
    ):
        yield writer


def _print_table(tagged: Tagged) -> int:
    """Print the tags of one photo, a line an attribute; returns how many photos failed: 0 or 1."""
    if tagged.error:
        click.echo(f"Error: {tagged.error}", err=True)
        return 1
    labels = {name: tag.label or "(none)" for name, tag in tagged.tags.items()}
    name_width = max(map(len, [*tagged.tags, *tagged.heads]))
    label_width = max((len(label) for label in labels.values() if len(label) <= _LABEL_WIDTH), default=0)
    click.echo(tagged.image)
    if tagged.not_a_product:
        click.echo("  This looks like no product of the catalog: all tags need review.")
    for name, tag in tagged.tags.items():
        others = ", ".join(f"{label} {p:.2f}" for label, p in tag.runners_up)
        review = "  needs review" if tag.needs_review else ""
        row = f"  {name:<{name_width}}  {tag.confidence:.2f}  {labels[name]:<{label_width}}  {others}{review}"
        click.echo(row.rstrip())
    for name, head in tagged.heads.items():
        click.echo(f"  {name:<{name_width}}        " + ", ".join(f"{label} {p:.2f}" for label, p in head.items()))
    return 0
