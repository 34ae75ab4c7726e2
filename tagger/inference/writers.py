"""Write tags as CSV, JSON lines or Parquet, row by row."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TextIO

from tagger.errors import MissingDependencyError, OutputError
from tagger.files import writable
from tagger.inference.fusion import TITLE
from tagger.inference.tags import Tag, Tagged

SUFFIXES = (".csv", ".jsonl", ".parquet")
_PARQUET_ROWS = 4096
_TRUTH = {True: "true", False: "false"}


class TagWriter(Protocol):
    """Takes one result after the other; `close` finishes the file."""

    def write(self, tagged: Tagged) -> None: ...

    def close(self) -> None: ...


def check_output(path: Path) -> None:
    """Make sure that tags can be written in the format that a file's suffix names, before hours of work.

    Raises:
        OutputError: an unknown suffix.
        MissingDependencyError: Parquet without pyarrow.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(
            f"Can't write {path}: tags are written as {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, "
            f"not as {path.suffix or 'a file without suffix'}. Rename the output."
        )
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise MissingDependencyError("pyarrow", "parquet", "to write Parquet")


def open_writer(path: Path, suffix: str, attributes: Sequence[str]) -> TagWriter:
    """A writer for a file.

    Args:
        path: the file to write.
        suffix: one of SUFFIXES; `check_output` has approved of it.
        attributes: names of the attributes, in order.
    """
    if suffix == ".parquet":
        return ParquetWriter(path, attributes)
    file = path.open("w", encoding="utf-8", newline="")
    return CsvWriter(file, attributes) if suffix == ".csv" else JsonLinesWriter(file)


def columns(attributes: Sequence[str]) -> list[str]:
    """Names of the columns of CSV and Parquet."""
    tags = [f"{attribute}{end}" for attribute in attributes for end in ("", "_confidence", "_needs_review")]
    return ["id", "image", *tags, "not_a_product", "error"]


def to_row(tagged: Tagged, attributes: Sequence[str]) -> list[Any]:
    """The cells of a result, None where there is no tag."""
    row: list[Any] = [writable(tagged.id), writable(tagged.image)]
    for name in attributes:
        tag = tagged.tags.get(name)
        row += [tag.label, tag.confidence, tag.needs_review] if tag else [None, None, None]
    return [*row, _not_a_product(tagged), writable(tagged.error)]


def to_json(tagged: Tagged) -> dict[str, Any]:
    """A result as JSON: what it comes from, runners-up, the other heads and the novelty included."""
    return {
        "id": writable(tagged.id),
        "image": writable(tagged.image),
        "inputs": tagged.inputs,
        "tags": {name: _tag_to_json(tag) for name, tag in tagged.tags.items()},
        "other_heads": tagged.heads,
        "not_a_product": _not_a_product(tagged),
        "novelty": tagged.novelty,
        "error": writable(tagged.error),
    }


class CsvWriter:
    """CSV with the columns of `columns`, to an open text file."""

    def __init__(self, file: TextIO, attributes: Sequence[str]) -> None:
        self._file = file
        self._attributes = attributes
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(columns(attributes))

    def write(self, tagged: Tagged) -> None:
        row = to_row(tagged, self._attributes)
        self._writer.writerow([_TRUTH[cell] if isinstance(cell, bool) else cell for cell in row])

    def close(self) -> None:
        self._file.close()


class JsonLinesWriter:
    """One JSON object a line, to an open text file."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, tagged: Tagged) -> None:
        self._file.write(json.dumps(to_json(tagged), ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()


class ParquetWriter:
    """Parquet with the columns of `columns`, one row group for every few thousand rows."""

    def __init__(self, path: Path, attributes: Sequence[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._attributes = attributes
        text, number, truth = pa.string(), pa.float32(), pa.bool_()
        types = [text, text, *(text, number, truth) * len(attributes), truth, text]
        self._schema = pa.schema(list(zip(columns(attributes), types, strict=True)))
        self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[list[Any]] = []

    def write(self, tagged: Tagged) -> None:
        self._rows.append(to_row(tagged, self._attributes))
        if len(self._rows) == _PARQUET_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        cells = [list(column) for column in zip(*self._rows, strict=True)] or [[] for _ in self._schema]
        self._rows = []
        self._writer.write_table(pa.table(cells, schema=self._schema))


def _not_a_product(tagged: Tagged) -> bool | None:
    """What the photo says; None where no photo was looked at."""
    return None if tagged.error or tagged.inputs == TITLE else tagged.not_a_product


def _tag_to_json(tag: Tag) -> dict[str, Any]:
    return {
        "label": tag.label,
        "confidence": tag.confidence,
        "needs_review": tag.needs_review,
        "runners_up": [{"label": label, "confidence": p} for label, p in tag.runners_up],
    }
