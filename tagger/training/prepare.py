"""From a catalog on disk to everything that training needs: a clean table, decoded photos, a split, the label space."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tagger.catalog.cache import PhotoCache, open_cache
from tagger.catalog.cleaning import clean_labels
from tagger.catalog.division import divide_catalog
from tagger.catalog.read import read_catalog
from tagger.catalog.table import Catalog
from tagger.catalog.words import add_word_columns
from tagger.config import AttributeConfig, Config
from tagger.errors import CatalogError
from tagger.labels import SEPARATOR, LabelSpace, fit_label_space
from tagger.progress import Progress, silent
from tagger.training.batches import TrainingPart
from tagger.training.targets import encode_targets

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """A catalog ready to train on.

    Args:
        catalog: cleaned; its attributes are those that are trained.
        cache: its photos.
        split: id → part, for all its products.
        attributes: settings of the trained attributes.
        space: label space learned from the train part.
    """

    catalog: Catalog
    cache: PhotoCache
    split: pd.Series
    attributes: dict[str, AttributeConfig]
    space: LabelSpace

    @cached_property
    def answers(self) -> LabelSpace:
        """The label space of what is tagged: without the auxiliary attributes."""
        return self.space.without([name for name, settings in self.attributes.items() if settings.auxiliary])

    def ids(self, part: str) -> list[str]:
        """Ids of a part's products that have a readable photo."""
        return [id_ for id_ in self.split.index[self.split == part] if id_ in self.cache.rows]

    def training_part(self, part: str) -> TrainingPart:
        """Photos and targets of a part."""
        ids = self.ids(part)
        classes = {output.name: len(output.values) for output in self.space.outputs()}
        targets = encode_targets(self.space, self.catalog.table.loc[ids], self.attributes)
        return TrainingPart(self.cache.pixels, self.cache.select(ids), targets, classes)


def prepare(
    data: Path,
    config: Config,
    split_file: Path | None = None,
    progress: Progress = silent,
    learned: Callable[[Catalog], Collection[str]] | None = None,
) -> Prepared:
    """Read, clean, decode and divide a catalog.

    Args:
        data: folder or file of the catalog.
        split_file: a split made before, instead of a new one.
        learned: says which products the network starts out knowing; a new split has them in train.

    Raises:
        CatalogError: no catalog, no attribute, or no photo to learn from.
        SplitError: the given split leaks near-duplicates or doesn't fit the catalog.
    """
    catalog = read_catalog(data, config.catalog)
    attributes = choose_attributes(catalog, config.attributes)
    catalog = clean_labels(add_word_columns(catalog, attributes), attributes)
    attributes = {name: attributes[name] for name in catalog.attributes}
    for finding in catalog.report.findings:
        _log.info("%s: %d %s. %s", finding.kind, finding.count, finding.action, finding.why)
    cache = open_cache(catalog, config.photo, progress=progress)
    for id_, problem in list(cache.problems.items())[:5]:
        _log.warning("Photo of product %s left out: %s", id_, problem)
    if not cache.rows:
        raise CatalogError(f"No product of {data} has a readable photo. See: tagger check {data}")
    split = divide_catalog(catalog, cache, config.split, split_file, learned(catalog) if learned else ())
    train = [id_ for id_ in split.index[split == "train"] if id_ in cache.rows]
    if not train:
        raise CatalogError(f"No product in the train part of {data} has a readable photo. Give another split.")
    space = fit_label_space(catalog.table.loc[train], attributes)
    for attribute in space.attributes.values():
        if len(attribute.classes) == 1:
            _log.warning(
                'All products have the same %s, "%s": nothing is learnt from it', attribute.name, *attribute.classes
            )
    return Prepared(catalog, cache, split, attributes, space)


def choose_attributes(catalog: Catalog, wanted: Mapping[str, AttributeConfig]) -> dict[str, AttributeConfig]:
    """The attributes to train: those of the config, or else all that have labels, with the head that fits each.

    Raises:
        CatalogError: there is none.
    """
    if wanted:
        return dict(wanted)
    columns = {name: catalog.table[name] for name in catalog.attributes}
    labelled = {name: column for name, column in columns.items() if (column != "").any()}
    if not labelled:
        raise CatalogError(
            f"The catalog {catalog.root} has no label to learn: expected a table with label columns, or a folder "
            "per class. Map its columns with catalog.columns in the config."
        )
    several = {name: column.str.contains(SEPARATOR, regex=False).any() for name, column in labelled.items()}
    return {name: AttributeConfig(heads="sigmoid" if several[name] else "softmax") for name in labelled}
