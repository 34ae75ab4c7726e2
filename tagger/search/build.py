"""Write an index folder from a stream of products: memory stays bounded however many there are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from numpy.typing import ArrayLike

from tagger.files import atomic_folder, check_replaceable
from tagger.search.ann import require_usearch
from tagger.search.changes import first_segment, replace_products
from tagger.search.index import Index
from tagger.search.items import Item
from tagger.search.manifest import Manifest, is_index, write_manifest


def build_index(
    items: Iterable[tuple[Item, ArrayLike]],
    folder: Path | str,
    *,
    bundle_id: str,
    bundle_name: str = "",
    bundle_path: Path | None = None,
    ann: bool | None = None,
) -> Index:
    """Write an index and open it.

    Args:
        items: products with their embeddings (D,), of any length; they are stored with length 1. One of zeros is
            stored as it is, and has the score 0 with everything.
        folder: where to write; the products of an index that is there already are replaced when the new ones are whole.
        bundle_id: `Bundle.embeddings_id` of the bundle that made the embeddings.
        bundle_name: how a person knows it.
        bundle_path: where that bundle is, so that `tagger similar` finds it.
        ann: whether an approximate index (HNSW) is built, too; None: beyond a million products, if usearch is there.

    Raises:
        IndexFolderError: there are no items, an id comes twice, or an embedding holds NaN or has another size.
        OutputError: the folder can't be written, or holds something else than an index.
        MissingDependencyError: an approximate index is asked for, and usearch is not installed.
    """
    folder = Path(folder)
    check_replaceable(folder, is_index, "an index")
    if ann:
        require_usearch("to build an approximate index")
    fresh = Manifest(0, bundle_id, bundle_name, _places(bundle_path, folder), ann=ann)
    if is_index(folder):
        replace_products(folder, items, fresh)
    else:
        with atomic_folder(folder) as temporary:
            write_manifest(temporary, first_segment(temporary, items, fresh))
    return Index.open(folder)


def _places(bundle: Path | None, index: Path) -> tuple[str, ...]:
    """Absolute, and relative to the index, so that either may move, or both together."""
    if bundle is None:
        return ()
    bundle = bundle.resolve()
    return str(bundle), os.path.relpath(bundle, index.resolve())
