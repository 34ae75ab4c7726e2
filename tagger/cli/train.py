"""`tagger train`."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tagger.cli._backend import settle_backend
from tagger.cli._command_line import command_line
from tagger.cli._extras import needs_extra
from tagger.cli._options import config_option, set_option
from tagger.cli._progress import progress_bar
from tagger.cli._quiet import without_startup_notes


@click.command("train", context_settings={"show_default": True})
@config_option
@set_option
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), metavar="CATALOG", help="Catalog to learn from."
)
@click.option(
    "--from", "start", type=click.Path(path_type=Path), metavar="BUNDLE|NAME",
    help="Start from the weights of a bundle, or of a model that `tagger models` lists, instead of from scratch.",
)  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="RUN", help="Run folder to write.")
@click.option("--split", "split_file", type=click.Path(path_type=Path), metavar="FILE", help="Split to use (id,part).")
@click.option("--resume", is_flag=True, help="Go on with the run in --out after its last whole epoch.")
def command(
    config_file: Path | None,
    overrides: tuple[str, ...],
    data: Path,
    start: Path | None,
    out: Path,
    split_file: Path | None,
    resume: bool,
) -> None:
    """Train a network on a catalog; ends with a bundle in RUN/bundle.

    With --from a few hundred photos are enough, and their labels may be others: trunk and embedding start with the
    weights of the bundle, and so does what a head says of labels that the bundle knows. Photo size and network are then
    those of the bundle, and the schedule is one for few photos, unless --config or --set say otherwise.

    After a kill or Ctrl-C, the same command with --resume goes on as if nothing had happened.
    """
    from tagger.config import load_config

    config = load_config(config_file, overrides, _start_settings(start) if start else None)
    settle_backend()
    with needs_extra("train", "to train"), without_startup_notes():
        from tagger.training.run import train
        from tagger.training.run_folder import holds_run
    try:
        with _log_to(out), progress_bar() as progress:
            bundle = train(
                config, data, out, start=start, split_file=split_file, command=command_line(), resume=resume,
                progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        if holds_run(out):
            click.echo("To go on after the last whole epoch, give the same command with --resume.", err=True)
        raise
    click.echo(bundle)


def _start_settings(model: Path) -> dict[str, Any]:
    from tagger.bundle import Bundle
    from tagger.training.start import start_settings

    return start_settings(Bundle.open(model))


@contextlib.contextmanager
def _log_to(out: Path) -> Iterator[None]:
    """Show what the run says on stderr, beside the progress bar, and keep it in the run folder."""
    from tqdm.contrib.logging import logging_redirect_tqdm

    from tagger.files import make_folder

    made = not out.exists()
    make_folder(out)
    logger = logging.getLogger("tagger")
    level, propagate = logger.level, logger.propagate
    handlers: list[logging.Handler] = [
        logging.StreamHandler(sys.stderr),
        logging.FileHandler(out / "train.log", encoding="utf-8", delay=True),
    ]
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", datefmt="%H:%M:%S"))
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        with logging_redirect_tqdm([logger]):
            yield
    finally:
        logger.setLevel(level)
        logger.propagate = propagate
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()
        if made:
            with contextlib.suppress(OSError):
                out.rmdir()  # fails on all but an empty folder: one that a run refused at once would leave behind
