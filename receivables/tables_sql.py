"""The SQL form of the canonical tables: one SQLAlchemy table per entry of `receivables.schema.TABLES`."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from receivables.schema import TABLES, Column, Kind, Table

#: Revision that these tables correspond to; a test compares it with the newest migration.
HEAD: Final = "0001"


class Moment(sa.TypeDecorator[dt.datetime]):
    """An instant: TIMESTAMP WITH TIME ZONE on PostgreSQL, ISO text in UTC on SQLite, always aware in Python."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """Text on SQLite, which has no type for instants and would lose the zone."""
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """The instant in UTC; raises ValueError for one without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected an instant with a zone, got {value.isoformat()}")
        utc = value.astimezone(dt.UTC)
        return utc.strftime("%Y-%m-%d %H:%M:%S.%fZ") if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        """The instant, aware, in UTC."""
        if value is None:
            return None
        return (dt.datetime.fromisoformat(value) if dialect.name == "sqlite" else value).astimezone(dt.UTC)


#: Text that sorts by its bytes on every database, so that rows come back in the same order from each of them.
Bytewise: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_TYPES: Final[dict[Kind, sa.types.TypeEngine[Any]]] = {
    Kind.ID: Bytewise,
    Kind.TEXT: sa.Text(),
    Kind.DATE: sa.Date(),
    Kind.MOMENT: Moment(),
    Kind.MONEY: sa.BigInteger(),
    Kind.WHOLE: sa.BigInteger(),
    Kind.CURRENCY: Bytewise,
    Kind.RATE: sa.Text(),
}
#: Columns by which one customer's or one invoice's facts are looked up.
_LOOKED_UP_BY: Final = ("customer_id", "invoice_id")

METADATA: Final = sa.MetaData()

#: One row per load that changed something; its id is the ledger's sequence.
LOAD_BATCHES: Final = sa.Table(
    "load_batches",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("source", sa.Text(), nullable=False),
    sa.Column("fingerprint", sa.Text(), nullable=False),
    sa.Column("loaded_at", Moment(), nullable=False),
    sa.Column("counts", sa.Text(), nullable=False),
    sqlite_autoincrement=True,
)


def _sql_column(column: Column, table: Table) -> sa.Column[Any]:
    return sa.Column(
        column.name, _TYPES[column.kind], primary_key=column.name in table.key, nullable=column.nullable,
        autoincrement=False,
    )  # fmt: skip


def _sql_table(table: Table) -> sa.Table:
    # Facts carry no foreign keys to one another: sources deliver them out of order. The importer reports orphans.
    made = sa.Table(
        table.name,
        METADATA,
        *(_sql_column(column, table) for column in table.columns),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey(LOAD_BATCHES.c.id, name=f"fk_{table.name}_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    for name in _LOOKED_UP_BY:
        if name in table.names and table.key[0] != name:
            sa.Index(f"ix_{table.name}_{name}", made.c[name])
    return made


SQL_TABLES: Final[dict[str, sa.Table]] = {table.name: _sql_table(table) for table in TABLES}
