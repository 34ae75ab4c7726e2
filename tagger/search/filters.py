"""Filters: `gender=Women`, `price<1500`, `usage=Casual|Sports`. What each means, whatever answers it."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tagger.errors import SearchError, did_you_mean

#: What joins several values, in a filter and in a product's cell.
JOINT = "|"
OPERATORS = ("=", "!=", "<", "<=", ">", ">=")

_FILTER = re.compile(r"([^=!<>~]+)([=!<>~]+)(.*)", re.DOTALL)
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class Filter(NamedTuple):
    """A condition that products must meet.

    Args:
        column: a label or fact of the products.
        operator: one of OPERATORS.
        values: "=": one of them must be among the product's; "!=": none may; "" stands for nothing. The others take
            one number, and products without a number don't meet them.
    """

    column: str
    operator: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.column}{self.operator}{JOINT.join(self.values)}"

    def accepts(self, cell: str) -> bool:
        """Whether a product meets it.

        Args:
            cell: its value, several joined by "|"; "" for none.
        """
        if self.operator in _COMPARED:
            limit, compare = float(self.values[0]), _COMPARED[self.operator]
            return any(compare(value, limit) for value in map(number, cell.split(JOINT)) if value is not None)
        return any(_same(value, wanted) for value in cell.split(JOINT) for wanted in self.values) == (
            self.operator == "="
        )


def parse_filter(text: str) -> Filter:
    """Read a filter as a person writes it.

    Raises:
        SearchError: there is no such operator, or no number where one is compared.
    """
    found = _FILTER.fullmatch(text)
    if found is None or not found[1].strip():
        raise SearchError(f'Expected a filter such as gender=Women or "price<1500", got "{text}".')
    column, sign, value = (part.strip() for part in found.groups())
    if sign not in OPERATORS:
        raise SearchError(
            f'There is no operator "{sign}" in "{text}". Use one of {", ".join(OPERATORS)}; several values are joined '
            f"by {JOINT}, as in usage=Casual{JOINT}Sports."
        )
    if sign in _COMPARED and number(value) is None:
        raise SearchError(f'Expected a number after {sign}, got "{value}" in "{text}". Compare texts with = or !=.')
    values = (value,) if sign in _COMPARED else tuple(part.strip() for part in value.split(JOINT))
    return Filter(column, sign, values)


def check_columns(filters: Iterable[Filter], columns: Iterable[str], where: str) -> None:
    """Make sure that an index has what the filters ask for.

    Raises:
        SearchError: it lacks a column.
    """
    known = list(columns)
    for each in filters:
        if each.column not in known:
            listed = ", ".join(known[:20]) + ", …" * (len(known) > 20) or "none"
            raise SearchError(
                f'There is no column "{each.column}" in {where}.{did_you_mean(each.column, known)} There are: {listed}.'
            )


def number(text: str) -> float | None:
    """The finite number that a text is, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _same(value: str, wanted: str) -> bool:
    """Equal as texts, or as numbers: 1500 and 1500.0."""
    return value == wanted or (value != "" and (one := number(value)) is not None and one == number(wanted))
