"""Which flags of a catalog something can be learnt about."""

from __future__ import annotations

import pandas as pd

from tagger.catalog.table import Catalog
from tagger.config import FlagsConfig
from tagger.errors import CatalogError, did_you_mean

#: What a cell of a flag says; anything else is missing.
TRUTH = {"true": 1.0, "false": 0.0}


def wanted_flags(catalog: Catalog, config: FlagsConfig) -> tuple[str, ...]:
    """Return the flags of the catalog that the config asks for; none where it asks for none or the catalog has none.

    Raises:
        CatalogError: the config names a flag that the catalog does not have.
    """
    if config.columns == "all":
        return catalog.flags
    for name in config.columns:
        if name not in catalog.flags:
            raise CatalogError(
                f'Expected flags of the catalog in flags.columns, got "{name}".{did_you_mean(name, catalog.flags)} '
                f"The flags of {catalog.root}: {', '.join(catalog.flags) or 'none'}."
            )
    return config.columns


def usable_flags(catalog: Catalog, split: pd.Series, config: FlagsConfig) -> tuple[tuple[str, ...], dict[str, str]]:
    """Find the flags that something can be learnt about.

    Args:
        catalog: the products.
        split: id → part.
        config: `columns` names the flags, or says "all".

    Returns:
        The names of the flags, and those that are left out with the reason.

    Raises:
        CatalogError: the config names a flag that the catalog does not have.
    """
    wanted = wanted_flags(catalog, config)
    train = catalog.table.loc[ids_of(catalog, split, "train")]
    usable, left_out = [], {}
    for name in wanted:
        values = sorted({value for value in train[name] if value in TRUTH})
        if len(values) == len(TRUTH):
            usable.append(name)
        else:
            left_out[name] = f"always {values[0]} in the train part" if values else "no value in the train part"
    return tuple(usable), left_out


def nothing_to_learn(catalog: Catalog, config: FlagsConfig, left_out: dict[str, str]) -> CatalogError:
    """Return the error that says why no flag can be learnt."""
    if left_out:
        found = "; ".join(f"{name} ({why})" for name, why in left_out.items())
        return CatalogError(
            f"Expected a flag in {catalog.root} that is true for some products and false for others, found: {found}."
        )
    if not config.columns:
        return CatalogError(
            'Expected flags to learn, but flags.columns is an empty list. Name some, or set it to "all".'
        )
    return CatalogError(
        f"Expected flags in {catalog.root}: columns whose values are true and false (in the fashion layout the "
        "otherFlags of styles/ID.json), found none. Add such a column, or map one in catalog.columns."
    )


def ids_of(catalog: Catalog, split: pd.Series, part: str) -> pd.Index:
    """Return the ids of the products in a part of the split, in the order of the catalog."""
    ids: pd.Index = catalog.table.index[split.reindex(catalog.table.index).to_numpy() == part]
    return ids
