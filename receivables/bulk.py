"""Many rows in and out of SQLite and PostgreSQL without a Python object per cell on the slow paths."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa

from receivables.schema import Kind, Table, empty

#: Shows progress: takes steps, a `label` and their `total`, gives the steps back.
Track = Callable[..., Iterable[Any]]

_CHUNK: Final = 50_000
_INSTANT: Final = pa.timestamp("us", tz="UTC")
_ARROW: Final[dict[Kind, pa.DataType]] = {
    Kind.ID: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.CURRENCY: pa.string(),
    Kind.RATE: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.MOMENT: _INSTANT,
    Kind.MONEY: pa.int64(),
    Kind.WHOLE: pa.int64(),
}


def untracked(steps: Iterable[Any], **_: Any) -> Iterable[Any]:
    """Shows no progress."""
    return steps


def insert(
    connection: sa.Connection, target: sa.Table, table: Table, frame: pd.DataFrame, *,
    constants: dict[str, int] | None = None, track: Track = untracked,
) -> None:  # fmt: skip
    """Writes `frame` (columns of `table`, or the first of them that `target` has) and the same `constants` on each row.

    Rows go in the order of the key, which keeps both databases appending instead of splitting pages.
    """
    names = [name for name in table.names if name in target.c]
    ordered = frame.sort_values(list(table.key), kind="stable")
    columns = {name: to_arrow(ordered[name], table[name].kind) for name in names}
    columns |= {name: pa.array([value] * len(frame), pa.int64()) for name, value in (constants or {}).items()}
    rows = pa.table(columns)
    write = _copy_in if connection.dialect.name == "postgresql" else _executemany
    starts = range(0, len(frame), _CHUNK)
    for start in track(starts, label=f"writing {table.name}", total=len(starts)):
        write(connection, target.name, rows.slice(start, _CHUNK))


def fetch(
    connection: sa.Connection, statement: sa.Select[Any], table: Table, parameters: dict[str, Any] | None = None
) -> pd.DataFrame:
    """The rows of `statement`, which selects the table's columns in order, as `receivables.schema.conform` has them."""
    copies = connection.dialect.name == "postgresql" and parameters is None
    rows = _copy_out(connection, statement, table) if copies else _fetchall(connection, statement, table, parameters)
    return empty(table.name) if rows is None else from_arrow(rows, table)


def to_arrow(values: pd.Series, kind: Kind) -> pa.Array:
    """A column of a frame as Arrow; moments carry UTC."""
    made = pa.array(values, from_pandas=True)
    if isinstance(made, pa.ChunkedArray):
        made = made.combine_chunks()
    if kind is Kind.MOMENT:
        return made.cast(pa.timestamp("us")).cast(_INSTANT)
    return made.cast(_ARROW[kind])


def from_arrow(rows: pa.Table, table: Table) -> pd.DataFrame:
    """Arrow rows of the table as `receivables.schema.conform` has them."""
    return pd.DataFrame(
        {column.name: _to_pandas(rows[column.name], column.kind) for column in table.columns}, copy=False
    )


def _to_pandas(values: pa.ChunkedArray, kind: Kind) -> Any:
    if kind in (Kind.DATE, Kind.MOMENT):
        return values.cast(pa.timestamp("us")).to_numpy()
    if kind in (Kind.MONEY, Kind.WHOLE):
        return values.to_numpy()
    return pd.array(values, dtype="str")


def _sqlite_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_temporal(column.type) else column


def _executemany(connection: sa.Connection, target: str, rows: pa.Table) -> None:
    cells = [_sqlite_text(column).to_pylist() for column in rows.columns]
    names, marks = ", ".join(rows.column_names), ", ".join("?" * rows.num_columns)
    statement = f"INSERT INTO {target} ({names}) VALUES ({marks})"  # noqa: S608  # names of our own schema
    connection.exec_driver_sql(statement, list(zip(*cells, strict=True)))


def _copy_in(connection: sa.Connection, target: str, rows: pa.Table) -> None:
    text = io.BytesIO()
    # every value is quoted and a null is not: that is how COPY tells them apart
    options = pa.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    pa.csv.write_csv(rows, text, options)
    names = ", ".join(rows.column_names)
    with _cursor(connection) as cursor, cursor.copy(f"COPY {target} ({names}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(text.getbuffer())


def _fetchall(
    connection: sa.Connection, statement: sa.Select[Any], table: Table, parameters: dict[str, Any] | None
) -> pa.Table | None:
    rows = connection.execute(statement, parameters).fetchall()
    if not rows:
        return None
    cells = zip(table.columns, zip(*rows, strict=True), strict=True)
    return pa.table({column.name: pa.array(values).cast(_ARROW[column.kind]) for column, values in cells})


def _copy_out(connection: sa.Connection, statement: sa.Select[Any], table: Table) -> pa.Table | None:
    text = io.BytesIO()
    query = str(statement.compile(dialect=connection.dialect))
    with _cursor(connection) as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
        for block in copy:
            text.write(block)
    if not text.tell():
        return None
    text.seek(0)
    return pa.csv.read_csv(
        text,
        read_options=pa.csv.ReadOptions(column_names=list(table.names), use_threads=False),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types={column.name: _ARROW[column.kind] for column in table.columns},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _cursor(connection: sa.Connection) -> Any:
    return connection.connection.cursor()
