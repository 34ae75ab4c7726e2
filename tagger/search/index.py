"""The index in a folder: exact search by cosine, NumPy alone, no pickle. Ten processes that open it share its memory.

index/
  index.json              which segments there are, the bundle it was made with, sizes and checksums
  000001-0a1b2c3d/        a segment: products that were indexed together (see `segment`)
  000001-….deleted-2.npy  rows of it that were deleted or replaced since
  lock                    held by whoever changes the index

A change writes a new segment, then puts a new `index.json` in the place of the old one, in one step. So a process that
is killed changes nothing, and one that has the index open goes on with what it saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tagger.errors import IndexFolderError
from tagger.search.base import BaseIndex, hit_of
from tagger.search.best import Best, search_exactly
from tagger.search.filters import Filter, check_columns
from tagger.search.hints import id_hint
from tagger.search.items import Item
from tagger.search.manifest import check_files, read_manifest
from tagger.search.near import FEW, search_nearby
from tagger.search.postings import read_weights
from tagger.search.product_index import Change, Hit, Query
from tagger.search.segment import Segment
from tagger.search.text import TextVector, WordWeights

#: Larger files are not read whole to open an index: `Index.verify` does that.
_MAX_CHECKED_BYTES = 16_000_000
#: Queries looked up together.
_BLOCK = 128
_SCAN = 4_096
#: Changes that may come in between while an index is opened.
_TRIES = 20


class Index(BaseIndex):
    """An opened index, as it was at that moment or after its own last change. Offers what `ProductIndex` says.

    Args:
        path: its folder.
        exact: never use the approximate index.

    Raises:
        IndexFolderError: missing, half-copied, changed, or of a version that this program can't read. Sizes are always
            checked, checksums of files up to 16 MB.
    """

    def __init__(self, path: Path | str, *, exact: bool = False) -> None:
        self.path = Path(path)
        self.exact = exact
        self._open()

    @classmethod
    def open(cls, path: Path | str, *, exact: bool = False) -> Index:
        """Open an index folder."""
        return cls(path, exact=exact)

    def _open(self) -> None:
        for attempt in range(_TRIES):
            self.manifest = read_manifest(self.path)
            try:
                self.segments = [
                    Segment(self.path, entry, self.manifest.dimensions, _MAX_CHECKED_BYTES)
                    for entry in self.manifest.segments
                ]
                self._weights = read_weights(self.segments[0].folder) if self.segments else WordWeights.none()
                break
            except (IndexFolderError, FileNotFoundError):
                # Somebody may have changed the index since, and removed segments of old.
                if attempt == _TRIES - 1 or read_manifest(self.path) == self.manifest:
                    raise
        self._starts = np.cumsum([0, *map(len, self.segments)])

    def verify(self) -> None:
        """Read every file whole and compare its checksum.

        Raises:
            IndexFolderError: one of them was changed.
        """
        for segment in self.segments:
            check_files(segment.folder, segment.entry.files, None)

    def __repr__(self) -> str:
        return f"Index({str(self.path)!r}, {len(self):,} products, {self.dimensions} dimensions)"

    def __len__(self) -> int:
        return sum(entry.live for entry in self.manifest.segments)

    def __contains__(self, id_: str) -> bool:
        return self._find(id_) is not None

    @property
    def place(self) -> str:
        """Its folder."""
        return str(self.path)

    @property
    def dimensions(self) -> int:
        """Numbers in an embedding."""
        return self.manifest.dimensions

    @property
    def bundle_id(self) -> str:
        """`Bundle.embeddings_id` of the bundle whose embeddings it holds: no others can be compared with them."""
        return self.manifest.bundle_id

    @property
    def bundle_name(self) -> str:
        """How a person knows that bundle; "" where nobody said."""
        return self.manifest.bundle_name

    def bundle_paths(self) -> Iterator[Path]:
        """Where that bundle was when the index was made, absolute and relative to the index."""
        return (self.path / place for place in self.manifest.places)

    @property
    def columns(self) -> list[str]:
        """Labels and facts that filters can ask for."""
        return list(dict.fromkeys(name for segment in self.segments for name in segment.columns.names))

    @property
    def labels(self) -> list[str]:
        """Those that are labels."""
        return list(dict.fromkeys(name for segment in self.segments for name in segment.columns.labels))

    @property
    def recall(self) -> float | None:
        """The lowest recall of its approximate indexes, as measured when they were built; None where it has none."""
        return min((r for entry in self.manifest.segments if (r := entry.recall) is not None), default=None)

    def item(self, id_: str) -> Item:
        """What the index knows of a product.

        Raises:
            SearchError: it has no such product.
        """
        segment, row = self._locate(id_)
        return segment.items.read(row)

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of products, float32 (N, D).

        Raises:
            SearchError: it lacks one of them.
        """
        vectors = np.empty((len(ids), self.dimensions), dtype=np.float32)
        for vector, (segment, row) in zip(vectors, map(self._locate, ids), strict=True):
            vector[:] = segment.unit_vectors([row])[0]
        return vectors

    def hint(self, id_: str) -> str:
        """Return ' Did you mean "…"?' for an id near one that it does not have, or ''."""
        return id_hint(id_, self.__contains__)

    def count(self, where: Sequence[Filter]) -> int:
        """Products that meet all these filters; see `ProductIndex.count`."""
        check_columns(where, self.columns, f"the index {self.place}")
        accepted = [self._accepted(segment, where) for segment in self.segments]
        return sum(
            len(segment) if rows is None else len(rows) for segment, rows in zip(self.segments, accepted, strict=True)
        )

    def encode(self, text: str) -> TextVector | None:
        """The unit vector of a text with the index's own weights of words; None where it holds no word."""
        return self._weights.encode(text)

    def encode_item(self, item: Item) -> TextVector | None:
        """The same of a product's name, or else its description; None where it has neither."""
        return self._weights.encode_item(item)

    def scan(self) -> Iterator[tuple[list[Item], NDArray[np.float32]]]:
        """All products, some thousand at a time: items (N) and unit vectors float32 (N, D), the oldest first."""
        for segment in self.segments:
            live = segment.live_rows
            rows = np.arange(len(segment)) if live is None else live
            for start in range(0, len(rows), _SCAN):
                chosen = rows[start : start + _SCAN]
                yield [segment.items.read(row) for row in chosen.tolist()], segment.unit_vectors(chosen)

    def search(
        self, queries: Sequence[Query], k: int = 5, *, where: Sequence[Filter] = (), min_score: float | None = None
    ) -> list[list[Hit]]:
        """Find the k best products for each query, the best first; see `ProductIndex.search`.

        Raises:
            SearchError: the index is empty or lacks a column, or a query can't be compared with it.
            IndexFolderError: the index is damaged.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        self._check(len(self), self.columns, queries, where)
        rows = [self._accepted(segment, where) for segment in self.segments]
        found: dict[int, Best] = {}
        # A block either looks at vectors, or it does not.
        for with_image in (True, False):
            numbers = [number for number, query in enumerate(queries) if (query.image is not None) == with_image]
            for start in range(0, len(numbers), _BLOCK):
                block = numbers[start : start + _BLOCK]
                found |= zip(block, self._search_block([queries[number] for number in block], k, rows), strict=True)
        return [self._hits(query, found[number], k, min_score) for number, query in enumerate(queries)]

    def add(self, items: Iterable[tuple[Item, ArrayLike]], *, bundle_id: str, bundle_name: str = "") -> Change:
        """Add products, or put them in the place of those with the same id; see `ProductIndex.add`."""
        from tagger.search.changes import add_products

        change = add_products(self.path, items, bundle_id, bundle_name)
        self._open()
        return change

    def remove(self, ids: Iterable[str]) -> list[str]:
        """Remove products; returns the ids of those that were there."""
        from tagger.search.changes import remove_products

        removed = remove_products(self.path, ids)
        self._open()
        return removed

    def _find(self, id_: str) -> tuple[Segment, int] | None:
        for segment in reversed(self.segments):
            if (row := segment.row(id_)) is not None:
                return segment, row
        return None

    def _locate(self, id_: str) -> tuple[Segment, int]:
        found = self._find(id_)
        if found is None:
            raise self._unknown(id_)
        return found

    @staticmethod
    def _accepted(segment: Segment, where: Sequence[Filter]) -> NDArray[np.int64] | None:
        """Rows that are not deleted and meet the filters; None for all."""
        if not where:
            return segment.live_rows
        rows = np.flatnonzero(segment.columns.accepted(where))
        return rows if segment.live_rows is None else np.intersect1d(rows, segment.live_rows, assume_unique=True)

    def _search_block(self, queries: list[Query], k: int, rows: Sequence[NDArray[np.int64] | None]) -> Iterator[Best]:
        """The best of all segments, with room for what a query excludes."""
        best = [Best.none() for _ in queries]
        reach = k + max(len(query.exclude) for query in queries)
        for segment, start, accepted in zip(self.segments, self._starts.tolist(), rows, strict=False):
            if accepted is not None and not len(accepted):
                continue
            search = search_nearby if self._is_approximate(segment, queries, accepted) else search_exactly
            found = search(segment, queries, reach, accepted, self._weights)
            best = [
                mine.merged(theirs._replace(rows=theirs.rows + start), reach)
                for mine, theirs in zip(best, found, strict=True)
            ]
        yield from best

    def _is_approximate(self, segment: Segment, queries: Sequence[Query], accepted: NDArray[np.int64] | None) -> bool:
        few = accepted is not None and len(accepted) < FEW and len(accepted) < len(segment) / 2
        return not self.exact and segment.entry.recall is not None and queries[0].image is not None and not few

    def _hits(self, query: Query, best: Best, k: int, min_score: float | None) -> list[Hit]:
        hits: list[Hit] = []
        for row, total, image, text in zip(*(part.tolist() for part in best), strict=True):
            if len(hits) == k or (min_score is not None and total < min_score):
                break
            number = int(np.searchsorted(self._starts, row, "right")) - 1
            item = self.segments[number].items.read(row - int(self._starts[number]))
            if item.id not in query.exclude:
                hits.append(hit_of(query, item, total, image, text))
        return hits
