"""`tagger similar`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tagger.cli._options import (
    EXIT_SOME_FAILED,
    NumberRange,
    catalog_set_option,
    config_option,
    engine_options,
    settings_beside,
)
from tagger.files import writable, write_text
from tagger.search.filters import Filter, parse_filter
from tagger.search.hints import filter_hint
from tagger.search.items import Item
from tagger.search.look_up import Asked, Found, look_up, name_part, open_tagger
from tagger.search.mix import TEXT_WEIGHT, Part, parse_part
from tagger.search.places import open_index
from tagger.search.product_index import Hit, ProductIndex

if TYPE_CHECKING:
    from tagger.bundle import Bundle
    from tagger.config import Config, EngineName, EnginePrecision
    from tagger.inference import Tagger

_TITLE_WIDTH = 48


@click.command("similar", context_settings={"show_default": True})
@click.argument("queries", nargs=-1, metavar="[PHOTO|ID|FOLDER|CATALOG]...")
@click.option(
    "--index", "place", required=True, metavar="INDEX",
    help="Index that `tagger index` wrote: a folder, or postgresql://USER@HOST/DATABASE.",
)  # fmt: skip
@click.option("-k", type=click.IntRange(1, 10_000), default=5, help="How many products to find.")
@click.option("--image", "images", multiple=True, metavar="PHOTO[:WEIGHT]", help="Look for what looks like this.")
@click.option("--text", "texts", multiple=True, metavar="WORDS[:WEIGHT]", help="Look for these words.")
@click.option("--id", "ids", multiple=True, metavar="ID[:WEIGHT]", help="Look for what is like this product.")
@click.option(
    "--text-weight", type=NumberRange(0, 1), default=TEXT_WEIGHT, metavar="SHARE",
    help="Share of the words where a query has a photo and words.",
)  # fmt: skip
@click.option(
    "--where", "filters", multiple=True, metavar="FILTER",
    help='Only products such as gender=Women, "price<1500", "usage=Casual|Sports"; with =, !=, <, <=, >, >=.',
)  # fmt: skip
@click.option("--min-score", type=NumberRange(-1, 1), metavar="SCORE", help="Only products with this score.")
@click.option("--distinct", is_flag=True, help="Leave out near-duplicates of the query and of each other.")
@click.option(
    "--diversity", type=NumberRange(0, 1), default=0.0, metavar="SHARE",
    help="How much it counts that products found are unlike each other: 0 for the most similar alone; 0.3 shows more "
    "kinds where the network is unsure.",
)  # fmt: skip
@click.option("--exact", is_flag=True, help="Compare every product, even if there is an approximate index.")
@click.option(
    "--model", type=click.Path(path_type=Path), metavar="BUNDLE|NAME", show_default=False,
    help="Bundle, or name of a shipped model, that embeds photos. Default: the one that the index was made with.",
)  # fmt: skip
@click.option(
    "--contact-sheet", type=click.Path(path_type=Path), metavar="PNG", help="Draw query and hits into this file, too."
)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), show_default=False,
    help="What to print. Default: a table for one query, else CSV.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write CSV there instead; JSON if it ends so."
)
@engine_options
@config_option
@catalog_set_option
def command(
    queries: tuple[str, ...],
    place: str,
    k: int,
    images: tuple[str, ...],
    texts: tuple[str, ...],
    ids: tuple[str, ...],
    text_weight: float,
    filters: tuple[str, ...],
    min_score: float | None,
    distinct: bool,
    diversity: float,
    exact: bool,
    model: Path | None,
    contact_sheet: Path | None,
    form: str | None,
    out: Path | None,
    engine: EngineName | None,
    engine_precision: EnginePrecision | None,
    config_file: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Find the products most similar to a photo, a product of the index, words, or a mix of these.

    A mix is written with --image, --text and --id, each with a weight or without: --image a.jpg:0.7 --text linen:0.3
    --image b.jpg:-0.2. The image score is the cosine of the embeddings, which tell looks and tags; the text score is
    that of the words in name and description (TF-IDF); and the score is their weighted mean: 0.7 and 0.3 for a product
    with a name, unless --text-weight or weights say otherwise. The query itself is left out.

    Several photos and ids, a folder, a catalog, or "-" for ids and paths on stdin, one a line, are answered as CSV with
    a row for every hit. What can't be answered does not stop the others; the exit code then is 3. Ids, photos and
    titles of a catalog are looked for as `tagger tag` does.
    """
    if out is not None and out.suffix.lower() == ".json":
        form = form or "json"
    if out is not None and form == "table":
        raise click.UsageError("A table is for the screen. Leave out --format table, or --out.")
    limits = None
    if overrides or config_file:
        from tagger.config import load_config

        limits = load_config(config_file, overrides).photo  # mistakes show even where no photo is asked for
    index = open_index(place, exact=exact)
    asked = Asked(k, tuple(map(parse_filter, filters)), min_score, distinct, text_weight, limits, diversity)
    parts = [parse_part("image", text) for text in images]
    parts += [parse_part("text", text) for text in texts]
    parts += [parse_part("id", text, index) for text in ids]
    if not queries and not parts:
        raise click.UsageError("Say what to look for: a PHOTO, an ID, a FOLDER, --image, --text or --id.")

    def settings(bundle: Bundle) -> Config:
        from tagger.inference.sources import trained_settings

        return settings_beside(trained_settings(bundle), config_file, overrides)

    def embedder() -> Tagger:
        tagger = open_tagger(index, model, engine, engine_precision)
        return tagger.with_limits(settings(tagger.bundle).photo)

    from tagger.cli._similar_many import is_many, write_many

    if is_many(queries):
        if parts or contact_sheet or form not in (None, "csv"):
            raise click.UsageError(
                "Many queries at once are answered as CSV alone: leave out --image, --text, --id, --contact-sheet, "
                "--format and an --out that ends in .json, or ask for one."
            )
        if unmet := _unmet(index, asked.where):
            click.echo(unmet, err=True)
        if write_many(index, queries, asked, embedder, lambda bundle: settings(bundle).catalog, out):
            sys.exit(EXIT_SOME_FAILED)
        return
    found = look_up(index, [name_part(index, name) for name in queries] + parts, asked, embedder)
    name = Path(queries[0]).stem if queries and queries[0] not in index else found.query.id
    _write_found(index, found, name, form, out)
    if not found.hits:
        click.echo(_unmet(index, asked.where) or _nothing(index, parts, filters, min_score), err=True)
    if contact_sheet:
        from tagger.search.contact_sheet import write_contact_sheet

        write_contact_sheet(contact_sheet, *found)
        click.echo(f"Contact sheet: {contact_sheet}", err=True)


def _write_found(index: ProductIndex, found: Found, name: str, form: str | None, out: Path | None) -> None:
    """Print or write the hits of one query, which CSV calls by `name`."""
    if form == "json":
        text = _as_json(found)
        if out is None:
            click.echo(text)
        else:
            write_text(out, writable(text) + "\n")
            click.echo(f"Similar products: {out}", err=True)
    elif out or form == "csv":
        from tagger.cli._similar_many import write_answers
        from tagger.search.many import Answer

        write_answers(index, [Answer(name, found.hits)], out)
    else:
        click.echo(_as_table(found.hits))
    if any(hit.predicted for hit in found.hits) and not out and form in (None, "table"):
        click.echo("* predicted: the catalog has no such label", err=True)


def _unmet(index: ProductIndex, where: tuple[Filter, ...]) -> str:
    """What to say where no product meets the filters, or ""."""
    if not where or not len(index) or index.count(where):
        return ""
    return (
        f"None of the {len(index):,} products meets {' and '.join(map(str, where))}.{filter_hint(where, index.count)}"
    )


def _nothing(index: ProductIndex, parts: list[Part], filters: tuple[str, ...], min_score: float | None) -> str:
    """Why there are no hits, as far as one can tell."""
    reasons = [f"meets {' and '.join(filters)}"] if filters else []
    reasons += [f"reaches the score {min_score:g}"] if min_score is not None else []
    reasons += ["has any of these words"] if parts and all(part.kind == "text" for part in parts) else []
    return f"None of the {len(index):,} products {' and '.join(reasons) or 'is left'}."


def _as_json(found: Found) -> str:
    hits = [
        {
            "rank": rank, "score": round(hit.score, 6), "image_score": _rounded(hit.image_score),
            "text_score": _rounded(hit.text_score), **_fields(hit),
        }
        for rank, hit in enumerate(found.hits, 1)
    ]  # fmt: skip
    return json.dumps({"query": _fields(found.query), "hits": hits}, indent=2, ensure_ascii=False)


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)


def _fields(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in ("id", "title", "labels", "predicted", "image", "facts")}


def _as_table(hits: list[Hit]) -> str:
    rows = [("rank", "score", "image", "text", "id", "title", "labels")]
    rows += [
        (
            str(rank), _shown(hit.score), _shown(hit.image_score), _shown(hit.text_score), hit.id, _clipped(hit.title),
            _labels(hit),
        )
        for rank, hit in enumerate(hits, 1)
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _shown(score: float | None) -> str:
    return "–" if score is None else f"{score:.4f}"


def _clipped(title: str) -> str:
    return title if len(title) <= _TITLE_WIDTH else title[: _TITLE_WIDTH - 1] + "…"


def _labels(item: Item) -> str:
    return ", ".join(value + "*" * (name in item.predicted) for name, value in item.labels.items())
