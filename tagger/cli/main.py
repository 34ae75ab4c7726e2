"""The `tagger` command. A subcommand's module is imported only when it runs, so that help comes at once."""

from __future__ import annotations

import importlib
import io
import logging
import os
import signal
import sys

import click

from tagger._version import __version__
from tagger.errors import TaggerError, did_you_mean

#: Name → one line for `tagger --help`; the command itself is `command` in the module of that name.
COMMANDS = {
    "check": "Report what a catalog holds and what is wrong with it.",
    "explore": "Show what a catalog holds as an HTML page with photos.",
    "sample": "Draw a small catalog to try things out.",
    "download": "Fetch a public catalog.",
    "train": "Train a network on a catalog and write a bundle.",
    "evaluate": "Measure a bundle on a catalog and write a report.",
    "evaluate-search": "Measure methods of finding similar products, side by side.",
    "map": "Draw the products of an index as a map.",
    "tag": "Tag photos, folders and catalogs.",
    "index": "Embed a catalog for the look-up of similar products.",
    "similar": "Find the products most similar to a photo or product.",
    "duplicates": "Find products that are listed twice.",
    "models": "List the models that come with the package.",
    "compact": "Make a bundle small enough to be shipped.",
    "flags": "Predict flags such as isFragile from metadata.",
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"tagger.cli.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f'There is no command "{args[0]}".{did_you_mean(args[0], COMMANDS)}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tagger")
@click.option("-v", "--verbose", is_flag=True, help="Say more of what is going on.")
def cli(verbose: bool) -> None:
    """Tag product catalogs from photos: train, evaluate, tag, and find similar products."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s", stream=sys.stderr)


def main() -> None:
    """Run the command line; every expected error becomes one message on stderr and an exit code."""
    # TensorFlow's start-up notes are for its developers; said before it is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # What a scheduler sends first: an exit that tidies up temporary files, instead of none.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Ids and paths may hold what the terminal can't show.
        sys.stdout.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # file names need not be UTF-8
    try:
        try:
            cli(prog_name="tagger", standalone_mode=False)
        finally:
            sys.stdout.flush()
    except TaggerError as error:
        _stop(f"Error: {error}", error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _stop("Interrupted. Nothing half-written was left under a final name.", 130)
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has seen enough.
        _drop_stdout()
        sys.exit(1)
    except OSError as error:
        _drop_stdout()
        where = f" {error.filename}" if error.filename else ""
        _stop(f"Error: the system refused{where}: {error.strerror or error}.", 1)


def _stop(message: str, exit_code: int) -> None:
    click.echo(message, err=True)
    sys.exit(exit_code)


def _drop_stdout() -> None:
    """Throw away what stdout still holds, which Python would try to write again at the end and fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
