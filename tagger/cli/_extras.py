"""Say in one sentence which package a command lacks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tagger.errors import MissingDependencyError

#: Modules whose distribution has another name.
_DISTRIBUTIONS = {"sklearn": "scikit-learn"}


@contextlib.contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Stand around imports whose packages only an extra brings.

    Args:
        extra: the extra of `catalog-tagger`.
        purpose: what it is needed for, to finish "… is needed".

    Raises:
        MissingDependencyError: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "tagger"):
            raise
        raise MissingDependencyError(_DISTRIBUTIONS.get(package, package), extra, purpose) from error
