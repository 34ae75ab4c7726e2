from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tagger.catalog.read import read_catalog
from tagger.catalog.splits import make_split
from tagger.config import FlagsConfig, SplitConfig
from tagger.flags.evaluation import ALL, NETWORK, UNCATEGORISED
from tagger.flags.training import train_flags


@pytest.mark.slow
def test_fragile_products_are_found_with_and_without_categories(real_catalog: Path, tmp_path: Path) -> None:
    catalog = read_catalog(real_catalog)
    # Products of one title stay together, so that no title is learnt by heart.
    groups = pd.Series(pd.factorize(catalog.table["title"])[0], index=catalog.table.index)
    split = make_split(catalog, groups, SplitConfig())
    report = train_flags(catalog, split, FlagsConfig(columns=("isFragile", "active"), epochs=3), tmp_path / "flags")
    assert report.left_out == {"active": "always true in the train part"}
    scores = {(score.setting, score.method): score for score in report.scores}
    assert scores[ALL, "look-up by articleType"].f1 == 1  # isFragile is exactly "Sunglasses"
    assert scores[ALL, NETWORK].f1 > 0.97
    assert scores[UNCATEGORISED, NETWORK].f1 > 0.95
    assert (scores[UNCATEGORISED, NETWORK].average_precision or 0) > 0.98
