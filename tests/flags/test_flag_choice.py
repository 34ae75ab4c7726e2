from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from tagger.catalog.table import Catalog
from tagger.config import FlagsConfig
from tagger.errors import CatalogError
from tagger.flags.choice import usable_flags


def test_named_flags_are_chosen(catalog: Catalog, split: pd.Series) -> None:
    assert usable_flags(catalog, split, FlagsConfig(columns=("isReturnable",)))[0] == ("isReturnable",)
    assert usable_flags(catalog, split, FlagsConfig(columns=()))[0] == ()


def test_an_unknown_flag_is_named_with_the_nearest(catalog: Catalog, split: pd.Series) -> None:
    with pytest.raises(CatalogError, match=r'got "isFragil"\. Did you mean "isFragile"\?'):
        usable_flags(catalog, split, FlagsConfig(columns=("isFragil",)))


def test_a_flag_that_varies_outside_train_only_is_left_out(catalog: Catalog, split: pd.Series) -> None:
    table = catalog.table.copy()
    table.loc[split != "train", "active"] = "false"
    _, left_out = usable_flags(dataclasses.replace(catalog, table=table), split, FlagsConfig())
    assert left_out == {"active": "always true in the train part"}
