"""Divide a catalog into train, validation and test, so that near-duplicate photos never end up on two sides."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tagger.catalog.table import Catalog
from tagger.config import SplitConfig
from tagger.errors import SplitError, did_you_mean
from tagger.files import atomic_file

logger = logging.getLogger(__name__)

PARTS = ("train", "validation", "test")

_Shares = dict[str, float]


@dataclass(frozen=True)
class _Group:
    ids: tuple[str, ...]
    stratum: str
    #: a random number that depends on the seed and the group alone, never on the order of the rows.
    draw: bytes


def make_split(catalog: Catalog, groups: pd.Series, config: SplitConfig, learned: Collection[str] = ()) -> pd.Series:
    """Give every product a part.

    Each class gets the shares of the config as nearly as whole groups allow. Train has every class, and a class of
    three or more groups is in every part. What rounding takes from a part in small classes the larger ones give back,
    so that the shares hold over the whole. A split that the layout of the catalog gives is taken as it is; the parts
    that it lacks are taken out of its train part.

    Args:
        catalog: the products.
        groups: id → near-duplicate group; a product that is not in it is a group of its own.
        config: shares, seed, and the attribute to stratify by (default: articleType, or else the first attribute).
        learned: products that a network has learned from already: they and their near-duplicates are in train, and the
            other parts are made of the rest, larger shares of it. A split that the layout gives overrules this.

    Returns:
        id → "train", "validation" or "test", in the order of the catalog.

    Raises:
        SplitError: the catalog is too small for the parts, has too few products that are not learned, lacks the
            attribute to stratify by, or itself gives a part to some products only.
    """
    classes = _classes(catalog, config)
    shares = {part: share for part in PARTS if (share := getattr(config, part)) > 0}
    given = _given_split(catalog)
    if learned and not given:
        return _split_the_rest(catalog, groups, config.seed, classes, shares, set(learned))
    undivided = list(catalog.table.index)
    if given:
        shares = {part: share for part, share in shares.items() if part == "train" or part not in given.values()}
        undivided = [id_ for id_, part in given.items() if part == "train"]
    parts = given
    if not given or len(shares) > 1:
        parts = given | _assign(_gather(undivided, classes, groups, config.seed), classes, shares)
    if given:
        _warn_of_leaks(parts, groups)
    return pd.Series([parts[id_] for id_ in catalog.table.index], index=catalog.table.index, name="part", dtype="str")


def _split_the_rest(
    catalog: Catalog, groups: pd.Series, seed: int, classes: Mapping[str, str], shares: _Shares, learned: set[str]
) -> pd.Series:
    ids = list(catalog.table.index)
    gathered = _gather(ids, classes, groups, seed)
    rest = [group for group in gathered if learned.isdisjoint(group.ids)]
    free = sum(len(group.ids) for group in rest)
    held_out = {part: share * len(ids) / max(free, 1) for part, share in shares.items() if part != "train"}
    if sum(held_out.values()) > 1:
        raise SplitError(
            f"Only {free} of {len(ids)} products are new to the network that the run starts from, too few for split."
            f"{' and split.'.join(held_out)} of {' and '.join(f'{shares[part]:g}' for part in held_out)}. Lower these "
            "shares, add products, or give a --split."
        )
    parts = dict.fromkeys(ids, "train")
    if held_out and free:
        parts |= _assign(rest, classes, {"train": 1 - sum(held_out.values()), **held_out})
    return pd.Series([parts[id_] for id_ in ids], index=catalog.table.index, name="part", dtype="str")


def check_split(split: pd.Series, groups: pd.Series) -> None:
    """Make sure that no near-duplicate group spans two parts.

    Args:
        split: id → part.
        groups: id → group; ids that the split lacks are passed over.

    Raises:
        SplitError: naming the first such group, its ids and their parts.
    """
    leaks = _leaks(_as_dict(split), groups)
    if leaks:
        group, members = next(iter(leaks.items()))
        named = ", ".join(f"{id_} ({split[id_]})" for id_ in members[:6])
        more = f" and {len(members) - 6} more" if len(members) > 6 else ""
        raise SplitError(
            f"{len(leaks)} near-duplicate group(s) span two parts of the split, such as group {group}: {named}{more}. "
            "Put each group into one part, or leave out --split to have a new one made."
        )


def write_split(split: pd.Series, path: Path | str, signs: Mapping[str, int] | None = None) -> None:
    """Write a split as CSV with the columns id and part.

    Args:
        split: id → part.
        path: of the file.
        signs: id → 16-bit sign of its photo, see `tagger.own_products`; written as the column photo, in hexadecimal.

    Raises:
        OutputError: the file can't be written.
    """
    with atomic_file(path) as temporary:
        table = split.rename("part").rename_axis("id").to_frame()
        if signs is not None:
            table["photo"] = [f"{signs[id_]:04x}" if id_ in signs else "" for id_ in table.index]
        table.to_csv(temporary)


def read_split(path: Path | str, catalog: Catalog | None = None) -> pd.Series:
    """Read a split that `write_split` or a user wrote.

    Args:
        path: CSV with the columns id and part.
        catalog: if given, the split must name exactly its products, and comes in their order.

    Returns:
        id → "train", "validation" or "test".

    Raises:
        SplitError: the file is no such CSV, names an id twice or a part that does not exist, or doesn't fit the
            catalog.
    """
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise SplitError(f"Can't read the split {path}: {error.strerror or 'not found'}. Check the path.") from error
    except ValueError as error:
        raise SplitError(f"{path} is not a split. Expected a CSV file with the columns id and part.") from error
    if not {"id", "part"} <= set(table.columns):
        found = ", ".join(map(str, table.columns))
        raise SplitError(f"{path} is not a split. Expected the columns id and part, found {found}.")
    split = table.set_index("id")["part"]
    _check_values(split, path)
    return split if catalog is None else _fit(split, catalog, path)


def _classes(catalog: Catalog, config: SplitConfig) -> Mapping[str, str]:
    """id → the class that the shares should hold within; "" for all where nothing is there to stratify by."""
    name = config.stratify
    if name is None:
        name = "articleType" if "articleType" in catalog.attributes else next(iter(catalog.attributes), None)
    elif name not in catalog.table.columns:
        raise SplitError(
            f'Can\'t stratify by "{name}": the catalog has no such column.{did_you_mean(name, catalog.attributes)} '
            f"It has {', '.join(catalog.attributes) or 'no attributes'}."
        )
    if name is None:
        return dict.fromkeys(catalog.table.index, "")
    return dict(zip(catalog.table.index, catalog.table[name], strict=True))


def _given_split(catalog: Catalog) -> dict[str, str]:
    """id → part where the layout gives one, else nothing."""
    if "split" not in catalog.table.columns:
        return {}
    given = catalog.table["split"]
    if without := list(given.index[~given.isin(PARTS)]):
        raise SplitError(
            f"The catalog gives a part of the split to some products only: {len(without)} have none of "
            f"{', '.join(PARTS)}, such as {', '.join(without[:3])}. Give all of them a part, or none."
        )
    return _as_dict(given)


def _as_dict(texts: pd.Series) -> dict[str, str]:
    return {str(id_): str(text) for id_, text in texts.items()}


def _gather(ids: Iterable[str], classes: Mapping[str, str], groups: pd.Series, seed: int) -> list[_Group]:
    """Collect the products of each group; the class of a mixed group is its rarest, which can least spare one."""
    known = groups.to_dict()
    members: dict[object, list[str]] = defaultdict(list)
    for id_ in sorted(ids):
        members[("group", known[id_]) if id_ in known else ("single", id_)].append(id_)
    sizes = Counter(classes[id_] for ids in members.values() for id_ in ids)
    return [
        _Group(
            tuple(ids),
            min((classes[id_] for id_ in ids), key=lambda name: (sizes[name], name)),
            hashlib.blake2b(f"{seed}:{ids[0]}".encode(), digest_size=8).digest(),
        )
        for ids in members.values()
    ]


def _assign(groups: list[_Group], classes: Mapping[str, str], shares: _Shares) -> dict[str, str]:
    strata: dict[str, list[_Group]] = defaultdict(list)
    for group in groups:
        strata[group.stratum].append(group)
    sizes = {name: sum(len(group.ids) for group in members) for name, members in strata.items()}
    parts: dict[str, str] = {}
    whole = sum(shares.values())  # below 1 where only what is in train already is divided further
    shares = {part: share / whole for part, share in shares.items()}
    owed = dict.fromkeys(shares, 0.0)
    left = sum(sizes.values())
    for name in sorted(strata, key=lambda name: (sizes[name], name)):
        # What the smaller classes rounded off is spread over all that are still to come.
        target = {part: share * sizes[name] + owed[part] * sizes[name] / left for part, share in shares.items()}
        taken = dict.fromkeys(shares, 0)
        for group, part in _assign_class(strata[name], target, owed):
            parts |= dict.fromkeys(group.ids, part)
            taken[part] += len(group.ids)
        owed = {part: owed[part] + share * sizes[name] - taken[part] for part, share in shares.items()}
        left -= sizes[name]
    _complete_train(parts, groups, classes)
    if empty := [part for part in shares if part not in parts.values()]:
        raise SplitError(
            f"{len(parts)} products in {len(groups)} near-duplicate groups and {len(strata)} classes can't fill "
            f"{' and '.join(empty)}. Add products, or set split.stratify to an attribute with fewer classes."
        )
    return parts


def _assign_class(groups: list[_Group], target: _Shares, owed: _Shares) -> list[tuple[_Group, str]]:
    """Give each group of one class a part: first one to every part, then to whichever is furthest below its target."""
    waiting = sorted(groups, key=lambda group: (-len(group.ids), group.draw))
    first, *others = target  # train comes first
    others.sort(key=lambda part: (-owed[part], part))
    assigned = [(waiting.pop(0), first)]
    for part in others:
        if waiting:
            assigned.append((waiting.pop(), part))
    taken = dict.fromkeys(target, 0)
    for group, part in assigned:
        taken[part] += len(group.ids)
    for group in waiting:
        size = len(group.ids)
        # The divisor method of D'Hondt: large groups, which come first, are shared out in proportion as well.
        part = min(target, key=lambda part: (taken[part] + size) / max(target[part], 1e-9))
        assigned.append((group, part))
        taken[part] += size
    return assigned


def _complete_train(parts: dict[str, str], groups: list[_Group], classes: Mapping[str, str]) -> None:
    """Move a group to train for each class that train lacks, which mixed groups can bring about."""
    seen = {classes[id_] for id_, part in parts.items() if part == "train"}
    for group in groups:
        held = {classes[id_] for id_ in group.ids}
        if not held <= seen:
            parts |= dict.fromkeys(group.ids, "train")
            seen |= held


def _leaks(parts: Mapping[str, str], groups: pd.Series) -> dict[object, list[str]]:
    """Return the groups that span two parts, each with its ids."""
    members: dict[object, list[str]] = defaultdict(list)
    for id_, group in groups.items():
        if id_ in parts:
            members[group].append(str(id_))
    return {group: ids for group, ids in members.items() if len({parts[id_] for id_ in ids}) > 1}


def _warn_of_leaks(parts: Mapping[str, str], groups: pd.Series) -> None:
    if leaks := _leaks(parts, groups):
        first = ", ".join(next(iter(leaks.values()))[:6])
        logger.warning(
            "%d near-duplicate group(s) span two parts of the split that the catalog gives (such as %s): "
            "figures on its test part come out too good",
            len(leaks),
            first,
        )


def _check_values(split: pd.Series, path: Path | str) -> None:
    if twice := list(split.index[split.index.duplicated()].unique()):
        raise SplitError(f"{path} names {len(twice)} id(s) more than once, such as {', '.join(twice[:3])}.")
    unknown = split[~split.isin(PARTS)]
    if len(unknown):
        part = str(unknown.iloc[0])
        raise SplitError(
            f'{path}: expected the part {", ".join(PARTS[:-1])} or {PARTS[-1]}, found "{part}" for {unknown.index[0]}'
            f"{f' and {len(unknown) - 1} more' if len(unknown) > 1 else ''}.{did_you_mean(part, PARTS)}"
        )


def _fit(split: pd.Series, catalog: Catalog, path: Path | str) -> pd.Series:
    ids = catalog.table.index
    if len(strange := split.index.difference(ids)):
        raise SplitError(
            f"{path} names {len(strange)} id(s) that the catalog does not have, such as {', '.join(strange[:3])}. "
            "Give the split that was made for this catalog."
        )
    if len(without := ids.difference(split.index)):
        raise SplitError(
            f"{path} gives no part to {len(without)} product(s) of the catalog, such as {', '.join(without[:3])}. "
            "Add them to it, or leave out --split to have a new one made."
        )
    return split.loc[ids]
