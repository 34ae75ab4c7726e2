"""The layout of Kaggle's "Fashion Product Images": `styles.csv`, `images/ID.jpg`, perhaps `styles/ID.json`.

`styles.csv` gives the rows. A record `styles/ID.json` adds brand, price, age group, description, display categories,
article attributes (columns `articleAttributes.NAME`) and flags. Where both name a column, `styles.csv` wins.
"""

from __future__ import annotations

import csv
import html
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tagger.catalog.cells import CellReader, are_flags, flag, read_lines, unique_rows
from tagger.catalog.folders import SPLIT, normalise_split
from tagger.catalog.photos import find_photos
from tagger.catalog.table import IMAGE, METADATA_COLUMNS, TITLE, CleaningReport, Products
from tagger.config import CatalogConfig
from tagger.errors import CatalogError, did_you_mean

STYLES = "styles.csv"
ATTRIBUTES = ("gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "usage")
DISPLAY_CATEGORIES = "displayCategories"
ARTICLE_ATTRIBUTE = "articleAttributes."

_ID = "id"
_TITLE_SOURCE = "productDisplayName"
_NO_ATTRIBUTES = frozenset({_ID, IMAGE, SPLIT, *METADATA_COLUMNS})
_RECORD_FIELDS = {"brandName": "brand", "price": "price", "ageGroup": "ageGroup"}
_KNOWN = frozenset({_ID, IMAGE, *METADATA_COLUMNS, *ATTRIBUTES})
_MAX_RECORD_BYTES = 4_000_000
_MAX_DESCRIPTION = 2_000
_TAG = re.compile(r"<[^>]*>")


def is_fashion(folder: Path) -> bool:
    """Tell whether the folder holds a `styles.csv`."""
    return (folder / STYLES).is_file()


def read_fashion(folder: Path, config: CatalogConfig, *, records: bool = True) -> Products:
    """Read a catalog in the fashion layout.

    Args:
        folder: holds `styles.csv`; `images/` and `styles/` may be missing.
        config: which texts mean "missing", and `image_folder` where the photos are not in `images/`.
        records: False leaves `styles/` unread, which takes most of the time.

    Returns:
        Every product; those without a photo have an empty `image`.

    Raises:
        CatalogError: `styles.csv` can't be read, has no column `id`, or no rows.
    """
    report = CleaningReport()
    cells = CellReader(config)
    columns = _read_styles(folder / STYLES, config, cells, report)
    normalise_split(columns, report)
    columns[IMAGE] = _match_photos(columns[_ID], folder / (config.image_folder or "images"), report)
    flags = [name for name in columns if name not in _KNOWN and are_flags(columns[name])]
    for name in flags:
        columns[name] = [flag(value) for value in columns[name]]
    if records:
        more, more_flags = _read_records(columns[_ID], folder / "styles", cells, report)
        flags += [name for name in more_flags if name not in columns]
        columns |= {name: values for name, values in more.items() if name not in columns}
    attributes = [*ATTRIBUTES, *(name for name in config.columns if name not in _NO_ATTRIBUTES), DISPLAY_CATEGORIES]
    return Products(
        root=folder,
        ids=columns.pop(_ID),
        columns=columns,
        attributes=tuple(name for name in dict.fromkeys(attributes) if name in columns and name not in flags),
        flags=tuple(flags),
        report=report,
    )


def _read_styles(path: Path, config: CatalogConfig, cells: CellReader, report: CleaningReport) -> dict[str, list[str]]:
    """Return the columns of `styles.csv` by our names, rows without an id or with a known one left out."""
    lines = read_lines(path, report)
    found = [name.strip() for name in next(csv.reader(lines[:1]))]
    names = _our_names(found, config, path, report)
    if _ID not in names:
        raise CatalogError(f"Expected a column id in {path}, found: {', '.join(found)}.")
    rows = list(_split_lines(lines[1:], names, report))
    at = names.index(_ID)
    kept = unique_rows([row[at].strip() for row in rows], report)
    if not kept:
        raise CatalogError(f"Expected products in {path}, found {report.rows_read} rows and none that is whole.")
    columns = {}
    for position, name in enumerate(names):
        # An id is never missing, and "NA" may be one.
        read = str.strip if name == _ID else cells.single
        if name:
            columns[name] = [read(rows[row][position]) for row in kept]
    return columns


def _our_names(found: list[str], config: CatalogConfig, path: Path, report: CleaningReport) -> list[str]:
    """Our name for each column of `styles.csv`, "" for those that are not read.

    A column that `catalog.columns` asks for may be missing where ours is there: the settings may be those of a bundle
    that learned from a catalog in another layout.

    Raises:
        CatalogError: a column is missing or has two names, or two columns have one.
    """
    asked: dict[str, str] = {}
    for ours, theirs in config.columns.items():
        if ours != IMAGE and asked.setdefault(theirs, ours) != ours:
            raise CatalogError(
                f'catalog.columns gives the column "{theirs}" of {path} two names, {asked[theirs]} and {ours}.'
            )
    usual = [TITLE if name == _TITLE_SOURCE else name for name in found]
    for theirs, ours in asked.items():
        if theirs not in found and ours not in usual:
            raise CatalogError(
                f'catalog.columns asks for a column "{theirs}" (as {ours}), but {path} has: {", ".join(found)}.'
                + did_you_mean(theirs, found)
            )
    absent = [theirs for theirs in asked if theirs not in found]
    report.add(
        "column-absent", "ignored", "Columns that catalog.columns asks for; those of our names were read.", absent
    )
    asked = {theirs: ours for theirs, ours in asked.items() if theirs in found}
    names = [
        asked.get(name) or ("" if ours in asked.values() else ours) for name, ours in zip(found, usual, strict=True)
    ]
    hidden = [name for name, ours in zip(found, names, strict=True) if name and not ours]
    report.add("column-hidden", "ignored", "Columns whose name catalog.columns gives to another one.", hidden)
    if repeated := sorted({name for name in names if names.count(name) > 1 and name}):
        raise CatalogError(f"The columns of {path} must have different names; found twice: {', '.join(repeated)}.")
    return names


def _split_lines(lines: list[str], names: list[str], report: CleaningReport) -> Iterator[list[str]]:
    """Yield the cells of each line.

    One line is one product here, so that a quote that nobody closed can't swallow the lines after it. Too many cells
    are commas in the free text that nobody put in quotes: in Kaggle's own file that is the last of ten columns.
    """
    free_text = names.index(TITLE) if TITLE in names else len(names) - 1
    joined, short = [], []
    report.rows_read = sum(1 for line in lines if line.strip())
    for number, line in enumerate(lines, 2):
        if not line.strip():
            continue
        try:
            row = next(csv.reader([line], strict=True))
        except csv.Error:
            row = line.split(",")
        surplus = len(row) - len(names)
        if surplus > 0:
            row[free_text : free_text + surplus + 1] = [",".join(row[free_text : free_text + surplus + 1])]
            joined.append(row[names.index(_ID)])
        if surplus < 0:
            short.append(f"line {number}")
        else:
            yield row
    report.add("unquoted-comma", "repaired", f"Commas without quotes were taken as part of {names[free_text]}.", joined)
    report.add("row-too-short", "dropped", f"Lines with fewer than {len(names)} cells.", short)


def _match_photos(ids: list[str], folder: Path, report: CleaningReport) -> list[str]:
    """Return for each id the absolute path of the photo of that name, or ""."""
    photos: dict[str, str] = {}
    for path in find_photos(folder.absolute()):
        photos.setdefault(path.stem, str(path))
    known = set(ids)
    without = [id_ for id_ in ids if id_ not in photos]
    report.add("photo-missing", "kept", f"Products without a photo in {folder.name}/.", without)
    unnamed = [stem.encode(errors="replace").decode() for stem in photos if stem not in known]
    report.add("photo-without-row", "ignored", f"Photos that no row of {STYLES} names.", unnamed)
    return [photos.get(id_, "") for id_ in ids]


def _read_records(
    ids: list[str], folder: Path, cells: CellReader, report: CleaningReport
) -> tuple[dict[str, list[str]], list[str]]:
    """Read `styles/ID.json` of each product.

    Returns:
        The columns that the records add, and which of them are flags.
    """
    # Looked up in a listing, never joined to a path, so that no id leads out of the folder.
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    sparse: defaultdict[str, dict[int, str]] = defaultdict(dict)
    flags: dict[str, None] = {}
    broken, absent = [], []
    for row, id_ in enumerate(ids):
        name = f"{id_}.json"
        if name not in present:
            absent.append(id_)
            continue
        record = _load_record(folder / name)
        if record is None:
            broken.append(id_)
            continue
        for column, text in _facts(record, cells):
            sparse[column][row] = text
        for column, text in _flags(record):
            flags[column] = None
            sparse[column][row] = text
    report.add("record-broken", "kept", f"Records in {folder.name}/ that are no JSON object, or too large.", broken)
    if present:
        report.add("record-missing", "kept", f"Products without a record in {folder.name}/.", absent)
    columns = {}
    for column, texts in sparse.items():
        values = [""] * len(ids)
        for row, text in texts.items():
            values[row] = text
        columns[column] = values
    return columns, list(flags)


def _load_record(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_RECORD_BYTES + 1)
        if len(data) > _MAX_RECORD_BYTES:
            return None
        record = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(record, dict):
        record = record.get("data", record)
    return record if isinstance(record, dict) else None


def _facts(record: dict[str, Any], cells: CellReader) -> Iterator[tuple[str, str]]:
    """Yield the columns of one record with their text; nothing for what is missing."""
    for source, name in _RECORD_FIELDS.items():
        if text := cells.single(record.get(source)):
            yield name, text
    if text := cells.several(record.get(DISPLAY_CATEGORIES), separator=","):
        yield DISPLAY_CATEGORIES, text
    if text := _description(record):
        yield "description", text
    article = record.get("articleAttributes")
    if isinstance(article, dict):
        for name, value in article.items():
            if text := cells.single(value):
                yield f"{ARTICLE_ATTRIBUTE}{name}", text


def _flags(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    entries = record.get("otherFlags")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("dataType") == "BOOLEAN":
            name = str(entry.get("name") or "")
            if name and name not in METADATA_COLUMNS:
                yield name, flag(entry.get("value"))


def _description(record: dict[str, Any]) -> str:
    """Return the description as plain text of a bounded length."""
    value: Any = record
    for key in ("productDescriptors", "description", "value"):
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, str):
        return ""
    # Some hold a whole web page; the words that matter come first.
    text = html.unescape(_TAG.sub(" ", value[: 4 * _MAX_DESCRIPTION]))
    return " ".join(text.split())[:_MAX_DESCRIPTION]
