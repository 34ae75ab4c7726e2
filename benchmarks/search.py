"""How long the look-up of similar products takes, beside scikit-learn and plain NumPy, as the index grows."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import Contender, Measured, Say, Spread, job, run_once, run_rounds
from benchmarks.report import Cell, Report, Table

_NAMES = {
    "ours": "tagger.search",
    "ann": "tagger.search, approximate",
    "numpy": "NumPy",
    "sklearn": "scikit-learn, brute, cosine",
}
#: float32 copies of the vectors that a contender holds in memory at once, the graph included.
_COPIES = {"ours": 0, "ann": 0.8, "numpy": 1, "sklearn": 2}
_BYTES_A_VECTOR = 4 * 256
#: Share of the free memory that a contender may need.
_ROOM = 0.9

FULL = (44_000, 1_000_000)
SHORT = (44_000,)
LARGE = 10_000_000


def measure_search(index: Path | None, counts: tuple[int, ...], rounds: int, say: Say, report: Report) -> None:
    """Fill the report.

    Args:
        index: vectors are drawn around those of its products; None: around clusters that are drawn, too.
        counts: how many vectors.
    """
    built = Table(
        "Build",
        "From vectors on disk to what is searched. NumPy and scikit-learn share one file of unit vectors; the index "
        "also holds the products' ids and checksums of it all. The approximate one has an HNSW graph besides.",
        ("vectors", "contender", "s", "peak memory, MB", "on disk, MB"),
    )
    asked = Table(
        "Look-up",
        "The ten nearest in one process that has them open. To open includes to import the library; the first query, "
        "which may read the file, is not counted. Pages of a mapped file count in the peak memory although the system "
        "may drop them; private memory is what no file backs. The same hits: share of those that an exact search "
        "finds.",
        (
            "vectors", "contender", "kept as", "open, ms", "one query, ms", "ns a vector", "64 queries, ms",
            "peak memory, MB", "private, MB", "the same hits",
        ),
    )  # fmt: skip
    changed = Table(
        "Change", "A thousand products added to the index, and removed again.", ("vectors", "add, s", "remove, s")
    )
    report.tables += [built, asked, changed]
    for count in counts:
        # A folder for each, so that the disk is freed in between.
        with tempfile.TemporaryDirectory(prefix="tagger-bench-") as name:
            _measure(index, count, Path(name), rounds, say, report)


def _measure(index: Path | None, count: int, folder: Path, rounds: int, say: Say, report: Report) -> None:
    built, asked, changed = report.tables
    ways = _affordable(count, report.notes)
    vectors = folder / "vectors.npy"
    stores = {way: folder / (way if way in ("ours", "ann") else "units.npy") for way in ways}
    say(f"drawing {count:,} vectors")
    run_once(Contender("drawing", job("search", "draw", vectors, count, *([index] if index else []))))
    # What NumPy and scikit-learn read is the same: it is built once.
    builders = {store: way for way, store in reversed(stores.items())}
    builds = {way: job("search", "build", way, vectors, stores[way]) for way in ways if way in builders.values()}
    for way, each in _run(builds, f"build, {count:,} vectors", rounds, say, report).items():
        seconds = each.spread(lambda sample: float(sample.values["seconds"]))
        built.rows.append((count, _NAMES[way], seconds, each.memory, _megabytes(each.samples[0].values["bytes"])))
    commands = {way: job("search", "query", way, store, folder / "queries.npy") for way, store in stores.items()}
    found = _run(commands, f"look-up, {count:,} vectors", rounds, say, report)
    exact = next((found[way] for way in ("numpy", "ours") if way in found), None)
    expected = exact.samples[0].values["hits"] if exact else None
    asked.rows += [_row(count, _NAMES[way], each, expected) for way, each in found.items()]
    for each in _run(
        {"ours": job("search", "change", vectors, stores["ours"])}, "change", rounds, say, report
    ).values():
        spreads = [each.spread(lambda sample, what=what: float(sample.values[what])) for what in ("add", "remove")]
        changed.rows.append((count, *spreads))


def _run(commands: dict[str, tuple[str, ...]], what: str, rounds: int, say: Say, report: Report) -> dict[str, Measured]:
    """Run them in rounds; returns those that succeeded, by way."""
    contenders = [Contender(f"{_NAMES[way]}, {what}", command) for way, command in commands.items()]
    measured = run_rounds(contenders, rounds, say)
    report.took(measured)
    return {way: each for way, each in zip(commands, measured, strict=True) if not each.error}


def _row(count: int, name: str, measured: Measured, expected: list[list[int]] | None) -> tuple[Cell, ...]:
    def milliseconds(value: str) -> Spread:
        return measured.spread(lambda sample: 1000 * float(sample.values[value]))

    values = measured.samples[0].values
    each = measured.spread(lambda sample: 1e9 * float(sample.values["one"]) / count)
    same = _agreement(values["hits"], expected) if expected else None
    return (
        count, name, values["kept"], milliseconds("open"), milliseconds("one"), each, milliseconds("together"),
        measured.memory, _megabytes(values["private"]), same,
    )  # fmt: skip


def _agreement(hits: list[list[int]], expected: list[list[int]]) -> float:
    """Share of the expected hits that were found."""
    common = sum(len(set(found) & set(wanted)) for found, wanted in zip(hits, expected, strict=True))
    return common / sum(map(len, expected))


def _megabytes(size: int | None) -> float | None:
    return None if size is None else size / 1e6


def _affordable(count: int, notes: list[str]) -> list[str]:
    """The ways that are installed and whose vectors fit into the memory that is free."""
    ways = []
    for way, copies in _COPIES.items():
        needed, free = copies * count * _BYTES_A_VECTOR, _free_memory()
        if way == "sklearn" and find_spec("sklearn") is None:
            notes.append("scikit-learn is not installed.")
        elif way == "ann" and find_spec("usearch") is None:
            notes.append("usearch is not installed.")
        elif free is not None and needed > _ROOM * free:
            notes.append(
                f"{_NAMES[way]} with {count:,} vectors: it needs about {needed / 1e9:.0f} GB of memory, of which "
                f"{free / 1e9:.0f} GB are free."
            )
        else:
            ways.append(way)
    return ways


def _free_memory() -> int | None:
    """Bytes; None where the system doesn't say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
