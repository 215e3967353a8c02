"""The ledger store: one ledger in SQLite or PostgreSQL, loaded in batches, read as frames."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import pandas as pd
import sqlalchemy as sa

from receivables import bulk
from receivables.database import address_of, open_engine, queue, reaching
from receivables.errors import InputError, UnavailableError
from receivables.file_watch import FileWatch
from receivables.ledger import Ledger
from receivables.merging import GROWTH, Comparison, Conflict, compare
from receivables.plain import Row, plain_row
from receivables.schema import BY_NAME, TABLES, Table, conform, empty
from receivables.tables_sql import LOAD_BATCHES, SQL_TABLES
from receivables.unchanged import Unchanged

#: With more customers than this, everything is read and filtered.
_MANY_CUSTOMERS: Final = 500
#: Tables without column types: rows come back as the driver has them and are converted in bulk.
_PLAIN: Final = {table.name: sa.table(table.name, *map(sa.column, table.names)) for table in TABLES}


def _everything(table: Table) -> sa.Select[Any]:
    target = _PLAIN[table.name]
    return sa.select(*target.c).order_by(*(target.c[name] for name in table.key))


def _of_customers(table: Table) -> sa.Select[Any]:
    target: sa.TableClause = _PLAIN[table.name]
    wanted: sa.BindParameter[str] = sa.bindparam("customer_ids", expanding=True)
    if "customer_id" in table.names:
        return _everything(table).where(target.c.customer_id.in_(wanted))
    invoices = _PLAIN["invoices"]
    theirs = sa.select(invoices.c.invoice_id).where(invoices.c.customer_id.in_(wanted))
    return _everything(table).where(target.c.invoice_id.in_(theirs))


#: Made once: building the statements would take longer than reading one customer.
_EVERYTHING: Final = {table.name: _everything(table) for table in TABLES}
_OF_CUSTOMERS: Final = {t.name: _of_customers(t) for t in TABLES if {"customer_id", "invoice_id"} & set(t.names)}


@dataclass(frozen=True)
class TableLoad:
    """What a load did to one table, in rows."""

    inserted: int
    updated: int
    unchanged: int
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True)
class LoadResult:
    """What a load did; `batch` is None where nothing changed."""

    batch: int | None
    tables: Mapping[str, TableLoad]

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Offered rows that contradict stored ones and were not loaded."""
        return tuple(conflict for table in self.tables.values() for conflict in table.conflicts)


_NEWEST_BATCH: Final = "SELECT coalesce(max(id), 0) FROM load_batches"


@dataclass(frozen=True)
class Facts:
    """Rows by table, and the ledger's sequence when they were read."""

    rows: Mapping[str, Sequence[Row]]
    sequence: int = 0


class LedgerStore:
    """A ledger in a database; make one with `open_store`. Methods raise UnavailableError where it is out of reach.

    A load is one transaction: all of it is there, or nothing. Reads see one moment of the ledger.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.address = address_of(engine)
        self._watch = FileWatch(engine) if self.is_file and isinstance(engine.pool, sa.QueuePool) else None
        self._unchanged = Unchanged(self._watch.version if self._watch else lambda: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def is_file(self) -> bool:
        """Whether it lies on this machine and cannot keep anyone waiting for a network."""
        return self._engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Gives the connections back."""
        if self._watch is not None:
            self._watch.close()
        self._engine.dispose()

    def sequence(self) -> int:
        """Id of the last load that changed something, 0 for a ledger without any."""
        return self._unchanged.get("sequence", self._newest_batch)

    def _newest_batch(self) -> int:
        driver = self._engine.dialect.loaded_dbapi
        with reaching(self.address):
            try:  # asked before every order: the text is ready-made, and the driver's own errors come unwrapped
                connection = self._engine.raw_connection()
                try:
                    cursor = connection.cursor()
                    cursor.execute(_NEWEST_BATCH)
                    return int(cursor.fetchall()[0][0])
                finally:
                    connection.close()
            except driver.Error as error:
                raise UnavailableError(f"ledger {self.address}: cannot be read: {error}") from None

    def loaded_at(self) -> dt.datetime | None:
        """When the last load that changed something was made, UTC; null for a ledger without any."""
        with self.reading() as connection:
            found: dt.datetime | None = connection.execute(sa.select(sa.func.max(LOAD_BATCHES.c.loaded_at))).scalar()
            return found

    def customer_ids(self) -> list[str]:
        """Ids of all customers with master data, in the order of their bytes."""
        column = SQL_TABLES["customers"].c.customer_id
        with self.reading() as connection:
            return list(connection.execute(sa.select(column).order_by(column)).scalars())

    def payers(self) -> list[str]:
        """Ids of all customers that any table names, with or without master data, in the order of their bytes."""
        tables = [SQL_TABLES[table.name] for table in TABLES if "customer_id" in table.names]
        named = sa.union(*(sa.select(table.c.customer_id) for table in tables)).subquery()
        with self.reading() as connection:
            found = connection.execute(sa.select(named.c.customer_id).where(named.c.customer_id.is_not(None)))
            return sorted(found.scalars())

    def parents(self) -> dict[str, str]:
        """The head of the group of every customer that has one."""
        customers = SQL_TABLES["customers"].c
        named = sa.select(customers.customer_id, customers.parent_id).where(customers.parent_id.is_not(None))
        with self.reading() as connection:
            return {row.customer_id: row.parent_id for row in connection.execute(named)}

    def rows(self, table: str) -> int:
        """Number of rows of a table."""
        with self.reading() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(SQL_TABLES[table])).scalar_one())

    def read(self, customer_ids: Sequence[str] | None = None) -> Ledger:
        """The ledger, or the given customers' part of it with all exchange rates; rows in the order of their keys."""
        if customer_ids is not None and len(customer_ids) > _MANY_CUSTOMERS:
            return self.read().of_customers(list(customer_ids))
        wanted = None if customer_ids is None else {"customer_ids": list(customer_ids)}
        with self.reading() as connection:
            frames = {t.name: _read(connection, t, wanted) for t in TABLES}
            return Ledger(frames, _sequence(connection), self.address)

    def facts(self, customer_ids: Sequence[str]) -> Facts:
        """What the ledger holds of the customers, as plain values and without a frame; rows in the order of their keys.

        Dates are `datetime.date`, moments `datetime.datetime` in UTC without an offset, null is None.
        """
        wanted = {"customer_ids": list(customer_ids)}
        with self.reading() as connection:
            rows = {
                name: [plain_row(name, values) for values in connection.execute(statement, wanted)]
                for name, statement in _OF_CUSTOMERS.items()
            }
            return Facts(rows, _sequence(connection))

    def exchange_rates(self) -> Ledger:
        """A ledger that holds the exchange rates and nothing else."""
        table = BY_NAME["exchange_rates"]
        with self.reading() as connection:
            rates = _read(connection, table, None)
            return Ledger.of(exchange_rates=rates, sequence=_sequence(connection), source=self.address)

    def find(self, table: str, keys: pd.DataFrame) -> pd.DataFrame:
        """The stored rows of `table` whose key is among `keys` (the key's columns)."""
        with self.writing(lock=False) as connection:
            return _held(connection, BY_NAME[table], keys)

    def conflicts(self, frames: Mapping[str, pd.DataFrame]) -> tuple[Conflict, ...]:
        """What `load` would refuse of `frames`; writes nothing."""
        offered = _complete(frames)
        with self.writing(lock=False) as connection:
            return tuple(c for name in offered for c in _compare(connection, name, offered[name]).conflicts)

    def load(
        self, frames: Mapping[str, pd.DataFrame], *, source: str, fingerprint: str, track: bulk.Track = bulk.untracked
    ) -> LoadResult:
        """Loads canonical frames, all of them or none; the same frames again change nothing.

        A row whose key is stored with other content is a conflict: it is reported and not loaded (`merging.GROWTH`
        lists the columns that may change). Raises InputError where a required value is missing.
        """
        offered = _complete(frames)
        with self.writing() as connection:
            found = {name: _compare(connection, name, frame) for name, frame in offered.items()}
            tables = {name: _summary(comparison) for name, comparison in found.items()}
            if not any(table.inserted or table.updated for table in tables.values()):
                return LoadResult(None, tables)
            batch = _new_batch(connection, source, fingerprint, tables)
            for name, comparison in found.items():
                _write(connection, BY_NAME[name], comparison, batch, track)
            return LoadResult(batch, tables)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one moment of the ledger."""
        level = {"isolation_level": "REPEATABLE READ"} if self._engine.dialect.name == "postgresql" else {}
        with reaching(self.address), self._engine.connect().execution_options(**level) as connection:
            yield connection

    @contextmanager
    def writing(self, *, lock: bool = True) -> Iterator[sa.Connection]:
        """A connection whose transaction is committed at the end; with `lock` no other writes meanwhile."""
        with reaching(self.address), self._engine.connect() as bare:
            connection = bare.execution_options(immediate=lock)
            with connection.begin():
                if lock:
                    queue(connection)
                yield connection


def open_store(spec: str, *, create: bool = False) -> LedgerStore:
    """The ledger at `spec`, the path of a SQLite file or an SQLAlchemy URL; `create` makes or migrates it first.

    Raises NotFoundError where there is none and `create` is off, UnavailableError where the database cannot be
    reached, InputError where it is no ledger or one of another version.
    """
    return LedgerStore(open_engine(spec, create=create))


def _read(connection: sa.Connection, table: Table, wanted: dict[str, Any] | None) -> pd.DataFrame:
    if wanted is None or table.name not in _OF_CUSTOMERS:
        return bulk.fetch(connection, _EVERYTHING[table.name], table)
    return bulk.fetch(connection, _OF_CUSTOMERS[table.name], table, wanted)


def _sequence(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(LOAD_BATCHES.c.id), 0))).scalar_one())


def _complete(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The frames in form; raises KeyError for an unknown table and InputError for required values that are missing."""
    unknown = sorted(set(frames) - set(BY_NAME))
    if unknown:
        raise KeyError(f"no such ledger tables: {', '.join(unknown)}")
    made = {table.name: conform(table.name, frames[table.name]) for table in TABLES if table.name in frames}
    missing = [
        f"{name}.{column.name}: {count} missing"
        for name, frame in made.items()
        for column in BY_NAME[name].columns
        if not column.nullable and (count := int(frame[column.name].isna().sum()))
    ]
    if missing:
        raise InputError(f"required values are missing: {'; '.join(missing)}")
    return made


def _compare(connection: sa.Connection, name: str, offered: pd.DataFrame) -> Comparison:
    table = BY_NAME[name]
    return compare(table, _held(connection, table, offered[list(table.key)]), offered)


def _held(connection: sa.Connection, table: Table, keys: pd.DataFrame) -> pd.DataFrame:
    """The stored rows whose key is among `keys`."""
    target = _PLAIN[table.name]
    if keys.empty or connection.execute(sa.select(target).limit(1)).first() is None:
        return empty(table.name)
    with _staged(connection, table, keys[list(table.key)].drop_duplicates()) as staged:
        chosen = sa.select(*target.c).join_from(staged, target, _match(table, target, staged))
        return bulk.fetch(connection, chosen, table)


@contextmanager
def _staged(connection: sa.Connection, table: Table, rows: pd.DataFrame) -> Iterator[sa.Table]:
    """The rows as a temporary table: works for a million of them, where a list of parameters does not."""
    columns = (c for c in SQL_TABLES[table.name].columns if c.name in rows)
    staged = sa.Table(
        f"staged_{table.name}",
        sa.MetaData(),
        *(sa.Column(c.name, c.type, primary_key=c.primary_key, autoincrement=False) for c in columns),
        prefixes=["TEMPORARY"],
    )
    staged.create(connection)
    bulk.insert(connection, staged, table, rows)
    yield staged
    staged.drop(connection)


def _match(table: Table, left: sa.FromClause, right: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(*(left.c[name] == right.c[name] for name in table.key))


def _write(connection: sa.Connection, table: Table, found: Comparison, batch: int, track: bulk.Track) -> None:
    target = SQL_TABLES[table.name]
    if not found.updates.empty:
        grown = list(GROWTH[table.name])
        with _staged(connection, table, found.updates[[*table.key, *grown]]) as staged:
            values: dict[str, Any] = {name: staged.c[name] for name in grown} | {"batch_id": batch}
            connection.execute(sa.update(target).values(values).where(_match(table, target, staged)))
    if not found.inserts.empty:
        bulk.insert(connection, target, table, found.inserts, constants={"batch_id": batch}, track=track)


def _new_batch(connection: sa.Connection, source: str, fingerprint: str, tables: Mapping[str, TableLoad]) -> int:
    counts = {
        name: {"inserted": t.inserted, "updated": t.updated, "unchanged": t.unchanged, "conflicts": len(t.conflicts)}
        for name, t in tables.items()
    }
    row = {"source": source, "fingerprint": fingerprint, "loaded_at": dt.datetime.now(dt.UTC)}
    statement = LOAD_BATCHES.insert().values(**row, counts=json.dumps(counts)).returning(LOAD_BATCHES.c.id)
    return int(connection.execute(statement).scalar_one())


def _summary(found: Comparison) -> TableLoad:
    return TableLoad(len(found.inserts), len(found.updates), found.unchanged, found.conflicts)
