"""The SQL form of the canonical tables: one SQLAlchemy table per entry of `receivables.schema.TABLES`."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from receivables.schema import TABLES, Column, Kind, Table

#: Revision that these tables correspond to; a test compares it with the newest migration.
HEAD: Final = "0002"


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

#: What names a version of a document line in the system that it comes from.
EVENT_KEY: Final = ("source", "document_type", "document_number", "fiscal_year", "line", "version")


def _event_key(*, primary_key: bool) -> list[sa.Column[Any]]:
    kinds: dict[str, sa.types.TypeEngine[Any]] = {"fiscal_year": sa.BigInteger(), "line": sa.BigInteger()}
    kinds["version"] = sa.BigInteger()
    return [
        sa.Column(name, kinds.get(name, Bytewise), primary_key=primary_key, nullable=False, autoincrement=False)
        for name in EVENT_KEY
    ]


#: Every event that was taken in; `waits_for` names what a held one refers to, and is null for one that was applied.
EVENTS: Final = sa.Table(
    "events",
    METADATA,
    *_event_key(primary_key=True),
    sa.Column("type", sa.Text(), nullable=False),
    sa.Column("customer_id", Bytewise, nullable=False),
    sa.Column("document", sa.Text(), nullable=False),
    sa.Column("known_at", Moment(), nullable=False),
    sa.Column("waits_for", Bytewise, nullable=True),
    sa.Column("batch_id", sa.BigInteger(), sa.ForeignKey(LOAD_BATCHES.c.id, name="fk_events_batch"), nullable=False),
    sa.Index("ix_events_waits_for", "waits_for"),
    sqlite_with_rowid=False,
)

#: Events that contradict what was there before, until a person has looked at them.
EVENT_CONFLICTS: Final = sa.Table(
    "event_conflicts",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
    *_event_key(primary_key=False),
    sa.Column("type", sa.Text(), nullable=False),
    sa.Column("customer_id", Bytewise, nullable=False),
    sa.Column("document", sa.Text(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("received_at", Moment(), nullable=False),
    sqlite_autoincrement=True,
)

#: The customers whose facts a batch of events changed: other processes read those anew.
BATCH_CUSTOMERS: Final = sa.Table(
    "batch_customers",
    METADATA,
    sa.Column("batch_id", sa.BigInteger(), sa.ForeignKey(LOAD_BATCHES.c.id, name="fk_batch_customers_batch"),
              primary_key=True, autoincrement=False),
    sa.Column("customer_id", Bytewise, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)  # fmt: skip

#: One account is another's from a day on, until that was undone; facts keep the id that they came with.
CUSTOMER_MERGES: Final = sa.Table(
    "customer_merges",
    METADATA,
    sa.Column("merge_id", Bytewise, primary_key=True, autoincrement=False),
    sa.Column("customer_id", Bytewise, nullable=False),
    sa.Column("into_id", Bytewise, nullable=False),
    sa.Column("merged_on", sa.Date(), nullable=False),
    sa.Column("known_at", Moment(), nullable=False),
    sa.Column("undone_at", Moment(), nullable=True),
    sa.Column("batch_id", sa.BigInteger(), sa.ForeignKey(LOAD_BATCHES.c.id, name="fk_merges_batch"), nullable=False),
    sqlite_with_rowid=False,
)
