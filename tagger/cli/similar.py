"""`tagger similar`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tagger.cli._options import engine_options
from tagger.search.index import Hit, Index
from tagger.search.items import Item
from tagger.search.look_up import Found, look_up

if TYPE_CHECKING:
    from tagger.config import EngineName, EnginePrecision

_TITLE_WIDTH = 48


@click.command("similar", context_settings={"show_default": True})
@click.argument("query", metavar="PHOTO|ID")
@click.option(
    "--index", "folder", required=True, type=click.Path(path_type=Path), metavar="INDEX",
    help="Index folder that `tagger index` wrote.",
)  # fmt: skip
@click.option("-k", type=click.IntRange(1, 10_000), default=5, help="How many products to find.")
@click.option(
    "--model", type=click.Path(path_type=Path), metavar="BUNDLE|NAME", show_default=False,
    help="Bundle, or name of a shipped model, that embeds a PHOTO. Default: the one that the index was made with.",
)  # fmt: skip
@click.option(
    "--contact-sheet", type=click.Path(path_type=Path), metavar="PNG", help="Draw query and hits into this file, too."
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="What to print.")
@engine_options
def command(
    query: str,
    folder: Path,
    k: int,
    model: Path | None,
    contact_sheet: Path | None,
    form: str,
    engine: EngineName | None,
    engine_precision: EnginePrecision | None,
) -> None:
    """Find the products most similar to a photo, or to a product of the index by its ID.

    The query itself is left out. The score is the cosine of the embeddings: 1 for equal ones.
    """
    found = look_up(Index.open(folder), query, k, model, engine, engine_precision)
    click.echo(_as_json(found) if form == "json" else _as_table(found.hits))
    if form == "table" and any(hit.predicted for hit in found.hits):
        click.echo("* predicted from the photo: the catalog has no such label", err=True)
    if contact_sheet:
        from tagger.search.contact_sheet import write_contact_sheet

        write_contact_sheet(contact_sheet, *found)
        click.echo(f"Contact sheet: {contact_sheet}", err=True)


def _as_json(found: Found) -> str:
    hits = [{"rank": rank, "score": round(hit.score, 6)} | _fields(hit) for rank, hit in enumerate(found.hits, 1)]
    return json.dumps({"query": _fields(found.query), "hits": hits}, indent=2, ensure_ascii=False)


def _fields(item: Item) -> dict[str, object]:
    return {name: value for name, value in asdict(item).items() if name != "score"}


def _as_table(hits: list[Hit]) -> str:
    rows = [("rank", "score", "id", "title", "labels")]
    rows += [
        (str(rank), f"{hit.score:.4f}", hit.id, _clipped(hit.title), _labels(hit)) for rank, hit in enumerate(hits, 1)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _clipped(title: str) -> str:
    return title if len(title) <= _TITLE_WIDTH else title[: _TITLE_WIDTH - 1] + "…"


def _labels(item: Item) -> str:
    return ", ".join(value + "*" * (name in item.predicted) for name, value in item.labels.items())
