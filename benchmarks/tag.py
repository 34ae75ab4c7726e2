"""How long tagging takes, from files to the finished CSV, beside Keras, and what bounds it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Contender, Measured, Sample, Say, Spread, job, run_rounds, tagger
from benchmarks.report import COMMON, Report, Table, common, rate

if TYPE_CHECKING:
    from tagger.bundle import Bundle

#: `tagger tag` says so when some photos could not be tagged, which is the catalog's fault.
_SUCCEEDS = (0, 3)
#: Width and height of the large photos.
_LARGE = (1000, 1500)
#: Rounds of the growth, which takes long and is seen in few.
_GROWTH_ROUNDS = 3
_WITH_START_UP = ("contender", "photos", *COMMON, "start-up, s", "photos/s", "photos/s without start-up")


@dataclass(frozen=True)
class Sizes:
    """How many photos: for most contenders, for the slow loop, large ones, and for the growth."""

    photos: int
    loop: int
    large: int
    growth: tuple[int, ...]


FULL = Sizes(photos=5000, loop=200, large=300, growth=(1000, 10_000, 100_000))
SHORT = Sizes(photos=1000, loop=50, large=50, growth=(1000, 3000))


@dataclass(frozen=True)
class Way:
    """A way from a list of paths on stdin to a CSV.

    Args:
        name: as the report calls it.
        command: program and arguments.
        photos: how many it is measured on.
        network: engine and precision that it names, "" for the default; None for what is not ours.
    """

    name: str
    command: tuple[str, ...]
    photos: int
    network: tuple[str, str] | None = None

    def on(self, photos: Path, count: int) -> Contender:
        """The contender that tags the photos of a list."""
        return Contender(f"{self.name}, {count:,} photo{'s' * (count > 1)}", self.command, count, photos, _SUCCEEDS)


class Lists:
    """Lists of photos in files, repeated where there are fewer."""

    def __init__(self, paths: Sequence[str], folder: Path) -> None:
        folder.mkdir()
        self._paths, self._folder = paths, folder

    def of(self, count: int) -> Path:
        """A file with so many paths, one a line."""
        path = self._folder / f"{count}.txt"
        if not path.exists():
            path.write_text("\n".join(islice(cycle(self._paths), count)) + "\n", encoding="utf-8")
        return path


def measure_tag(model: Path, data: Path, sizes: Sizes, rounds: int, say: Say, report: Report) -> None:
    """Fill the report."""
    from tagger.bundle import Bundle

    bundle = Bundle.open(model.resolve())
    paths = catalog_photos(data)
    with tempfile.TemporaryDirectory(prefix="tagger-bench-") as name:
        folder = Path(name)
        ours = our_ways(bundle, folder / "tags.csv", sizes.photos, report.notes)
        keras = keras_ways(bundle, folder / "tags.csv", sizes, report.notes)
        lists = Lists(paths, folder / "lists")
        read_ahead(paths[: max(sizes.photos, *sizes.growth)])
        _files_to_csv([*ours, *keras], bundle, lists, sizes.photos, rounds, say, report)
        large = Lists(draw_large(paths[: sizes.large], folder / "large"), folder / "large lists")
        _large_photos([*ours[:1], *keras[:1]], bundle, large, sizes.large, rounds, say, report)
        _growth(ours[0], lists, sizes.growth, min(rounds, _GROWTH_ROUNDS), say, report)


def catalog_photos(data: Path) -> list[str]:
    """Absolute paths of those photos of a catalog that are there, in its order."""
    from tagger.inference.sources import find_sources

    paths = [Path(photo.path).resolve() for photo in find_sources([data]) if photo.path]
    return [str(path) for path in paths if path.is_file()]


def read_ahead(paths: Sequence[str]) -> None:
    """Read all files once, so that they are in the page cache and no contender waits for the disk."""
    for path in paths:
        Path(path).read_bytes()


def our_ways(bundle: Bundle, out: Path, photos: int, notes: list[str]) -> list[Way]:
    """`tagger tag` as it is, then with each engine and precision that this machine and the bundle have."""
    ways = []
    for network in networks(bundle, notes):
        options = engine_options(*network)
        command = tagger("tag", "-", "--model", bundle.path, "--out", out, *options)
        ways.append(Way(" ".join(["tagger tag", *options]), command, photos, network))
    return ways


def networks(bundle: Bundle, notes: list[str]) -> list[tuple[str, str]]:
    """Engines and precisions to compare, "" for the default, which comes first."""
    return [("", ""), ("onnxruntime", "float32"), *_int8(bundle, notes)]


def engine_options(engine: str, precision: str) -> list[str]:
    """Options of `tagger` that name them."""
    return [f"--engine={engine}"] * bool(engine) + [f"--engine-precision={precision}"] * bool(precision)


def _int8(bundle: Bundle, notes: list[str]) -> list[tuple[str, str]]:
    from tagger.errors import BundleError

    try:
        _ = bundle.int8_model
    except BundleError as error:
        notes.append(f"int8: {error}")
        return []
    if find_spec("openvino") is None:
        notes.append("int8 with OpenVINO: openvino is not installed.")
        return [("onnxruntime", "int8")]
    return [("onnxruntime", "int8"), ("openvino", "int8")]


def keras_ways(bundle: Bundle, out: Path, sizes: Sizes, notes: list[str]) -> list[Way]:
    """Batches with tf.data, and a loop over the photos; none where Keras or its model is missing."""
    if why := no_keras(bundle):
        notes.append(f"Keras: {why}")
        return []
    return [
        Way("Keras, tf.data in batches of 64", job("keras_tag", bundle.path, "batches", out), sizes.photos),
        Way("Keras, load_img and predict photo by photo", job("keras_tag", bundle.path, "loop", out), sizes.loop),
    ]


def no_keras(bundle: Bundle) -> str:
    """Why Keras can't run the bundle's network; "" if it can."""
    if not (bundle.path / "model.keras").is_file():
        return f"{bundle.path} holds no model.keras."
    missing = [name for name in ("keras", "tensorflow") if find_spec(name) is None]
    return f"{' and '.join(missing)} can't be imported." if missing else ""


def _files_to_csv(
    ways: Sequence[Way], bundle: Bundle, lists: Lists, count: int, rounds: int, say: Say, report: Report
) -> None:
    """Every way, and in the same rounds what the network and the decoder could do alone."""
    table = Table(
        "Files to CSV",
        "The whole command. Photos/s is over the whole time; without start-up it is over what remains when the time of "
        "the same command on one photo, in the same round, is taken off.",
        _WITH_START_UP,
    )
    limits = Table(
        "Limits",
        f"On {count:,} photos, without start-up. Inference alone: photos that are decoded already, through the same "
        "engine in batches of 64. Decoding alone: the same command in front of a network that computes nothing. The "
        "share is that of the whole command's rate in the rate of inference alone, round by round.",
        ("contender", "engine", "photos/s", "share of inference alone"),
    )
    report.tables += [table, limits]
    networks = {way: way.network for way in ways if way.network is not None}
    inference = [
        Contender(f"inference alone, {way.name}", job("inference", bundle.path, *network), count, lists.of(count))
        for way, network in networks.items()
    ]
    alone = [*inference, _decoding(bundle, lists, count)]
    rates, (*inferred, decoded) = _with_start_up(ways, alone, lists, rounds, say, report, table)
    for way, each in zip(networks, inferred, strict=True):
        if not each.error:
            network_rates = [1 / float(sample.values["seconds_a_photo"]) for sample in each.samples]
            shares = [whole / best for whole, best in zip(rates.get(way, []), network_rates, strict=False)]
            engine = str(each.samples[0].values["engine"])
            limits.rows.append((way.name, engine, Spread.of(network_rates), Spread.of(shares) if shares else None))
    if not decoded.error:
        limits.rows.append(("decoding alone", "–", rate(decoded, _own_seconds), None))


def _with_start_up(
    ways: Sequence[Way],
    alone: Sequence[Contender],
    lists: Lists,
    rounds: int,
    say: Say,
    report: Report,
    table: Table,
) -> tuple[dict[Way, list[float]], list[Measured]]:
    """Run each way on one photo and on many, a row each.

    Args:
        alone: to be run in the same rounds.

    Returns:
        The rates of each way without start-up, round by round, and what `alone` gave.
    """
    one = [way.on(lists.of(1), 1) for way in ways]
    many = [way.on(lists.of(way.photos), way.photos) for way in ways]
    run_rounds(one, 0, say, warm_up=True)
    measured = run_rounds([*one, *many, *alone], rounds, say)
    report.took(measured)
    rates = {}
    for way, start, whole in zip(ways, measured, measured[len(ways) :], strict=False):
        if not (start.error or whole.error):
            rates[way] = _rates_without(start, whole)
            without = Spread.of(rates[way]) if rates[way] else None
            table.rows.append((way.name, way.photos, *common(whole), start.wall, rate(whole), without))
    return rates, measured[2 * len(ways) :]


def _rates_without(start: Measured, whole: Measured) -> list[float]:
    """Photos a second after the first one, round by round; none where there are too few for the time to grow."""
    seconds = [many.wall - one.wall for one, many in zip(start.samples, whole.samples, strict=True)]
    photos = whole.contender.items - start.contender.items
    return [photos / second for second in seconds] if min(seconds) > 0 else []


def _decoding(bundle: Bundle, lists: Lists, count: int) -> Contender:
    return Contender(f"decoding alone, {count:,} photos", job("decode", bundle.path), count, lists.of(count))


def _own_seconds(sample: Sample) -> float:
    return float(sample.values["seconds"])


def draw_large(paths: Sequence[str], folder: Path) -> list[str]:
    """Enlarge photos into a folder, as JPEGs of quality 90; returns their paths."""
    from PIL import Image

    folder.mkdir()
    large = []
    for number, path in enumerate(paths):
        with Image.open(path) as photo:
            enlarged = photo.convert("RGB").resize(_LARGE, Image.Resampling.BICUBIC)
        large.append(str(folder / f"{number}.jpg"))
        enlarged.save(large[-1], quality=90)
    return large


def _large_photos(
    ways: Sequence[Way], bundle: Bundle, lists: Lists, count: int, rounds: int, say: Say, report: Report
) -> None:
    width, height = _LARGE
    table = Table(
        "Large photos",
        f"The same on {count} JPEGs of {width}x{height}, quality 90, enlarged from the catalog's. "
        "Start-up is taken off likewise.",
        _WITH_START_UP,
    )
    report.tables.append(table)
    large = [Way(f"{way.name}, large", way.command, count, way.network) for way in ways]
    alone = [_decoding(bundle, lists, count)]
    _, (decoded,) = _with_start_up(large, alone, lists, rounds, say, report, table)
    if not decoded.error:
        table.rows.append(("decoding alone", count, *common(decoded), None, None, rate(decoded, _own_seconds)))


def _growth(way: Way, lists: Lists, counts: Sequence[int], rounds: int, say: Say, report: Report) -> None:
    table = Table(
        "Growth",
        f"`{way.name}` on more and more photos, the catalog's repeated on stdin. Rounds: {rounds}.",
        ("photos", *COMMON, "photos/s"),
    )
    contenders = [way.on(lists.of(count), count) for count in counts]
    for each in report.took(run_rounds(contenders, rounds, say)):
        table.rows.append((each.contender.items, *common(each), rate(each)))
    report.tables.append(table)
