"""Every error that tagger raises on purpose.

    TaggerError                     exit code 1
    ├── ConfigError                 a config file or an override is wrong
    ├── CatalogError                a catalog can't be read, or lacks what is asked of it
    │   └── SplitError              a split is missing, unknown, or leaks near-duplicates
    ├── PhotoError                  one photo can't be used (never stops a run of many)
    ├── LabelError                  a label or an attribute is unknown
    ├── TrainingError               training can't start, go on or be resumed
    ├── BundleError                 a bundle is missing, damaged, or of another version
    ├── IndexFolderError            an index is missing, damaged, or of another version
    ├── DatabaseError               a database can't be reached, went away, or refuses what is asked of it
    ├── SearchError                 a look-up asks for what an index can't answer
    ├── ReportError                 an earlier report is missing, or none
    ├── OutputError                 a result can't be written
    └── MissingDependencyError      an optional package is not installed

Each message is one sentence or two: what was expected, what was found, what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TaggerError(Exception):
    """Base class: the command line prints its message and exits with `exit_code`."""

    exit_code = 1


class ConfigError(TaggerError):
    """A config file or a `--set` override is wrong. The message lists every mistake, not just the first."""


class CatalogError(TaggerError):
    """A catalog can't be read, or lacks what is asked of it."""


class SplitError(CatalogError):
    """A split is missing or unknown, or one near-duplicate group spans two parts of it."""


class PhotoError(TaggerError):
    """One photo can't be used: unreadable, too large, not an image."""


class LabelError(TaggerError):
    """A label or an attribute is unknown."""


class TrainingError(TaggerError):
    """Training can't start, go on or be resumed."""


class BundleError(TaggerError):
    """A bundle is missing, damaged, or of a version that this program can't read."""


class IndexFolderError(TaggerError):
    """An index is missing, damaged, or made by a version that this program can't read."""


class DatabaseError(TaggerError):
    """A database server can't be reached, went away, lacks what an index needs, or refuses what is asked of it."""


class SearchError(TaggerError):
    """A look-up asks for what an index can't answer: an unknown id or column, weights that cancel out."""


class ReportError(TaggerError):
    """An earlier report to compare with is missing, or is none."""


class OutputError(TaggerError):
    """A result can't be written."""


class MissingDependencyError(TaggerError):
    """An optional package is not installed.

    Args:
        package: distribution name, such as "scikit-learn".
        extra: the extra of `catalog-tagger` that brings it.
        purpose: what it is needed for, to finish "… is needed".
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{package} is needed {purpose}. Install it with: pip install 'catalog-tagger[{extra}]'")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ' Did you mean "…"?' for the nearest of the known words, or '' where none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    if not near:
        folded = {k.casefold(): k for k in known}
        near = [folded[word.casefold()]] if word.casefold() in folded else []
    return f' Did you mean "{near[0]}"?' if near else ""
