"""A table of products in any columns: CSV, TSV, Parquet or JSON lines, with a mapping from our names to the file's.

Which columns mean what, where `catalog.columns` does not say:

- `id`, `image`, `split` and the metadata names (title, brand, price, …) are taken under their own names.
- A column of only true/false, of only yes/no, or of both 0 and 1 is a flag.
- A column is an attribute if it has 2 to 200 labels that are not all numbers, each on two products on average. So
  titles, links, prices and sizes in centimetres are none; name one in `catalog.columns` or `attributes` to make it one.
- All other columns stay in the table, without a role.
"""

from __future__ import annotations

import csv
import io
import json
import os.path
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tagger.catalog.cells import JOINT, CellReader, are_flags, flag, read_lines, unique_rows
from tagger.catalog.folders import SPLIT, normalise_split
from tagger.catalog.table import IMAGE, METADATA_COLUMNS, CleaningReport, Products
from tagger.config import CatalogConfig
from tagger.errors import CatalogError, MissingDependencyError, did_you_mean

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")

_ID = "id"
_NOT_SEVERAL = frozenset({_ID, IMAGE, SPLIT, *METADATA_COLUMNS})
_MAX_LABELS = 200
_MAX_CELL = 10_000_000
#: What Excel likes to have above the header.
_SEP = re.compile(r"\s*\"?sep=.\"?\s*", re.IGNORECASE)
_DELIMITERS = (",", ";", "\t")

_Columns = dict[str, Sequence[object]]


def read_table(path: Path, config: CatalogConfig) -> Products:
    """Read a table of products.

    Photo paths start from the table's folder, or from `image_folder`, which itself starts there. Absolute paths and
    paths through ".." are taken as they are: a table can't name a file that its user could not open as well.

    Args:
        path: a file with one of SUFFIXES.
        config: the mapping of the columns, the separator of several values, and which texts mean "missing".

    Raises:
        CatalogError: the file can't be read, has no products, or lacks a mapped column or the photos' column.
        MissingDependencyError: a Parquet file and pyarrow is not installed.
    """
    report = CleaningReport()
    source = _rename(_read_columns(path, report), config, path, report)
    columns = _clean_cells(source, config)
    columns[IMAGE] = _resolve(columns[IMAGE], path.absolute().parent / (config.image_folder or ""))
    report.rows_read += len(columns[_ID])
    kept = unique_rows(columns[_ID], report)
    if not kept:
        raise CatalogError(f"Expected products in {path}, found {report.rows_read} rows and none with an id.")
    if len(kept) < len(columns[_ID]):
        columns = {name: [values[row] for row in kept] for name, values in columns.items()}
    without = [id_ for id_, photo in zip(columns[_ID], columns[IMAGE], strict=True) if not photo]
    report.add("photo-missing", "kept", "Products with no file under their photo's path.", without)
    normalise_split(columns, report)
    choices = [name for name in columns if name not in _NOT_SEVERAL]
    flags = [name for name in choices if are_flags(columns[name])]
    for name in flags:
        columns[name] = [flag(value) for value in columns[name]]
    attributes = [
        name for name in choices if name not in flags and (name in config.columns or _is_attribute(columns[name]))
    ]
    return Products(path, columns.pop(_ID), columns, tuple(attributes), tuple(flags), report)


def _read_columns(path: Path, report: CleaningReport) -> _Columns:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        columns = _read_parquet(path)
    elif suffix in (".jsonl", ".ndjson"):
        columns = _read_json_lines(path, report)
    else:
        columns = _read_delimited(path, report)
    if not any(map(len, columns.values())):
        raise CatalogError(f"Expected products in {path}, found none.")
    return columns


def _read_delimited(path: Path, report: CleaningReport) -> _Columns:
    lines = read_lines(path, report)
    # The lines keep their numbers, which mistakes are told by.
    head = next((number for number, line in enumerate(lines) if line.strip() and not _SEP.fullmatch(line)), 0)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(_DELIMITERS, key=lines[head].count)
    lines[:head] = [""] * head
    csv.field_size_limit(_MAX_CELL)  # beyond Python's own 131,072: all of the file is in memory anyway
    reader = csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    uneven = []
    started = 1
    try:
        names = [name.strip() for name in next(filter(None, reader))]
        started = reader.line_num + 1
        for row in reader:
            # Spreadsheets like to pad lines with empty cells.
            while len(row) > len(names) and not row[-1]:
                row.pop()
            if len(row) == len(names):
                rows.append(row)
            elif any(row):
                uneven.append(f"line {started}")
            started = reader.line_num + 1
    except csv.Error as error:
        raise CatalogError(
            f"{path}, line {started}: {error}. Check the quotes there: each one that opens a cell must close it."
        ) from error
    if repeated := sorted({name for name in names if names.count(name) > 1 and name}):
        raise CatalogError(f"The columns of {path} must have different names; found twice: {', '.join(repeated)}.")
    report.rows_read = len(uneven)
    report.add("row-uneven", "dropped", f"Lines that do not have {len(names)} cells.", uneven)
    return {name: [row[at] for row in rows] for at, name in enumerate(names) if name}


def _read_json_lines(path: Path, report: CleaningReport) -> _Columns:
    records = []
    for number, line in enumerate(read_lines(path, report), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CatalogError(f"{path}, line {number}: expected one JSON object a line ({error}).") from error
        if not isinstance(record, dict):
            raise CatalogError(f"{path}, line {number}: expected a JSON object, found {line.strip()[:40]}.")
        records.append(dict(_flatten(record)))
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _flatten(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the values of nested objects under dotted names."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _read_parquet(path: Path) -> _Columns:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependencyError("pyarrow", "parquet", "to read a Parquet catalog") from error
    try:
        names = parquet.read_schema(path).names
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise CatalogError(f"The columns of {path} must have different names; found twice: {', '.join(repeated)}.")
        table = parquet.read_table(path)
        while any(pyarrow.types.is_struct(column.type) for column in table.schema):
            table = table.flatten()
        # As text: Python's own dates end in the year 9999, and know fewer time zones.
        dates = [pyarrow.types.is_temporal(column.type) for column in table.schema]
        columns = [column.cast("string") if date else column for column, date in zip(table.columns, dates, strict=True)]
        return {name: column.to_pylist() for name, column in zip(table.column_names, columns, strict=True)}
    except (OSError, ValueError, OverflowError, pyarrow.ArrowException) as error:
        raise CatalogError(f"{path} can't be read as Parquet: {' '.join(str(error).split())}") from error


def _rename(source: _Columns, config: CatalogConfig, path: Path, report: CleaningReport) -> _Columns:
    """Give the columns our names; the order stays that of the file."""
    names: dict[str, list[str]] = {}
    for ours, theirs in config.columns.items():
        if theirs not in source and ours == IMAGE and not config.photos:
            continue
        if theirs not in source:
            raise CatalogError(
                f'catalog.columns asks for a column "{theirs}" (as {ours}), but {path} has: {", ".join(source)}.'
                + did_you_mean(theirs, source)
            )
        names.setdefault(theirs, []).append(ours)
    hidden = [theirs for theirs in source if theirs not in names and theirs in config.columns]
    report.add("column-hidden", "ignored", "Columns whose name catalog.columns gives to another one.", hidden)
    renamed = {
        ours: values
        for theirs, values in source.items()
        if theirs not in hidden
        for ours in names.get(theirs, [theirs])
    }
    if IMAGE not in renamed:
        if config.photos:
            raise CatalogError(
                f"No column of {path} is known to hold the photos' paths; it has: {', '.join(source)}. "
                "Name the one that does: --set catalog.columns.image=COLUMN; or say that there are none: --set "
                "catalog.photos=false"
            )
        renamed[IMAGE] = [""] * max(map(len, source.values()), default=0)
    return renamed


def _clean_cells(source: _Columns, config: CatalogConfig) -> dict[str, list[str]]:
    """Turn every cell into text, and make sure of an id: the photos' stems where unique, or else row numbers."""
    cells = CellReader(config)
    columns = {
        name: [(cells.single if name in _NOT_SEVERAL else cells.several)(value) for value in values]
        for name, values in source.items()
    }
    if _ID in source:
        # An id is never missing: "NA" may be one.
        columns[_ID] = list(map(CellReader(CatalogConfig(missing=())).single, source[_ID]))
        return columns
    stems = [Path(photo).stem for photo in columns[IMAGE]]
    unique = len(set(stems)) == len(stems) and all(stems)
    columns[_ID] = stems if unique else [str(row) for row in range(1, len(stems) + 1)]
    return columns


def _resolve(photos: Sequence[str], folder: Path) -> list[str]:
    """Return absolute paths, "" where there is no file (os.path, since it takes any text without an exception)."""
    paths = [os.path.normpath(os.path.join(folder, photo)) if photo else "" for photo in photos]  # noqa: PTH118
    return [path if path and os.path.isfile(path) else "" for path in paths]  # noqa: PTH113


def _is_attribute(values: list[str]) -> bool:
    filled = [value for value in values if value]
    labels = {label for value in set(filled) for label in value.split(JOINT)}
    return 2 <= len(labels) <= min(_MAX_LABELS, len(filled) // 2) and not all(map(_is_number, labels))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
