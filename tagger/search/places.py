"""Where an index may be: in a folder, or in a PostgreSQL database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from numpy.typing import ArrayLike

from tagger.search.index import Index
from tagger.search.items import Item
from tagger.search.product_index import ProductIndex

# A mistyped URL is one, too: as the name of a folder it would be printed with its password.
_DATABASE = re.compile(r"postgres(ql)?:", re.IGNORECASE)


def is_database(place: Path | str) -> bool:
    """Whether a place is the URL of a database; else it is a folder."""
    return isinstance(place, str) and _DATABASE.match(place) is not None


def open_index(place: Path | str, *, exact: bool = False) -> ProductIndex:
    """Open the index of a place.

    Args:
        place: a folder, or the URL of a database: postgresql://USER@HOST/DATABASE.
        exact: never use an approximate index.

    Raises:
        IndexFolderError: there is no index, or it can't be used.
        DatabaseError: the database can't be reached, or refuses.
        MissingDependencyError: what a database needs is not installed.
    """
    if is_database(place):
        from tagger.search.postgres import PostgresIndex

        return PostgresIndex(str(place), exact=exact)
    return Index.open(place, exact=exact)


def write_index(
    items: Iterable[tuple[Item, ArrayLike]],
    place: Path | str,
    *,
    bundle_id: str,
    bundle_name: str = "",
    bundle_path: Path | None = None,
    ann: bool | None = None,
) -> ProductIndex:
    """Write an index to a folder or a database, and open it; see `build_index` and `build_postgres_index`."""
    if is_database(place):
        from tagger.search.postgres import build_postgres_index

        return build_postgres_index(
            items, str(place), bundle_id=bundle_id, bundle_name=bundle_name, bundle_path=bundle_path, ann=ann
        )
    from tagger.search.build import build_index

    return build_index(items, place, bundle_id=bundle_id, bundle_name=bundle_name, bundle_path=bundle_path, ann=ann)
