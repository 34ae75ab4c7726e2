"""The catalog: one clean table of products, and the report of what was cleaned on the way to it.

Tagging and searching need neither labels in order nor sums over them, so they work on `Products`, without pandas.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tagger.errors import CatalogError, MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd

#: Columns that have a meaning of their own; every other text column may serve as an attribute.
IMAGE = "image"
TITLE = "title"
DESCRIPTION = "description"
METADATA_COLUMNS = (TITLE, "brand", "price", "ageGroup", "year", DESCRIPTION)


@dataclass(frozen=True)
class Finding:
    """One kind of trouble met while reading or cleaning.

    Args:
        kind: short name in kebab case, such as "photo-missing".
        action: what was done: "dropped", "repaired", "merged", "masked", "kept" or "ignored".
        count: how many rows (or photos) it concerns.
        why: one sentence for the reader of the report.
        examples: the first few ids or values, at most five.
    """

    kind: str
    action: str
    count: int
    why: str
    examples: tuple[str, ...] = ()


@dataclass
class CleaningReport:
    """What happened between the files and the table, in the order in which it happened."""

    rows_read: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, kind: str, action: str, why: str, concerned: list[str]) -> None:
        """Note one finding; nothing is noted where it concerns no row."""
        if concerned:
            self.findings.append(Finding(kind, action, len(concerned), why, tuple(concerned[:5])))


@dataclass(frozen=True)
class Products:
    """Products and what is known of them, column by column, as a reader leaves them.

    Args:
        root: the folder or file that they were read from.
        ids: unique, none empty.
        columns: by name, each with one text a product; "" means missing and is never a class. `image` is always
            there and holds an absolute path, or "" for none. A cell may hold several values joined by "|". Besides:
            the attribute columns, those of METADATA_COLUMNS that the source has, the flag columns ("true", "false"
            or ""), and `split` ("train", "validation", "test") where the layout itself gives one.
        attributes: names of the columns that can be predicted from a photo, in the order of the source.
        flags: names of the boolean columns.
        report: what was dropped or repaired.
    """

    root: Path
    ids: list[str]
    columns: dict[str, list[str]]
    attributes: tuple[str, ...]
    flags: tuple[str, ...]
    report: CleaningReport

    def __len__(self) -> int:
        return len(self.ids)

    def to_catalog(self) -> Catalog:
        """Make one table of the columns.

        Raises:
            CatalogError: photos lie in a folder whose name is not UTF-8.
            MissingDependencyError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingDependencyError("pandas", "report", "to work with a catalog as one table") from error
        try:
            table = pd.DataFrame(self.columns, index=pd.Index(self.ids, name="id", dtype=str), dtype=str)
        except UnicodeEncodeError as error:
            raise CatalogError(f"A folder of {str(self.root.absolute())!a} is not UTF-8. Rename it.") from error
        return Catalog(self.root, table, self.attributes, self.flags, self.report)


@dataclass(frozen=True)
class Catalog:
    """The same as one table.

    Args:
        root: the folder or file that it was read from.
        table: one row a product; the index `id` is text and unique; the columns are those of `Products`, as text
            (dtype str/object).
        attributes: names of the columns that can be predicted from a photo, in the order of the source.
        flags: names of the boolean columns.
        report: what was dropped or repaired.
    """

    root: Path
    table: pd.DataFrame
    attributes: tuple[str, ...]
    flags: tuple[str, ...]
    report: CleaningReport

    def __len__(self) -> int:
        return len(self.table)
