"""The ledger store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from receivables import database
from receivables.errors import InputError, NotFoundError, UnavailableError
from receivables.ledger import Ledger
from receivables.migrations import configuration
from receivables.schema import BY_NAME, TABLES, conform
from receivables.store import LedgerStore, open_store
from receivables.tables_sql import HEAD, METADATA


def invoices(*ids: str, customer: str = "C1", amount: int = 10_000, observed: str = "2026-03-31") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "invoice_id": ids,
            "customer_id": customer,
            "amount_minor": amount,
            "currency": "EUR",
            "issued_on": pd.Timestamp("2026-01-05"),
            "due_on": pd.Timestamp("2026-02-04"),
            "net_days": 30,
            "known_at": pd.Timestamp("2026-01-06 00:00:00.000001"),
            "observed_until": pd.Timestamp(observed),
        }
    )


def allocation(invoice: str, line: int = 1, amount: int = 10_000) -> pd.DataFrame:
    day = pd.Timestamp("2026-02-10")
    row = {"payment_id": f"P-{invoice}", "invoice_id": invoice, "line": line, "amount_minor": amount, "currency": "EUR"}
    return pd.DataFrame([row | {"cleared_on": day, "known_at": day + pd.Timedelta(days=1)}])


def dispute(**changes: object) -> pd.DataFrame:
    day = pd.Timestamp("2026-02-01")
    row = {"dispute_id": "D1", "customer_id": "C1", "amount_minor": 5, "currency": "EUR", "opened_on": day}
    return pd.DataFrame([row | {"known_at": day, "closed_on": pd.NaT, "closed_known_at": pd.NaT} | changes])


def load(store: LedgerStore, **frames: pd.DataFrame) -> object:
    return store.load(frames, source="test", fingerprint="f")


def test_what_is_loaded_is_read_back_exactly(ledger_url: str) -> None:
    odd = invoices("007", "NA", "ÄÖ'\"%s\\N,\n;", "", amount=-(10**12))
    with open_store(ledger_url, create=True) as store:
        load(store, invoices=odd, allocations=allocation("007"))
        ledger = store.read()
    expected = conform("invoices", odd.sort_values("invoice_id"))
    pd.testing.assert_frame_equal(ledger["invoices"], expected)
    assert ledger["invoices"]["document_type"].isna().all()
    for table in TABLES:
        pd.testing.assert_frame_equal(ledger[table.name], conform(table.name, ledger[table.name]))


def test_every_table_and_every_kind_of_value_survives(ledger_url: str) -> None:
    moment = pd.Timestamp("2026-02-01 12:34:56.789012")
    values = {"id": "x", "text": "x", "date": pd.Timestamp("2199-12-31"), "moment": moment, "money": 2**40, "whole": 3}
    values |= {"currency": "EUR", "rate": "0.000000000001"}
    frames = {
        t.name: conform(t.name, pd.DataFrame([{c.name: values[c.kind.value] for c in t.columns}])) for t in TABLES
    }
    with open_store(ledger_url, create=True) as store:
        store.load(frames, source="test", fingerprint="f")
        ledger = store.read()
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(ledger[name], frame)


def test_loading_the_same_again_changes_nothing(ledger_url: str) -> None:
    with open_store(ledger_url, create=True) as store:
        first = load(store, invoices=invoices("A", "B"))
        again = load(store, invoices=invoices("B", "A"))
        assert (first.batch, first.tables["invoices"].inserted) == (1, 2)
        assert (again.batch, again.tables["invoices"].inserted, again.tables["invoices"].unchanged) == (None, 0, 2)
        assert store.sequence() == 1 == store.read().sequence


def test_other_content_under_a_stored_key_is_a_conflict_and_is_not_loaded(ledger_url: str) -> None:
    with open_store(ledger_url, create=True) as store:
        load(store, invoices=invoices("A"))
        offered = pd.concat([invoices("B"), invoices("A", amount=9)])
        seen = store.conflicts({"invoices": offered})
        result = load(store, invoices=offered)
        (conflict,) = result.conflicts
        assert seen == result.conflicts
        assert (conflict.key, conflict.column, conflict.stored, conflict.offered) == (
            ("A",),
            "amount_minor",
            "10000",
            "9",
        )
        assert conflict.position == 1
        assert store.read()["invoices"]["amount_minor"].tolist() == [10_000, 10_000]


def test_one_key_twice_in_a_load_counts_once(ledger_url: str) -> None:
    with open_store(ledger_url, create=True) as store:
        result = load(store, invoices=pd.concat([invoices("A"), invoices("A"), invoices("A", amount=7)]))
        table = result.tables["invoices"]
        assert (table.inserted, table.unchanged, len(table.conflicts)) == (1, 1, 1)


def test_the_observed_day_only_grows(ledger_url: str) -> None:
    with open_store(ledger_url, create=True) as store:
        load(store, invoices=invoices("A", "B", observed="2026-03-31"))
        later = load(store, invoices=invoices("A", observed="2026-04-30"))
        earlier = load(store, invoices=invoices("A", "B", observed="2026-01-31"))
        assert later.tables["invoices"].updated == 1
        assert (earlier.batch, earlier.tables["invoices"].unchanged) == (None, 2)
        days = store.read()["invoices"]["observed_until"].dt.strftime("%m-%d").tolist()
        assert days == ["04-30", "03-31"]


def test_a_dispute_is_closed_once(ledger_url: str) -> None:
    closed = {"closed_on": pd.Timestamp("2026-03-01"), "closed_known_at": pd.Timestamp("2026-03-02")}
    with open_store(ledger_url, create=True) as store:
        load(store, disputes=dispute())
        assert load(store, disputes=dispute(**closed, result="SHARED")).tables["disputes"].updated == 1
        assert load(store, disputes=dispute()).tables["disputes"].unchanged == 1
        other = load(store, disputes=dispute(**closed, result="SELLER_RIGHT"))
        assert other.conflicts[0].column == "result"
        assert store.read()["disputes"]["result"].tolist() == ["SHARED"]


def test_empty_master_data_is_filled_and_never_replaced(ledger_url: str) -> None:
    def customer(known: str, **values: str) -> pd.DataFrame:
        return pd.DataFrame([{"customer_id": "C1", "known_at": pd.Timestamp(known), **values}])

    with open_store(ledger_url, create=True) as store:
        load(store, customers=customer("2026-02-01"))
        load(store, customers=customer("2026-03-01", segment="S1"))
        assert load(store, customers=customer("2026-01-01")).batch is None
        assert load(store, customers=customer("2026-01-01", segment="S2")).conflicts[0].column == "segment"
        row = store.read()["customers"].iloc[0]
        assert (row["segment"], row["known_at"]) == ("S1", pd.Timestamp("2026-03-01"))


@pytest.mark.parametrize(
    ("stored", "offered", "known"),
    [
        (("01", "S1", None), ("02", "S1", "DE"), "02"),  # the country was not known before
        (("02", "S1", None), ("01", "S1", "DE"), "01"),  # all of it was known before
        (("02", "S1", "DE"), ("01", "S1", None), "02"),
        (("02", "S1", "DE"), ("01", "S1", "DE"), "01"),
        (("02", "S1", None), ("01", None, "DE"), "02"),  # together only later
        (("01", "S1", None), ("02", None, "DE"), "02"),
    ],
)
def test_filled_master_data_is_not_known_before_it_was_said(
    ledger_url: str, stored: tuple[str, ...], offered: tuple[str, ...], known: str
) -> None:
    def customer(month: str, segment: str | None, country: str | None) -> pd.DataFrame:
        at = pd.Timestamp(f"2026-{month}-01")
        return pd.DataFrame([{"customer_id": "C1", "known_at": at, "segment": segment, "country": country}])

    with open_store(ledger_url, create=True) as store:
        load(store, customers=customer(*stored))
        load(store, customers=customer(*offered))
        row = store.read()["customers"].iloc[0]
        assert (row["segment"], row["country"]) == ("S1", "DE")
        assert row["known_at"] == pd.Timestamp(f"2026-{known}-01")


def test_one_customer_is_read_with_its_allocations_and_all_rates(ledger_url: str) -> None:
    rate = {"currency": "USD", "base_currency": "EUR", "rate_on": pd.Timestamp("2026-01-01"), "rate": "0.9"}
    rates = pd.DataFrame([rate | {"known_at": pd.Timestamp("2026-01-02")}])
    both = pd.concat([invoices("A"), invoices("B", customer="C2")])
    with open_store(ledger_url, create=True) as store:
        load(store, invoices=both, allocations=pd.concat([allocation("A"), allocation("B")]), exchange_rates=rates)
        everything, one = store.read(), store.read(["C2"])
        assert one["allocations"]["invoice_id"].tolist() == ["B"]
        expected: Ledger = everything.of_customers(["C2"])
        for table in TABLES:
            pd.testing.assert_frame_equal(one[table.name], expected[table.name])
        many = store.read(["C2", *(f"X{i}" for i in range(600))])
        assert many["invoices"]["invoice_id"].tolist() == ["B"]
        assert store.read([])["invoices"].empty


def test_reading_one_customer_looks_up_an_index(sqlite_url: str) -> None:
    seen: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        seen.append((statement, parameters))

    with open_store(sqlite_url, create=True) as store:
        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        store.read(["C1"])
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    selects = [(statement, parameters) for statement, parameters in seen if "WHERE" in statement]
    assert len(selects) == len(TABLES) - 1  # all but the exchange rates
    connection = sqlite3.connect(sqlite_url)
    for statement, parameters in selects:
        plan = " ".join(str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))
        assert "SEARCH" in plan, statement
        assert "SCAN" not in plan, statement
    connection.close()


def test_a_missing_required_value_is_named_and_nothing_is_loaded(ledger_url: str) -> None:
    broken = invoices("A").assign(due_on=pd.NaT)
    with open_store(ledger_url, create=True) as store:
        with pytest.raises(InputError, match=r"invoices\.due_on: 1 missing"):
            load(store, allocations=allocation("A"), invoices=broken)
        assert store.sequence() == 0
        assert store.read()["allocations"].empty


def test_the_sequence_follows_loads_of_others_and_its_own(ledger_url: str) -> None:
    with open_store(ledger_url, create=True) as mine, open_store(ledger_url) as others:
        assert mine.sequence() == 0
        for number, store in enumerate((others, mine, others, mine), start=1):
            store.load({"invoices": invoices(f"I{number}")}, source="test", fingerprint=str(number))
            assert mine.sequence() == others.sequence() > 0
            assert mine.sequence() == mine.read().sequence


def test_a_load_that_fails_half_way_leaves_nothing(ledger_url: str) -> None:
    def stop(steps: object, label: str = "", **_: object) -> object:
        if label == "writing allocations":
            raise KeyboardInterrupt
        return steps

    with open_store(ledger_url, create=True) as store:
        with pytest.raises(KeyboardInterrupt):
            store.load(
                {"invoices": invoices("A"), "allocations": allocation("A")}, source="t", fingerprint="f", track=stop
            )
        assert store.read()["invoices"].empty
        assert load(store, invoices=invoices("A")).tables["invoices"].inserted == 1


def test_a_killed_load_leaves_nothing(sqlite_url: str, tmp_path: Path) -> None:
    mark = tmp_path / "invoices-are-written"
    script = f"""
import pathlib, time
from tests.receivables.test_store import allocation, invoices, open_store
def track(steps, label="", **_):
    if label == "writing allocations":
        pathlib.Path({str(mark)!r}).touch()
        time.sleep(60)
    return steps
with open_store({sqlite_url!r}, create=True) as store:
    store.load({{"invoices": invoices("A"), "allocations": allocation("A")}}, source="t", fingerprint="f", track=track)
"""
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=root, env=os.environ | {"PYTHONPATH": str(root)}
    ) as child:
        while not mark.exists() and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
    assert mark.exists()
    with open_store(sqlite_url) as store:
        assert store.sequence() == 0
        assert store.read()["invoices"].empty


def test_loads_from_two_connections_queue_up(ledger_url: str) -> None:
    with open_store(ledger_url, create=True) as store, open_store(ledger_url) as other:
        threads = [
            threading.Thread(target=load, args=(each,), kwargs={"invoices": invoices(*(f"I{i}" for i in range(n)))})
            for each, n in ((store, 300), (other, 200), (store, 250))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.read()["invoices"]) == 300


def test_the_migrations_make_exactly_the_tables_of_the_schema(ledger_url: str) -> None:
    with open_store(ledger_url, create=True):
        pass
    engine = database.open_engine(ledger_url, create=False)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        script = ScriptDirectory.from_config(configuration(connection))
        assert script.get_heads() == [HEAD]
    engine.dispose()


def test_the_migration_can_be_undone(ledger_url: str) -> None:
    engine = database.open_engine(ledger_url, create=True)
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
        assert not set(sa.inspect(connection).get_table_names()) & set(BY_NAME)
    engine.dispose()


def test_a_ledger_that_is_not_there_is_not_made_by_reading(sqlite_url: str, postgres_url: str) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        open_store(sqlite_url)
    assert not Path(sqlite_url).exists()
    with pytest.raises(NotFoundError, match="there is no ledger"):
        open_store(postgres_url)


def test_a_ledger_of_another_revision_is_refused(ledger_url: str) -> None:
    engine = database.open_engine(ledger_url, create=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(InputError, match="expected schema revision 0002, found 9999"):
        open_store(ledger_url)


def test_an_unreachable_database_is_named_without_its_password() -> None:
    start = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        open_store("postgresql://boss:s3cret@127.0.0.1:1/ledger?password=s3cret", create=True)
    assert "127.0.0.1:1/ledger" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("mysql://a:pw@b/c", "expected sqlite or postgresql"),
        ("sqlite://", "in memory"),
        ("://pw", "file path or a URL"),
    ],
)
def test_an_address_that_is_no_ledger_is_refused(spec: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        open_store(spec, create=True)
    assert "pw" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"these are notes, not a database\n" * 100)
    with pytest.raises(InputError, match="no SQLite database"):
        open_store(str(path), create=True)
    assert path.read_bytes().startswith(b"these are notes")
