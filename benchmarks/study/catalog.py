"""What all contenders share: one catalog, one split, and the labels of the two joint models."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tagger.catalog.cache import PhotoCache, open_cache
from tagger.catalog.cleaning import clean_labels
from tagger.catalog.division import divide_catalog
from tagger.catalog.read import read_catalog
from tagger.catalog.splits import write_split
from tagger.catalog.table import IMAGE, Catalog
from tagger.catalog.words import add_word_columns
from tagger.config import Config
from tagger.errors import CatalogError, SplitError
from tagger.files import write_text
from tagger.labels import SEPARATOR
from tagger.report.judge import FIVE

#: The columns that the joint models learn, and how many classes they have in the study that this one repeats.
COMBINATION, LABELS = "combination", "labels"
COMBINATIONS, JOINT_LABELS = 99, 23
_JOINT, _OF = " / ", ": "

#: The labels of a product in the five attributes, "" where missing.
_Five = tuple[str, ...]


@dataclass(frozen=True)
class StudyCatalog:
    """The catalog as all contenders learn it.

    Args:
        folder: where it and whatever is made of it is kept; studies of other products or another split lie beside it.
        table: all products by id, "" means missing.
        split: id → part of the products that take part.
        cache: their photos.
        combinations: labels of the five attributes by class of the joint softmax model.
        labels: of the joint sigmoid model.
    """

    folder: Path
    table: pd.DataFrame
    split: pd.Series[str]
    cache: PhotoCache
    combinations: dict[str, _Five]
    labels: tuple[str, ...]

    @property
    def file(self) -> Path:
        """The catalog in the layout table."""
        return self.folder / "catalog.csv"

    @property
    def split_file(self) -> Path:
        """The split that every contender is given."""
        return self.folder / "split.csv"

    def ids(self, part: str) -> list[str]:
        """Products of a part that have a readable photo."""
        return _readable(self.split, part, self.cache)

    def photos(self, part: str) -> NDArray[np.uint8]:
        """Their photos, uint8 (N, H, W, 3)."""
        return np.asarray(self.cache.pixels[self.cache.select(self.ids(part))])

    def truth(self, part: str, attribute: str) -> NDArray[np.object_]:
        """Their labels, (N,), "" where missing."""
        return self.table.loc[self.ids(part), attribute].to_numpy(dtype=object)


def prepare_study(
    data: Path, config: Config, given: Mapping[str, str] | None, photos: int | None, work: Path
) -> StudyCatalog:
    """Read and divide a catalog, decode its photos, and write it with the columns of the joint models.

    Args:
        data: catalog in any layout.
        config: of the shared model; its attributes stay, cleaned as it says.
        given: the split that the shared model was trained with, id → part; None: a new one.
        photos: so many of the train part are learnt from at most; None: all.
        work: where the study's folder goes.

    Raises:
        CatalogError: no catalog, or one without one label of each of the five attributes a product.
        SplitError: the given split does not fit it.
    """
    catalog = add_word_columns(read_catalog(data.resolve(), config.catalog), config.attributes)
    catalog = clean_labels(catalog, config.attributes)
    _check(catalog)
    cache = open_cache(catalog, config.photo)
    split = divide_catalog(catalog, cache, config.split) if given is None else _known(given, catalog)
    split = _limited(split, cache, photos, config.split.seed)
    if missing := [part for part in ("train", "test") if not _readable(split, part, cache)]:
        raise SplitError(
            f"Expected products to learn from and others to compare on, but of {data} none with a readable photo is in "
            f"the part {' or '.join(missing)} of the split. Choose another catalog or model."
        )
    trained = catalog.table.index.isin(_readable(split, "train", cache))
    rows = list(map(tuple, catalog.table[list(FIVE)].to_numpy(dtype=object)))
    combinations, labels = _joint_labels([row for row, learnt in zip(rows, trained, strict=True) if learnt])
    table = catalog.table.assign(**_joint_columns(rows, combinations, labels))
    columns = [IMAGE, *_used(config, catalog), COMBINATION, LABELS]
    text = table[columns].to_csv()
    folder = work.resolve() / _digest(text, split.to_csv())
    study = StudyCatalog(folder, table, split, cache, combinations, labels)
    write_text(study.file, text)
    write_split(split, study.split_file)
    return study


def joint_columns(labels: Sequence[str]) -> Iterator[tuple[str, list[int], list[str]]]:
    """Yield each of the five attributes with the columns of the joint sigmoid head that are its labels, and those."""
    for attribute in FIVE:
        columns = [i for i, label in enumerate(labels) if label.startswith(attribute + _OF)]
        yield attribute, columns, [labels[i].removeprefix(attribute + _OF) for i in columns]


def _check(catalog: Catalog) -> None:
    if lacking := [name for name in FIVE if name not in catalog.attributes]:
        raise CatalogError(
            f"One model is compared with many on {', '.join(FIVE)}, but {catalog.root} has no {', '.join(lacking)}. "
            "Give a catalog with all five, and a model that tags them."
        )
    for name in FIVE:
        several = catalog.table.index[catalog.table[name].str.contains(SEPARATOR, regex=False)]
        if len(several):
            raise CatalogError(
                f"Expected one {name} a product, but product {several[0]} of {catalog.root} has several. "
                "Leave such products out."
            )


def _known(given: Mapping[str, str], catalog: Catalog) -> pd.Series[str]:
    ids = [str(id_) for id_ in catalog.table.index if id_ in given]
    if not ids:
        raise SplitError(
            f"The model was trained on another catalog: its split names no product of {catalog.root}. "
            "Give the catalog that it was trained on."
        )
    return pd.Series([given[id_] for id_ in ids], index=pd.Index(ids, name="id"), name="part", dtype="str")


def _limited(split: pd.Series[str], cache: PhotoCache, photos: int | None, seed: int) -> pd.Series[str]:
    """Leave out all of the train part but some products, drawn at random."""
    train = _readable(split, "train", cache)
    if photos is None or photos >= len(train):
        return split
    drawn = np.random.default_rng(seed).choice(np.array(train, dtype=object), photos, replace=False)
    return split[(split != "train") | split.index.isin(drawn)]


def _readable(split: pd.Series[str], part: str, cache: PhotoCache) -> list[str]:
    return [str(id_) for id_ in split.index[split == part] if id_ in cache.rows]


def _joint_labels(rows: list[_Five]) -> tuple[dict[str, _Five], tuple[str, ...]]:
    """The most frequent combinations and labels of products, combinations by their name."""
    combinations = _frequent((row for row in rows if all(row)), COMBINATIONS)
    labels = _frequent((label for row in rows for label in _labels(row)), JOINT_LABELS)
    return {_JOINT.join(row): row for row in combinations}, tuple(labels)


def _joint_columns(
    rows: list[_Five], combinations: Mapping[str, _Five], labels: tuple[str, ...]
) -> dict[str, list[str]]:
    """The columns that the joint models learn; what is not among theirs is missing there."""
    names = [_JOINT.join(row) for row in rows]
    return {
        COMBINATION: [name if name in combinations else "" for name in names],
        LABELS: [SEPARATOR.join(label for label in _labels(row) if label in labels) for row in rows],
    }


def _labels(row: _Five) -> list[str]:
    """The labels of a product that are known, each with its attribute: two attributes may share a label."""
    return [f"{name}{_OF}{label}" for name, label in zip(FIVE, row, strict=True) if label]


def _frequent(values: Iterable[Any], count: int) -> list[Any]:
    ranked = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    return [value for value, _ in ranked[:count]]


def _used(config: Config, catalog: Catalog) -> list[str]:
    """Columns that the shared model needs: its attributes, what their words are taken from, and what tells composites
    apart.
    """
    settings = config.attributes
    sources = {name: each.words_of for name, each in settings.items() if each.words_of}
    conditions = [c for each in settings.values() for composite in each.composites for c in composite.where]
    attributes = [name for name in catalog.attributes if name not in sources]  # words are taken from the text again
    columns = dict.fromkeys([*attributes, *sources.values(), *conditions])
    return [name for name in columns if name in catalog.table.columns]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
