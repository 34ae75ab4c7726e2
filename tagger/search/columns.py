"""The filter columns of a segment: what labels and facts its products have.

    columns.json    for each column its different cells, and the width of a code in bytes
    columns.npy     uint8: the codes of each column in turn, one a product

A filter looks at the different cells, of which there are few, and then at the codes.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tagger.search.arrays import open_array
from tagger.search.filters import Filter
from tagger.search.items import Item
from tagger.search.manifest import damaged

NAMES, CODES = "columns.json", "columns.npy"
COLUMN_FILES = (NAMES, CODES)


class ColumnWriter:
    """Takes in one product after the other; eight bytes a cell that is not empty stay in memory until `finish`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._codes: dict[str, dict[str, int]] = {}
        self._cells: dict[str, tuple[array[int], array[int]]] = {}
        self._labels: set[str] = set()
        self._row = 0

    def write(self, item: Item) -> None:
        """Append a product."""
        for name, cell in (item.labels | item.facts).items():
            codes = self._codes.setdefault(name, {"": 0})
            rows, cells = self._cells.setdefault(name, (array("i"), array("i")))
            rows.append(self._row)
            cells.append(codes.setdefault(cell, len(codes)))
        self._labels.update(item.labels)
        self._row += 1

    def finish(self) -> None:
        """Write both files."""
        about, parts = {}, [np.empty(0, dtype=np.uint8)]
        for name, codes in self._codes.items():
            column = np.zeros(self._row, dtype=np.min_scalar_type(len(codes) - 1))
            rows, cells = self._cells[name]
            column[rows] = cells
            about[name] = {"cells": list(codes), "width": column.itemsize, "label": name in self._labels}
            parts.append(column.view(np.uint8))
        (self._folder / NAMES).write_text(json.dumps(about), encoding="ascii")
        np.save(self._folder / CODES, np.concatenate(parts))


class Columns:
    """The filter columns of a segment; the cells are read when the first filter comes, from a file open since before.

    Args:
        folder: holds both files.
        count: products of the segment.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count
        self._codes = cast(NDArray[np.uint8], open_array(folder / CODES, np.uint8, 1))
        self._names = np.memmap(folder / NAMES, dtype=np.uint8, mode="r")
        self._labels: list[str] = []
        self._read: dict[str, tuple[list[str], NDArray[np.unsignedinteger[Any]]]] | None = None

    @property
    def labels(self) -> list[str]:
        """Those that are labels, in the order in which products first had them."""
        self._columns()
        return self._labels

    @property
    def names(self) -> list[str]:
        """In the order in which products first had them."""
        return list(self._columns())

    def accepted(self, filters: Iterable[Filter]) -> NDArray[np.bool_]:
        """Which products meet all filters, bool (N,). A column that the segment lacks is empty."""
        accepted = np.ones(self._count, dtype=np.bool_)
        for each in filters:
            if each.column not in self._columns():
                accepted &= each.accepts("")
                continue
            cells, codes = self._columns()[each.column]
            by_code = np.array([each.accepts(cell) for cell in cells])
            try:
                accepted &= by_code[codes]
            except IndexError as error:
                raise damaged(self._folder / CODES, "it holds codes without a cell") from error
        return accepted

    def _columns(self) -> dict[str, tuple[list[str], NDArray[np.unsignedinteger[Any]]]]:
        """Cells and codes (N,) by column.

        Raises:
            IndexFolderError: the files are damaged.
        """
        if self._read is None:
            columns, start, labels = {}, 0, []
            try:
                for name, about in json.loads(self._names.tobytes()).items():
                    width = {1: np.uint8, 2: np.uint16, 4: np.uint32}[about["width"]]
                    stop = start + self._count * about["width"]
                    columns[name] = list(map(str, about["cells"])), self._codes[start:stop].view(width)
                    if len(columns[name][1]) != self._count:
                        raise ValueError(f"too few codes of {name}")
                    start = stop
                    labels += [name] * about["label"]
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise damaged(self._folder / NAMES, "it does not fit columns.npy") from error
            self._read, self._labels = columns, labels
        return self._read
