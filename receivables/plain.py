"""Rows of the database as plain values: no frame, no type of a driver."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

from receivables.schema import TABLES, Kind

Row = dict[str, Any]


def plain_row(table: str, values: Sequence[Any]) -> Row:
    """A row of a table from its values in the order of the columns: dates, moments in UTC, no offset, None for null."""
    return {
        name: None if value is None else plain(value)
        for (name, plain), value in zip(_PLAIN_COLUMNS[table], values, strict=True)
    }


def _as_is(value: Any) -> Any:
    return value


def _plain_day(value: Any) -> dt.date:
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


def _plain_moment(value: Any) -> dt.datetime:
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


#: What the drivers give for text and numbers is right already; SQLite gives text for dates and moments.
_PLAIN_VALUES: Final[dict[Kind, Callable[[Any], Any]]] = {Kind.DATE: _plain_day, Kind.MOMENT: _plain_moment}
_PLAIN_COLUMNS: Final = {
    table.name: [(column.name, _PLAIN_VALUES.get(column.kind, _as_is)) for column in table.columns] for table in TABLES
}
