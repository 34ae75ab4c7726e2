"""`tagger models`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tagger.errors import BundleError
from tagger.pretrained import DEFAULT, find_model, shipped_models
from tagger.pretrained.facts import ModelFacts, describe, read_card, read_facts


@click.command("models")
@click.argument("name", required=False, type=click.Path(path_type=Path), metavar="[NAME|BUNDLE]")
def command(name: Path | None) -> None:
    """List the models that come with the package; with NAME, print the card of one.

    The card says what the model was trained on and how good it is. BUNDLE may also be one of your own: a bundle, or the
    run folder that holds one.
    """
    if name is not None:
        folder = find_model(name)
        click.echo((read_card(folder) or _fact_sheet(read_facts(folder))).rstrip())
        return
    models = shipped_models()
    if not models:
        click.echo("No model is shipped with this installation. Train one with: tagger train", err=True)
    problems = [problem for listed in models if (problem := _list(listed, models[listed]))]
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    if problems:
        sys.exit(BundleError.exit_code)


def _list(name: str, folder: Path) -> str:
    """Print what there is to know of a model; returns what is wrong with it, or ""."""
    try:
        facts = read_facts(folder)
    except BundleError as error:
        return str(error)
    click.echo(f"{name} (default)" if name == DEFAULT else name)
    click.echo(_rows(describe(facts), indent=2))
    return ""


def _fact_sheet(facts: ModelFacts) -> str:
    """What stands in for the card of a bundle that has none."""
    origin = [(what.replace("_", " "), text) for what, text in facts.origin.items()]
    return _rows([("bundle", str(facts.path)), *describe(facts), *origin], indent=0)


def _rows(rows: list[tuple[str, str]], indent: int) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{'':{indent}}{name:<{width}}  {text}" for name, text in rows)
