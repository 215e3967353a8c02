"""The database behind a ledger: its address, its connections, its schema revision."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from receivables.errors import InputError, NotFoundError, UnavailableError
from receivables.tables_sql import HEAD

#: Seconds after which a database that does not answer counts as unreachable.
_CONNECT_SECONDS: Final = 5
#: Milliseconds that a SQLite statement waits for another writer.
_BUSY_MILLISECONDS: Final = 30_000
#: A server that vanished without a word is noticed within a quarter of a minute, however long the call was to take.
_KEEPALIVE: Final = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
#: Names one lock per database so that loads and migrations queue; any constant would do.
_LOCK: Final = 7_116_001


def open_engine(spec: str, *, create: bool) -> sa.Engine:
    """An engine for the ledger at `spec`, whose schema is that of this program; `create` makes or migrates it first.

    A connection with the execution option `immediate` takes SQLite's write lock when its transaction begins.
    Raises as `receivables.store.open_store` does.
    """
    url = _url(spec)
    if url.get_backend_name() == "sqlite":
        _prepare_file(url, spec, create)
    engine = _engine(url)
    try:
        with reaching(address_of(engine)):
            if create:
                _migrate(engine)
            _check_revision(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def address_of(engine: sa.Engine) -> str:
    """The database's URL without its password."""
    return engine.url.difference_update_query(["password"]).render_as_string(hide_password=True)


def queue(connection: sa.Connection) -> None:
    """Waits until no other connection loads or migrates; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _url(spec: str) -> sa.URL:
    if "://" not in spec:
        return sa.URL.create("sqlite", database=str(Path(spec).expanduser().absolute()))
    try:
        url = sa.make_url(spec)
    except sa.exc.ArgumentError:
        # the text may hold a password: it is not repeated
        raise InputError("ledger: expected a file path or a URL such as postgresql://user@host/database") from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise InputError(f"ledger: expected sqlite or postgresql, got {url.get_backend_name()}")
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url


def _prepare_file(url: sa.URL, spec: str, create: bool) -> None:
    if not url.database or url.database == ":memory:":
        raise InputError(f"ledger {spec}: expected a file; a ledger in memory would be lost")
    path = Path(url.database)
    if path.is_dir():
        raise InputError(f"ledger {spec}: expected a file, this is a folder")
    if not create and not path.exists():
        raise NotFoundError(f"ledger {spec}: no such file; `otcrisk import` or `otcrisk simulate` makes one")
    if create:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(f"ledger {spec}: cannot make its folder: {error}") from None


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url)
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    options = {"connect_timeout": _CONNECT_SECONDS, "options": "-c timezone=UTC -c datestyle=ISO", **_KEEPALIVE}
    return sa.create_engine(url, connect_args=options, pool_pre_ping=True)


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin in _begin_sqlite, so that reads are consistent too
    for pragma in (
        f"busy_timeout={_BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",  # a load that was reported survives a power cut
        "foreign_keys=ON",
        "cache_size=-65536",  # KiB: a load of a million rows runs out of the default two megabytes
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # taking the write lock at the start avoids the deadlock of two readers that both want to write
    immediate = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Turns a driver's failures into our errors, which name the address without its password."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise UnavailableError(f"ledger {address}: cannot be reached: {reason}") from None
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        if "not a database" in str(error):  # raised bare while a connection is configured
            raise InputError(f"ledger {address}: this file is no SQLite database") from None
        raise


def _migrate(engine: sa.Engine) -> None:
    from receivables.migrations import upgrade  # Alembic is needed only here and takes a third of a second

    with engine.connect() as bare, bare.execution_options(immediate=True).begin() as transaction:
        connection = transaction.connection
        queue(connection)
        if _revision(connection) != HEAD:
            upgrade(connection)


def _revision(connection: sa.Connection) -> str | None:
    """The migration that the database is at, None where it holds no ledger."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _check_revision(engine: sa.Engine) -> None:
    address = address_of(engine)
    with engine.connect() as connection:
        revision = _revision(connection)
    if revision is None:
        raise NotFoundError(f"ledger {address}: there is no ledger; `otcrisk import` or `otcrisk simulate` makes one")
    if revision != HEAD:
        raise InputError(
            f"ledger {address}: expected schema revision {HEAD}, found {revision}; "
            f"`otcrisk import` brings an older ledger up to date, a newer one needs a newer otcrisk"
        )
