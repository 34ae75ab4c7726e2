"""What a catalog holds and what is wrong with it: labels, flags, photos, near-duplicates, split."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from tagger.catalog.cache import PhotoCache, open_cache
from tagger.catalog.cleaning import clean_labels, count_labels
from tagger.catalog.duplicates import group_near_duplicates
from tagger.catalog.folders import SPLIT
from tagger.catalog.photos import FORMATS
from tagger.catalog.read import read_catalog
from tagger.catalog.splits import PARTS, check_split, make_split, read_split
from tagger.catalog.table import IMAGE, Catalog, Finding
from tagger.catalog.words import add_word_columns
from tagger.config import AttributeConfig, Config
from tagger.errors import MissingDependencyError, SplitError
from tagger.progress import Progress, silent

_EXAMPLES = 5


@dataclass(frozen=True)
class LabelSummary:
    """The labels of one attribute: label → products, the most frequent first, and how many products have none."""

    counts: dict[str, int]
    missing: int
    labelled: int

    @property
    def majority(self) -> float:
        """Share of the labelled products that have the most frequent label: what always guessing it would score."""
        return max(self.counts.values()) / self.labelled if self.labelled else 0.0


@dataclass(frozen=True)
class FlagSummary:
    """How many products a flag is true, false and missing for."""

    true: int
    false: int
    missing: int


@dataclass(frozen=True)
class PhotoSummary:
    """The photos: how many can be used, why others can't (id → reason), their sizes and colour modes on disk."""

    readable: int
    missing: int
    unreadable: dict[str, str]
    sizes: dict[str, int]
    modes: dict[str, int]


@dataclass(frozen=True)
class DuplicateSummary:
    """Near-duplicate groups of two photos or more, and the ids in the five largest."""

    distance: int
    groups: int
    products: int
    largest: int
    examples: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class SplitSummary:
    """Products in each part, all and those with a readable photo; `problem` is "" where nothing is wrong."""

    source: str
    sizes: dict[str, int]
    with_photo: dict[str, int]
    problem: str


@dataclass(frozen=True)
class CheckReport:
    """All that `tagger check` tells. `duplicates` is None where `duplicates_problem` says what they need."""

    catalog: str
    rows_read: int
    products: int
    findings: tuple[Finding, ...]
    labels: dict[str, LabelSummary]
    flags: dict[str, FlagSummary]
    photos: PhotoSummary
    duplicates: DuplicateSummary | None
    duplicates_problem: str
    split: SplitSummary


@dataclass(frozen=True)
class Inspection:
    """A catalog with its labels cleaned, and what its photos told.

    Args:
        catalog: the products.
        cache: their photos, decoded.
        headers: a row a product that names a photo: `width`, `height` and `mode` as the file's header says; 0, 0 and
            "" where it can't be read.
        groups: near-duplicate group of each product with a readable photo; empty where `groups_problem` says what is
            missing to find them.
    """

    catalog: Catalog
    cache: PhotoCache
    headers: pd.DataFrame
    groups: pd.Series[int]
    groups_problem: str


def check_catalog(
    path: Path | str, config: Config, *, split_file: Path | None = None, progress: Progress = silent
) -> CheckReport:
    """Read, clean and inspect a catalog as a training would.

    Args:
        path: the catalog.
        config: its sections catalog, attributes, photo and split are used.
        split_file: a split to check; default: the split that `train` would make.
        progress: told about photos decoded and looked at.

    Raises:
        CatalogError: the catalog can't be read, or its labels can't be cleaned as the config asks.
        SplitError: the split file can't be read. One that does not fit the catalog is a problem in the report.
    """
    if split_file is not None:
        read_split(split_file)
    found = inspect_catalog(path, config, progress=progress)
    catalog, cache, groups = found.catalog, found.cache, found.groups
    distance = config.split.near_duplicate_distance
    return CheckReport(
        catalog=str(path),
        rows_read=catalog.report.rows_read,
        products=len(catalog),
        findings=tuple(catalog.report.findings),
        labels={name: _summarise_labels(catalog.table[name]) for name in catalog.attributes},
        flags={name: _summarise_flag(catalog.table[name]) for name in catalog.flags},
        photos=_summarise_photos(found),
        duplicates=None if found.groups_problem else _summarise_groups(groups, distance),
        duplicates_problem=found.groups_problem,
        split=_summarise_split(catalog, cache, groups, config, split_file),
    )


def inspect_catalog(
    path: Path | str, config: Config, *, keep_rare: bool = False, progress: Progress = silent
) -> Inspection:
    """Read and clean a catalog, decode its photos and find the near-duplicates among them.

    Args:
        path: the catalog.
        config: its sections catalog, attributes, photo and split are used.
        keep_rare: rare labels stay, and with them their products, whatever the attributes' settings say. Words
            of titles are no attributes then.
        progress: told about photos decoded and looked at.

    Raises:
        CatalogError: the catalog can't be read, or its labels can't be cleaned as the config asks.
    """
    catalog = read_catalog(path, config.catalog)
    attributes = config.attributes or dict.fromkeys(catalog.attributes, AttributeConfig())
    if keep_rare:
        attributes = {
            name: settings.model_copy(update={"rare": "keep"})
            for name, settings in attributes.items()
            if not settings.words_of
        }
    catalog = clean_labels(add_word_columns(catalog, attributes), attributes)
    cache = open_cache(catalog, config.photo, progress=progress)
    groups, problem = pd.Series(dtype="int64"), ""
    try:
        groups = _groups(cache, config.split.near_duplicate_distance)
    except MissingDependencyError as error:
        problem = str(error)
    return Inspection(catalog, cache, _read_headers(catalog, cache, progress), groups, problem)


def _groups(cache: PhotoCache, distance: int) -> pd.Series[int]:
    ids = pd.Index(list(cache.rows), name="id")
    return pd.Series(group_near_duplicates(cache.hashes[list(cache.rows.values())], distance), index=ids)


def _summarise_labels(column: pd.Series[str]) -> LabelSummary:
    missing = int((column == "").sum())
    return LabelSummary(dict(count_labels(column)), missing, len(column) - missing)


def _summarise_flag(column: pd.Series[str]) -> FlagSummary:
    counts = Counter(column)
    return FlagSummary(counts["true"], counts["false"], counts[""])


def _read_headers(catalog: Catalog, cache: PhotoCache, progress: Progress) -> pd.DataFrame:
    named = {id_: path for id_, path in catalog.table[IMAGE].items() if path}
    headers = []
    for done, (id_, path) in enumerate(named.items(), 1):
        header = (0, 0, "")
        if id_ in cache.rows:  # of the others the cache knows why not, and a pipe would be waited for
            with contextlib.suppress(Exception), Image.open(path, formats=FORMATS) as image:  # reads the header alone
                header = (image.width, image.height, image.mode)
        headers.append(header)
        if done % 1000 == 0 or done == len(named):
            progress(done, len(named), "photo headers read")
    return pd.DataFrame(headers, index=pd.Index(list(named), dtype=str), columns=["width", "height", "mode"])


def _summarise_photos(found: Inspection) -> PhotoSummary:
    headers = zip(found.headers["width"], found.headers["height"], strict=True)
    sizes = Counter(f"{width}x{height}" if width else "unknown" for width, height in headers)
    modes = Counter(mode for mode in found.headers["mode"] if mode)
    return PhotoSummary(
        readable=len(found.cache.rows),
        missing=len(found.catalog) - len(found.headers),
        unreadable=dict(found.cache.problems),
        sizes=dict(sizes.most_common()),
        modes=dict(modes.most_common()),
    )


def _summarise_groups(groups: pd.Series[int], distance: int) -> DuplicateSummary:
    members = groups.groupby(groups).groups
    several = sorted((tuple(map(str, ids)) for ids in members.values() if len(ids) > 1), key=len, reverse=True)
    return DuplicateSummary(
        distance=distance,
        groups=len(several),
        products=sum(map(len, several)),
        largest=len(several[0]) if several else 0,
        examples=tuple(several[:_EXAMPLES]),
    )


def _summarise_split(
    catalog: Catalog, cache: PhotoCache, groups: pd.Series[int], config: Config, split_file: Path | None
) -> SplitSummary:
    given = SPLIT in catalog.table.columns
    source = str(split_file or ("given by the catalog" if given else "as train would make it"))
    try:
        split = read_split(split_file, catalog) if split_file else make_split(catalog, groups, config.split)
    except SplitError as error:
        return SplitSummary(source, {}, {}, str(error))
    usable = split[split.index.isin(list(cache.rows))]
    try:
        check_split(split, groups)
    except SplitError as error:
        return SplitSummary(source, _sizes(split), _sizes(usable), str(error))
    return SplitSummary(source, _sizes(split), _sizes(usable), "")


def _sizes(split: pd.Series[str]) -> dict[str, int]:
    counts = Counter(split)
    return {part: counts[part] for part in PARTS}
