"""The index: one folder of unit vectors and what they stand for. Exact cosine search, NumPy alone, no pickle.

index/
  index.json           format, version, the bundle it was made with, sizes and checksums of the other files
  vectors.npy          float32 (N, D) unit vectors
  items.jsonl          id, title, labels and photo of each (see `items`)
  items.offsets.npy
  ids.npy
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tagger.errors import IndexFolderError
from tagger.search.items import Item, ItemStore, map_array
from tagger.search.manifest import VECTORS, check_files, damaged, read_manifest

#: Larger files are not read whole to open an index: `Index.verify` does that.
_MAX_CHECKED_BYTES = 64_000_000
#: Scores computed at once, 1 MB of them.
_CHUNK = 262_144
#: What rounding may add to the cosine of two unit vectors.
_LARGEST_SCORE = 1.001


@dataclass(frozen=True, repr=False)
class Hit(Item):
    """A product that was found.

    Args:
        score: cosine of its embedding and the query's, -1 to 1.
    """

    score: float = 0.0

    def __repr__(self) -> str:
        return f"Hit({self.id!r}, {self.score:.4f}, {self.title!r})"


@dataclass(frozen=True, repr=False, eq=False)
class Index:
    """An opened index; `Index.open` checks it first.

    Args:
        path: its folder.
        manifest: what `index.json` says.
        vectors: float32 (N, D) unit vectors, memory-mapped and read-only; all zeros where the embedding was.
        items: what they stand for, row by row.
    """

    path: Path
    manifest: dict[str, Any]
    vectors: NDArray[np.float32]
    items: ItemStore

    @classmethod
    def open(cls, path: Path | str) -> Index:
        """Open an index folder.

        Sizes are always checked, checksums of files up to 64 MB.

        Raises:
            IndexFolderError: missing, half-copied, changed, or of a version that this program can't read.
        """
        folder = Path(path)
        manifest = read_manifest(folder)
        check_files(folder, manifest["files"], _MAX_CHECKED_BYTES)
        shape = (manifest["count"], manifest["dimensions"])
        vectors = map_array(folder / VECTORS, np.dtype(np.float32), shape)
        return cls(folder, manifest, cast(NDArray[np.float32], vectors), ItemStore(folder, shape[0]))

    def verify(self) -> None:
        """Read every file whole and compare its checksum.

        Raises:
            IndexFolderError: one of them was changed.
        """
        check_files(self.path, self.manifest["files"], None)

    def __repr__(self) -> str:
        return f"Index({str(self.path)!r}, {len(self):,} products, {self.dimensions} dimensions)"

    def __len__(self) -> int:
        return len(self.vectors)

    def __contains__(self, id_: str) -> bool:
        return self.items.row(id_) is not None

    @property
    def dimensions(self) -> int:
        """Numbers in an embedding."""
        return int(self.vectors.shape[1])

    @property
    def bundle_id(self) -> str:
        """`Bundle.id` of the bundle whose embeddings it holds: no others can be compared with them."""
        return str(self.manifest["bundle"]["id"])

    def bundle_paths(self) -> Iterator[Path]:
        """Where that bundle was when the index was made, absolute and relative to the index."""
        return (self.path / place for place in self.manifest["bundle"]["places"])

    def item(self, id_: str) -> Item:
        """What the index knows of a product.

        Raises:
            IndexFolderError: it has no such product.
        """
        return self.items.read(self._row(id_))

    def vector(self, id_: str) -> NDArray[np.float32]:
        """Unit vector of a product, float32 (D,).

        Raises:
            IndexFolderError: it has no such product.
        """
        return np.array(self.vectors[self._row(id_)])

    def similar(self, vector: ArrayLike, k: int = 5, *, exclude: Iterable[str] = ()) -> list[Hit]:
        """Find the products nearest to an embedding.

        Args:
            vector: an embedding (D,), of any length but zero.
            k: hits wanted; there are fewer where the index has fewer.
            exclude: ids to leave out; ids that the index does not have don't matter.

        Returns:
            The hits, the best first. Of equal ones the one indexed first comes first, which after `tagger index` is
            the one with the lower id.

        Raises:
            IndexFolderError: the vector can't be compared with those of the index, or the index is damaged.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        excluded = [row for id_ in exclude if (row := self.items.row(id_)) is not None]
        rows, scores = self._nearest(self._unit(vector), k, np.array(excluded, dtype=np.int64))
        return [
            Hit(**vars(self.items.read(row)), score=min(1.0, max(-1.0, score)))
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
        ]

    def similar_to(self, id_: str, k: int = 5) -> list[Hit]:
        """Find the products nearest to one of the index, itself left out.

        Raises:
            IndexFolderError: it has no such product.
        """
        return self.similar(self.vector(id_), k, exclude=[id_])

    def similar_to_photo(self, vector: ArrayLike, photo: Path | str, k: int = 5) -> list[Hit]:
        """Find the products nearest to a photo's embedding, those of that very file left out.

        Copies of the photo in other files stay, as near-duplicates do.
        """
        photo = Path(photo).resolve()
        reach = k + 1
        while True:
            hits = self.similar(vector, reach)
            others = [hit for hit in hits if not hit.image or Path(hit.image).resolve() != photo]
            if len(others) >= k or len(hits) < reach:
                return others[:k]
            reach *= 2

    def _row(self, id_: str) -> int:
        row = self.items.row(id_)
        if row is None:
            raise IndexFolderError(
                f'There is no product "{id_}" among the {len(self):,} of the index {self.path}.{self.items.hint(id_)}'
            )
        return row

    def _unit(self, vector: ArrayLike) -> NDArray[np.float32]:
        query = np.asarray(vector, dtype=np.float64)
        if query.shape != (self.dimensions,):
            raise IndexFolderError(
                f"The index {self.path} holds embeddings of {self.dimensions} numbers, the query has the shape "
                f"{query.shape}. Query it with embeddings of the bundle that it was made with."
            )
        norm = np.linalg.norm(query)
        if not np.isfinite(norm) or norm == 0:
            raise IndexFolderError(
                "The query's embedding has no direction (zeros or NaN), so nothing is similar to it. Try another photo."
            )
        return (query / norm).astype(np.float32)

    def _nearest(
        self, query: NDArray[np.float32], k: int, excluded: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and scores of the k nearest, each (min(k, N - excluded),)."""
        rows, scores = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        for start in range(0, len(self), _CHUNK):
            # Row by row, unlike a matrix product: equal vectors get equal scores wherever they stand.
            chunk = np.vecdot(self.vectors[start : start + _CHUNK], query)
            if not chunk.max() <= _LARGEST_SCORE:
                raise damaged(self.path / VECTORS, "it holds vectors that are not of length 1")
            here = excluded[(excluded >= start) & (excluded < start + len(chunk))]
            chunk[here - start] = -np.inf
            scores = np.concatenate([scores, chunk])
            rows = np.concatenate([rows, np.arange(start, start + len(chunk))])
            best = _largest(scores, k)
            rows, scores = rows[best], scores[best]
        return rows, scores


def _largest(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Positions of the k largest finite scores, the largest first, of equal ones the first first."""
    limit = np.partition(scores, -k)[-k] if len(scores) > k else -np.inf
    candidates = np.flatnonzero((scores >= limit) & np.isfinite(scores))
    return candidates[np.argsort(-scores[candidates], kind="stable")][:k]
