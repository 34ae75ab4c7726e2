"""What an index knows of its products besides their vectors, read one product at a time.

    items.jsonl          one JSON object a line, ASCII
    items.offsets.npy    uint64 (N + 1,): where each line starts, and where the last one ends
    ids.npy              uint64 (2, N): hashes of the ids in rising order, and the row of each

All three are memory-mapped: to open them costs the same for ten products and for ten million, and so does finding an
id, by a binary search among the hashes.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tagger.search.arrays import map_array
from tagger.search.manifest import damaged

ITEMS = "items.jsonl"
OFFSETS = "items.offsets.npy"
IDS = "ids.npy"
ITEM_FILES = (ITEMS, OFFSETS, IDS)


@dataclass(frozen=True)
class Item:
    """A product as the index knows it.

    Args:
        id: of the product.
        title: "" where unknown.
        labels: value by attribute; several values joined by "|".
        predicted: the attributes whose label the model gave because the catalog has none.
        image: path of its photo.
        description: what the catalog says of it at length; "" where unknown.
        facts: what else the catalog knows of it, by column, such as brand and price.
    """

    id: str
    title: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    predicted: tuple[str, ...] = ()
    image: str = ""
    description: str = ""
    facts: dict[str, str] = field(default_factory=dict)


class ItemWriter:
    """Writes the items of an index one by one; 16 bytes an item stay in memory until `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: BinaryIO = (folder / ITEMS).open("wb")
        self._offsets = array("Q", [0])
        self._hashes = array("Q")

    def __len__(self) -> int:
        return len(self._hashes)

    def write(self, item: Item) -> None:
        """Append an item."""
        line = json.dumps(vars(item), separators=(",", ":")).encode("ascii") + b"\n"
        self._lines.write(line)
        self._offsets.append(self._offsets[-1] + len(line))
        self._hashes.append(_hash(item.id))

    def close(self) -> None:
        """Finish `items.jsonl`."""
        self._lines.close()

    def write_look_up(self) -> None:
        """Write the two files that find lines and ids."""
        hashes = np.array(self._hashes, dtype=np.uint64)
        rows = np.argsort(hashes, kind="stable")
        np.save(self._folder / OFFSETS, np.array(self._offsets, dtype=np.uint64))
        np.save(self._folder / IDS, np.stack([hashes[rows], rows.astype(np.uint64)]))


class ItemStore:
    """The items of an index folder.

    Args:
        folder: holds the three files.
        count: items that there must be.

    Raises:
        IndexFolderError: the files don't fit together.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self._lines = np.asarray(np.memmap(folder / ITEMS, dtype=np.uint8, mode="r"))
        self._offsets = map_array(folder / OFFSETS, np.dtype(np.uint64), (count + 1,))
        self._hashes, self._rows = map_array(folder / IDS, np.dtype(np.uint64), (2, count))
        if self._offsets[-1] != len(self._lines):
            raise damaged(folder / OFFSETS, "it does not fit items.jsonl")

    def __len__(self) -> int:
        return len(self._hashes)

    def read(self, row: int) -> Item:
        """Read the item of a row.

        Raises:
            IndexFolderError: the line is damaged.
        """
        try:
            start, end = self._offsets[row : row + 2].tolist()
            value = json.loads(self._lines[start:end].tobytes())
            labels, facts = (
                {str(name): str(text) for name, text in value[part].items()} for part in ("labels", "facts")
            )
            predicted = tuple(map(str, value["predicted"]))
            id_, title, image, description = (str(value[part]) for part in ("id", "title", "image", "description"))
            return Item(id_, title, labels, predicted, image, description, facts)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise damaged(self.folder / ITEMS, f"item {row} can't be read") from error

    def row(self, id_: str) -> int | None:
        """Row of a product, or None where the index doesn't have it."""
        return next((row for row in self._rows_of_hash(_hash(id_)) if self.read(row).id == id_), None)

    def repeated_id(self) -> str | None:
        """An id that two items share, or None."""
        twice = self._hashes[1:][self._hashes[1:] == self._hashes[:-1]]
        for hash_ in twice:
            ids = [self.read(row).id for row in self._rows_of_hash(int(hash_))]
            if len(set(ids)) < len(ids):
                return max(ids, key=ids.count)
        return None

    def _rows_of_hash(self, hash_: int) -> list[int]:
        first, last = (np.searchsorted(self._hashes, np.uint64(hash_), side) for side in ("left", "right"))
        rows: list[int] = self._rows[first:last].tolist()
        return rows


def _hash(id_: str) -> int:
    # File names that are not UTF-8 reach Python as surrogates.
    return int.from_bytes(hashlib.blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
