from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tagger.catalog.table import Catalog, CleaningReport
from tagger.report.distributions import find_gaps, measure_balance, most_telling, read_numbers


def column(*cells: str) -> pd.Series:
    return pd.Series(list(cells), index=[f"p{i}" for i in range(len(cells))], dtype=str)


def test_balance():
    balance = measure_balance("kind", column(*["cup"] * 12, *["mug"] * 3, "", "cup|mug"))
    assert balance.counts == {"cup": 13, "mug": 4}
    assert (balance.labelled, balance.missing, balance.several, balance.rare) == (16, 1, 1, 1)
    assert balance.majority == 13 / 16
    assert balance.shares == pytest.approx([13 / 17, 4 / 17])


@pytest.mark.parametrize("classes", [1, 4, 2000])
def test_equal_classes_all_count(classes):
    cells = [f"class {i}" for i in range(classes)] * 2
    assert measure_balance("kind", column(*cells)).effective == pytest.approx(classes)


def test_a_column_without_a_label():
    balance = measure_balance("kind", column("", ""))
    assert (balance.counts, balance.effective, balance.majority, balance.rare) == ({}, 0, 0, 0)
    assert len(balance.shares) == 0


def test_what_is_no_number_is_counted_and_left_out():
    numbers = read_numbers("price", column("10", "12,50", "abc", "", "1e400", "nan", "-3", "abc"))
    assert numbers.values.to_dict() == {"p0": 10, "p6": -3}
    assert (numbers.missing, numbers.unreadable) == (1, 5)
    assert numbers.examples == ("12,50", "abc", "1e400", "nan")


def test_few_large_prices_want_a_logarithmic_scale():
    prices = [str(10 + i % 7) for i in range(300)]
    assert not read_numbers("price", column(*prices)).is_skewed
    assert read_numbers("price", column(*prices, *["900"] * 10)).is_skewed
    assert read_numbers("price", column(*prices, *["900"] * 10, "0")).is_skewed
    # Where many are 0 it would hide them.
    assert not read_numbers("price", column(*prices, *["900"] * 10, *["0"] * 60)).is_skewed
    assert not read_numbers("price", column("")).is_skewed


def test_years_are_discrete_and_prices_are_not():
    assert read_numbers("year", column("2011", "2012", "2012")).is_discrete
    assert not read_numbers("price", column("1.5", "2")).is_discrete
    assert not read_numbers("price", column(*map(str, range(100)))).is_discrete


def test_the_attribute_that_differs_most_in_a_number():
    table = pd.DataFrame({"noise": column("a", "b", "a", "b", ""), "kind": column("x", "x", "y", "y", "x")})
    numbers = read_numbers("price", column("1", "2", "100", "101", "3"))
    assert most_telling(numbers, table, ["noise", "kind"]) == "kind"
    assert most_telling(numbers, table, []) is None


def test_gaps_tell_attributes_first_and_what_each_column_is_for():
    table = pd.DataFrame(
        {"other": column("", ""), "image": column("a", ""), "kind": column("cup", "mug"), "new": column("true", "true"),
         "title": column("A", "B")},
    )  # fmt: skip
    gaps = find_gaps(Catalog(Path("x"), table, ("kind",), ("new",), CleaningReport()))
    assert [(g.name, g.role, g.missing, g.distinct) for g in gaps] == [
        ("kind", "attribute", 0, 2), ("image", "photo", 1, 1), ("title", "metadata", 0, 2), ("new", "flag", 0, 1),
        ("other", "other", 2, 0),
    ]  # fmt: skip
