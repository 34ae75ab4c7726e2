"""Make an index to search in: catalog, bundle, folder, products to embed, products that the index shall hold.

What the catalog has too few of is repeated under ids of its own.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from tagger.inference import Tagger
from tagger.inference.sources import find_sources
from tagger.search.build import build_index
from tagger.search.items import Item


def main(catalog: str, bundle: str, folder: str, embedded: int, wanted: int) -> None:
    """Embed, then write."""
    tagger = Tagger.open(bundle)
    photos = islice((photo for photo in find_sources([catalog]) if photo.path), embedded)
    products = [
        (
            Item(tagged.id, "", {name: tag.label for name, tag in tagged.tags.items()}, (), tagged.image),
            tagged.embedding,
        )
        for tagged in tagger.run(photos, top_k=1, other_heads=False)
        if tagged.embedding is not None
    ]
    build_index(
        islice(_repeated(products), max(wanted, len(products))), folder,
        bundle_id=tagger.bundle.embeddings_id, bundle_path=tagger.bundle.path,
    )  # fmt: skip


def _repeated(products: list[tuple[Item, Any]]) -> Iterator[tuple[Item, Any]]:
    yield from products
    for copy in count(1):
        for item, embedding in products:
            # The photo gets a name of its own, too: hits with the query's own photo would be left out.
            yield dataclasses.replace(item, id=f"{item.id}-{copy}", image=f"{item.image}-{copy}"), embedding


if __name__ == "__main__":
    catalog_path, bundle_path, index_folder, most, least = sys.argv[1:]
    main(catalog_path, bundle_path, index_folder, int(most), int(least))
