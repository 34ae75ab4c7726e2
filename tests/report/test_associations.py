from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tagger.report.associations import choose_cross_tables, cross, measure_associations


def column(cells) -> pd.Series:
    return pd.Series([str(cell) for cell in cells], dtype=str)


@pytest.fixture
def columns() -> dict[str, pd.Series]:
    """A type decides the category; the season leans on the type; the rest is noise."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 20, 4000)
    season = np.where(rng.random(4000) < 0.7, kinds % 3, rng.integers(0, 3, 4000))
    return {
        "type": column(kinds),
        "category": column(kinds // 5),
        "season": column(season),
        "noise": column(rng.integers(0, 300, 4000)),
        "same": column(["x"] * 4000),
        "empty": column([""] * 4000),
    }


def test_a_type_tells_the_category_and_not_the_other_way_round(columns):
    table = measure_associations(columns)
    assert table.loc["category", "type"] == pytest.approx(1, abs=0.01)
    assert table.loc["type", "category"] == pytest.approx(np.log(4) / np.log(20), abs=0.02)
    assert 0.2 < table.loc["season", "type"] < 0.5


def test_many_rare_values_do_not_seem_to_tell_anything(columns):
    table = measure_associations(columns)
    assert table.loc["season", "noise"] < 0.02
    assert table.loc["noise", "season"] < 0.02


def test_what_has_one_value_or_none_can_not_be_told(columns):
    table = measure_associations(columns)
    assert table.loc["same"].isna().all()
    assert table.loc["season", "same"] == 0
    assert table.loc["season", "empty"] != table.loc["season", "empty"]


def test_only_products_with_both_count():
    table = measure_associations({"a": column(["x", "y", "", "x", "y"]), "b": column(["1", "2", "1", "", "2"])})
    assert table.loc["a", "b"] == 1


def test_cross_tables_of_small_attributes_with_what_tells_most(columns):
    chosen = {name: columns[name] for name in ("type", "category", "season")}
    tables = choose_cross_tables(chosen, measure_associations(columns))
    # The category follows from the type, so that it is crossed with the season.
    assert [(table.rows, table.columns) for table in tables] == [("type", "season"), ("season", "category")]


def test_a_cross_table_has_the_most_frequent_first_and_says_what_is_left_out():
    rows = column([f"r{i % 40}" for i in range(400)] + ["often"] * 5 * 40)
    columns = column(["9", "10"] * 300)
    table = cross(rows, columns, "row", "column", numeric=True)
    assert table.counts.index[0] == "often"
    assert table.counts.shape == (30, 2) and table.left_out == 11
    assert list(table.counts.columns) == ["9", "10"]
    assert table.counts.loc["often"].sum() == 200
