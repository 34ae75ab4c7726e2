"""How long the commands take that a person waits for, whose work is over in an instant: nearly all is start-up."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Contender, Say, job, run_once, run_rounds, tagger
from benchmarks.report import COMMON, Report, Table, common
from benchmarks.tag import catalog_photos, engine_options, networks, no_keras

if TYPE_CHECKING:
    from tagger.bundle import Bundle


@dataclass(frozen=True)
class Sizes:
    """How many products: embedded at most, and in the index at least."""

    embedded: int
    indexed: int


FULL = Sizes(embedded=44_000, indexed=44_000)
SHORT = Sizes(embedded=500, indexed=44_000)


def measure_startup(model: Path, data: Path, sizes: Sizes, rounds: int, say: Say, report: Report) -> None:
    """Fill the report."""
    from tagger.bundle import Bundle
    from tagger.search import Index

    bundle = Bundle.open(model.resolve())
    photo = catalog_photos(data)[0]
    with tempfile.TemporaryDirectory(prefix="tagger-bench-") as name:
        index, photo_list = Path(name, "index"), Path(name, "photos.txt")
        photo_list.write_text(photo + "\n", encoding="utf-8")
        make = job("index", data.resolve(), bundle.path, index, sizes.embedded, sizes.indexed)
        say("making the index to search in")
        run_once(Contender("making the index", make))
        opened = Index.open(index)
        contenders = [
            Contender("python -c pass", (sys.executable, "-c", "pass")),
            Contender("tagger --version", tagger("--version")),
            Contender("tagger --help", tagger("--help")),
            *_tag_one(bundle, photo, report.notes),
            Contender("tagger similar ID", tagger("similar", next(opened.scan())[0][0].id, "--index", index)),
            Contender("tagger similar PHOTO", tagger("similar", photo, "--index", index)),
            *_keras(bundle, photo_list, Path(name, "tags.csv"), report.notes),
        ]
        table = Table(
            "Start-up",
            "Whole processes, each run once before it is measured. Tagging is of one photo; the index to search in "
            f"holds {len(opened):,} products.",
            ("command", *COMMON),
        )
        for each in report.took(run_rounds(contenders, rounds, say, warm_up=True)):
            table.rows.append((each.contender.name, *common(each)))
        report.tables.append(table)


def _tag_one(bundle: Bundle, photo: str, notes: list[str]) -> list[Contender]:
    """`tagger tag` on one photo with each engine and precision."""
    return [
        Contender(" ".join(["tagger tag PHOTO", *options]), tagger("tag", photo, "--model", bundle.path, *options))
        for network in networks(bundle, notes)
        for options in [engine_options(*network)]
    ]


def _keras(bundle: Bundle, photos: Path, out: Path, notes: list[str]) -> list[Contender]:
    """What users do otherwise."""
    if why := no_keras(bundle):
        notes.append(f"Keras: {why}")
        return []
    return [Contender("Keras: import, load_model, predict", job("keras_tag", bundle.path, "loop", out), stdin=photos)]
