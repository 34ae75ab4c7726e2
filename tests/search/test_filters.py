"""What filters mean, and what is said of those that mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tagger.errors import SearchError
from tagger.search.columns import Columns, ColumnWriter
from tagger.search.filters import Filter, check_columns, parse_filter
from tagger.search.hints import filter_hint
from tagger.search.items import Item


@pytest.mark.parametrize(
    ("text", "accepted", "refused"),
    [
        ("gender=Women", ["Women", "Men|Women"], ["", "Men", "women", "Wome"]),
        ("gender!=Women", ["", "Men"], ["Women", "Men|Women"]),
        ("usage=Casual|Sports", ["Casual", "Sports", "Formal|Sports"], ["", "Formal"]),
        ("usage!=Casual|Sports", ["", "Formal"], ["Casual", "Formal|Sports"]),
        ("price<1500", ["1499.99", "-3", "2000|10"], ["1500", "", "cheap", "nan"]),
        ("price<=1500", ["1500"], ["1500.01"]),
        ("price > 1500", ["1501"], ["1500", "inf"]),
        ("price>=1.5e3", ["1500"], ["1499"]),
        ("price=1500", ["1500", "1500.0"], ["150", ""]),
        ("brand=", [""], ["Acme"]),
        ("brand!=", ["Acme"], [""]),
        (
            """title=Men's "best" '; DROP TABLE products; --""",
            ["""Men's "best" '; DROP TABLE products; --"""],
            ["Men's"],
        ),
        ("size = 10 = 12", ["10 = 12"], ["10"]),
    ],
)
def test_filters(text: str, accepted: list[str], refused: list[str]) -> None:
    found = parse_filter(text)
    assert [cell for cell in [*accepted, *refused] if found.accepts(cell)] == accepted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gender", "Expected a filter such as gender=Women"),
        ("=Women", "Expected a filter"),
        ("", "Expected a filter"),
        ("gender==Women", 'no operator "=="'),
        ("gender~Women", 'no operator "~"'),
        ("price=<5", 'no operator "=<"'),
        ("price<>5", 'no operator "<>"'),
        ("price<cheap", 'Expected a number after <, got "cheap"'),
        ("price<1|2", "Expected a number"),
        ("price<", "Expected a number"),
    ],
)
def test_odd_filters_are_refused(text: str, message: str) -> None:
    with pytest.raises(SearchError, match=message):
        parse_filter(text)


def test_an_unknown_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SearchError, match=r'no column "prise" in here\. Did you mean "price"\? There are: gender, price'
    ):
        check_columns([Filter("prise", "=", ("1",))], ["gender", "price"], "here")


def test_columns_say_which_products_meet_filters(tmp_path: Path) -> None:
    writer = ColumnWriter(tmp_path)
    for number in range(700):
        facts = {"price": str(number)} | ({"brand": "Acme"} if number % 10 == 0 else {})
        writer.write(Item(str(number), labels={"gender": "Men" if number % 2 else "Women"}, facts=facts))
    writer.finish()
    columns = Columns(tmp_path, 700)
    assert columns.names == ["gender", "price", "brand"] and columns.labels == ["gender"]
    asked = [parse_filter("price>=600"), parse_filter("gender=Women"), parse_filter("brand!=Acme")]
    expected = [number for number in range(600, 700, 2) if number % 10]
    assert np.flatnonzero(columns.accepted(asked)).tolist() == expected
    assert not columns.accepted([parse_filter("size=10")]).any() and columns.accepted([parse_filter("size!=10")]).all()


@pytest.mark.parametrize(
    ("texts", "hint"),
    [
        (["gender=women"], " Did you mean gender=Women?"),
        (["price<1500", "gender='Women'|Men"], " Did you mean gender=Women|Men?"),
        (["gender=Girls"], ""),
        (["gender=Women", "price<1500"], ""),
        (["gender!=women"], ""),
        (["old<1500"], " In no product old is a number; numbers are written like 1299.5."),
        (["price>9000"], ""),
    ],
)
def test_a_filter_that_no_product_meets_is_corrected(texts: list[str], hint: str) -> None:
    cells = {"gender": "Women", "price": "2000", "old": "1,299.00"}

    def count(where: Sequence[Filter]) -> int:
        return int(all(each.accepts(cells[each.column]) for each in where))

    assert filter_hint([parse_filter(text) for text in texts], count) == hint
