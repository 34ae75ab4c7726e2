"""Many queries of `tagger similar`, answered as CSV."""

from __future__ import annotations

import contextlib
import csv
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from tagger.cli._listing import list_first
from tagger.cli._options import STDIN
from tagger.cli._progress import progress_bar
from tagger.files import atomic_file, is_there, writable
from tagger.progress import silent
from tagger.search.look_up import Asked
from tagger.search.many import Answer, answer_photos, answer_products
from tagger.search.product_index import Hit, ProductIndex

if TYPE_CHECKING:
    from tagger.bundle import Bundle
    from tagger.config import CatalogConfig
    from tagger.search.gallery import Embedder


def is_many(queries: tuple[str, ...]) -> bool:
    """Whether more is asked for than one photo or product."""
    if len(queries) != 1:
        return len(queries) > 1
    if queries[0] == STDIN:
        return True
    if not is_there(queries[0]):
        return False
    from tagger.inference.sources import is_catalog

    path = Path(queries[0])
    return path.is_dir() or is_catalog(path)


def write_many(
    index: ProductIndex,
    queries: tuple[str, ...],
    asked: Asked,
    open_embedder: Callable[[], Embedder],
    read_catalogs: Callable[[Bundle], CatalogConfig],
    out: Path | None,
) -> int:
    """Answer all of them, catalogs read as is said for the bundle; returns how many could not be answered."""
    lines = [[line.rstrip("\r\n") for line in sys.stdin] if query == STDIN else [query] for query in queries]
    names = [name for each in lines for name in each if name]
    return write_answers(
        index, itertools.chain.from_iterable(_answers(index, names, asked, open_embedder, read_catalogs)), out
    )


def _answers(
    index: ProductIndex,
    names: list[str],
    asked: Asked,
    open_embedder: Callable[[], Embedder],
    read_catalogs: Callable[[Bundle], CatalogConfig],
) -> list[Iterator[Answer]]:
    """What is a path is a source of photos, the rest are ids. All sources are looked at before anything is answered."""
    from tagger.inference.sources import find_sources, is_catalog, trained_title_column

    paths = [name for name in names if is_there(name)]
    ids = [name for name in names if not is_there(name)]
    answers = [answer_products(index, ids, asked)] if ids else []
    for of_catalog in (False, True):
        if sources := [path for path in paths if is_catalog(Path(path)) == of_catalog]:
            embedder = open_embedder()
            photos = find_sources(sources, read_catalogs(embedder.bundle), trained_title_column(embedder.bundle))
            answers.append(answer_photos(index, photos, embedder, asked, of_catalog=of_catalog))
    return answers


def write_answers(index: ProductIndex, answers: Iterable[Answer], out: Path | None) -> int:
    """Write a row for every hit; returns how many queries could not be answered."""
    labels = index.labels
    failed: list[Answer] = []
    bar = contextlib.nullcontext(silent) if out is None and sys.stdout.isatty() else progress_bar()
    done = 0
    with _opened(out) as file, bar as progress:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["query", "rank", "id", "score", "image_score", "text_score", "title", *labels])
        for done, answer in enumerate(answers, 1):
            failed += [answer] * bool(answer.error)
            for rank, hit in enumerate(answer.hits, 1):
                scores = (f"{score:.6f}" if score is not None else "" for score in _scores(hit))
                cells = (answer.query, rank, hit.id, *scores, hit.title, *(hit.labels.get(name, "") for name in labels))
                writer.writerow(writable(str(cell)) for cell in cells)
            progress(done, None, "queries answered")
    if out is not None:
        click.echo(f"Similar products: {out} ({done:,} queries)", err=True)
    if failed:
        click.echo(f"{len(failed):,} of {done:,} queries could not be answered:", err=True)
        list_first((f"{answer.query}: {answer.error}" for answer in failed), len(failed))
    return len(failed)


def _scores(hit: Hit) -> tuple[float | None, float | None, float | None]:
    return hit.score, hit.image_score, hit.text_score


@contextlib.contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    """Stdout, or a file that takes its final name only when it is whole."""
    if out is None:
        yield sys.stdout
        return
    with atomic_file(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file
