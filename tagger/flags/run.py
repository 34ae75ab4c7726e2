"""Train flags by themselves, without a photo model."""

from __future__ import annotations

from pathlib import Path

from tagger.catalog.cache import open_cache
from tagger.catalog.division import divide_catalog
from tagger.catalog.read import read_catalog
from tagger.catalog.table import IMAGE
from tagger.config import Config
from tagger.flags.choice import nothing_to_learn, wanted_flags
from tagger.flags.report import FlagReport
from tagger.flags.training import train_flags
from tagger.progress import Progress, silent


def train_on_catalog(
    path: Path, config: Config, folder: Path, split_file: Path | None = None, progress: Progress = silent
) -> FlagReport:
    """Read a catalog, divide it, and train its flags; see `train_flags`.

    Args:
        path: the catalog.
        config: its sections `catalog`, `photo`, `split` and `flags` are used, and `training.seed`.
        folder: where the network and the report go.
        split_file: a split made before, such as that of the photo model; products that it lacks are not used.
        progress: told about photos and epochs.

    Raises:
        CatalogError: the catalog can't be read, or has no flag that something can be learnt about.
        SplitError: the given split is none, or has near-duplicates in two parts; or the catalog is too small for one.
        MissingDependencyError: what training needs is not installed.
        OutputError: the folder can't be written, or holds something else.
    """
    catalog = read_catalog(path, config.catalog)
    if not wanted_flags(catalog, config.flags):  # said before the photos are decoded
        raise nothing_to_learn(catalog, config.flags, {})
    photos = (catalog.table[IMAGE] != "").any()
    cache = open_cache(catalog, config.photo, progress=progress) if photos else None
    split = divide_catalog(catalog, cache, config.split, split_file)
    return train_flags(catalog, split, config.flags, folder, config.training.seed, progress=progress)
