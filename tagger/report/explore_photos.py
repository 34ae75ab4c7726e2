"""Which photos of a catalog to show: some of each class, odd sizes, near-duplicates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tagger.catalog.cells import JOINT
from tagger.catalog.check import Inspection
from tagger.catalog.table import Catalog

#: How far the ratio of width to height may be from the usual one.
_ODD_ASPECT = 1.25
#: How many times fewer pixels than usual are few.
_SMALL = 4


@dataclass(frozen=True)
class DuplicateGroup:
    """Products whose photos are nearly the same.

    Args:
        ids: the products.
        disagreements: attribute → the different labels they have, where they have more than one; attributes on which
            few groups disagree come first.
        surprise: how unusual it is to disagree on those attributes, in bits.
    """

    ids: tuple[str, ...]
    disagreements: dict[str, tuple[str, ...]] = field(repr=False)
    surprise: float


def sample_classes(found: Inspection, name: str, labels: Sequence[str], most: int) -> dict[str, list[str]]:
    """Choose photos of each class: spread over the catalog, near-duplicates last.

    Args:
        found: the catalog.
        name: the attribute.
        labels: the classes.
        most: photos of a class.

    Returns:
        class → ids of products with a readable photo; classes without one are absent.
    """
    with_photo = found.catalog.table[name].loc[list(found.cache.rows)]
    exploded = with_photo[with_photo != ""].str.split(JOINT, regex=False).explode()
    wanted = exploded[exploded.isin(set(labels))]
    return {
        str(label): spread(distinct_first(found, list(ids)), most)
        for label, ids in wanted.groupby(wanted).groups.items()
    }


def distinct_first(found: Inspection, ids: Sequence[str]) -> list[str]:
    """Leave out photos that are nearly the same as one before them; without known groups, none."""
    if found.groups.empty:
        return list(ids)
    groups = found.groups.loc[list(ids)]
    return list(groups.index[~groups.duplicated().to_numpy()])


def spread(ids: Sequence[str], most: int) -> list[str]:
    """Pick at most so many, at even steps."""
    if len(ids) <= most:
        return list(ids)
    return [ids[int(at)] for at in np.linspace(0, len(ids) - 1, most)]


def odd_photos(headers: pd.DataFrame) -> pd.DataFrame:
    """Find photos of an unusual shape or size, the oddest first.

    Odd is a ratio of width to height that differs from the median by a quarter, or less than a quarter of the median
    number of pixels.

    Args:
        headers: see `Inspection.headers`.

    Returns:
        Their rows, with `aspect` and `why`.
    """
    known = headers[headers["width"] > 0]
    if known.empty:
        return known.assign(aspect=[], why=[])
    aspect = (known["width"] / known["height"]).to_numpy(dtype=np.float64)
    pixels = (known["width"] * known["height"]).to_numpy(dtype=np.float64)
    turn = np.abs(np.log(aspect / np.median(aspect)))
    shrink = np.log(np.median(pixels) / pixels)
    why = np.where(turn > math.log(_ODD_ASPECT), "unusual shape", "small")
    order = np.argsort(-np.maximum(turn, shrink / 2), kind="stable")
    odd = (turn > math.log(_ODD_ASPECT)) | (shrink > math.log(_SMALL))
    found: pd.DataFrame = known.assign(aspect=aspect, why=why).iloc[order[odd[order]]]
    return found


def group_duplicates(catalog: Catalog, groups: pd.Series[int]) -> list[DuplicateGroup]:
    """List the groups of two products or more, the largest first, and what their labels disagree on.

    Args:
        catalog: the products.
        groups: group of each product with a photo.
    """
    if groups.empty:
        return []
    sizes = groups.map(groups.value_counts())
    several = groups[sizes > 1].sort_values(kind="stable")
    labels = catalog.table.loc[several.index, list(catalog.attributes)]
    members = {str(group): tuple(map(str, ids)) for group, ids in several.groupby(several).groups.items()}
    differing = {group: _disagreements(labels.loc[list(ids)]) for group, ids in members.items()}
    often = Counter(name for names in differing.values() for name in names)
    bits = {name: math.log2(len(members) / count) for name, count in often.items()}
    listed = []
    for group, ids in members.items():
        names = sorted(differing[group], key=lambda name: -bits[name])
        disagreements = {name: differing[group][name] for name in names}
        listed.append(DuplicateGroup(ids, disagreements, sum(bits[name] for name in names)))
    return sorted(listed, key=lambda group: -len(group.ids))


def representatives(group: DuplicateGroup, table: pd.DataFrame, most: int) -> list[str]:
    """Choose products of a group that show its different labels, those of the most unusual disagreement first.

    Args:
        group: the group.
        table: the catalog's.
        most: how many at most.
    """
    chosen: dict[str, None] = {}
    for name, labels in group.disagreements.items():
        for label in labels:
            if all(table.at[id_, name] != label for id_ in chosen):
                chosen[next(id_ for id_ in group.ids if table.at[id_, name] == label)] = None
    return list(dict.fromkeys([*chosen, *group.ids]))[:most]


def _disagreements(labels: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    found = {}
    for name in labels.columns:
        distinct = tuple(dict.fromkeys(cell for cell in labels[name] if cell))
        if len(distinct) > 1:
            found[str(name)] = distinct
    return found
