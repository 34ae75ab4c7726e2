"""Filters as SQL: what is asked for comes as parameters alone. `Filter.accepts` says what each means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg.sql import SQL, Composable, Placeholder
from psycopg.types.json import Jsonb

from tagger.search.filters import Filter, number
from tagger.search.postgres.tables import storable

#: The comparison of each operator, as a path through the values of a cell; texts can't be compared, and don't meet it.
_COMPARED = {sign: SQL("'$[*] ? (@ " + sign + " $limit)'") for sign in ("<", "<=", ">", ">=")}


def condition(where: Sequence[Filter], exclude: Sequence[str] = ()) -> tuple[Composable, dict[str, Any]]:
    """What products must meet, and the parameters of it.

    Args:
        where: filters, all of which they meet.
        exclude: ids of products that are left out.
    """
    parameters: dict[str, Any] = {}

    def parameter(value: Any) -> Composable:
        name = f"where{len(parameters)}"
        parameters[name] = value
        return Placeholder(name)

    conditions: list[Composable] = []
    if exclude:
        conditions.append(SQL("id <> ALL({})").format(parameter([storable(id_) for id_ in exclude])))
    for each in where:
        column = storable(each.column)
        if each.operator in _COMPARED:
            limit = Jsonb({"limit": float(each.values[0])})
            conditions.append(
                SQL("jsonb_path_exists(cells -> {}, {}, {})").format(
                    parameter(column), _COMPARED[each.operator], parameter(limit)
                )
            )
            continue
        wanted: list[str | float] = [*map(storable, each.values)]
        wanted += [value for text in each.values if (value := number(text)) is not None]
        # One by one, as the index of the column can then be used.
        alike = [SQL("cells @> {}").format(parameter(Jsonb({column: [value]}))) for value in wanted]
        if "" in each.values:
            alike.append(SQL("NOT cells ? {}").format(parameter(column)))
        either = SQL("({})").format(SQL(" OR ").join(alike))
        conditions.append(either if each.operator == "=" else SQL("NOT {}").format(either))
    return SQL(" AND ").join(conditions) if conditions else SQL("true"), parameters
