"""A ledger cut by customer: nothing lost, nothing twice, everything where the published hash says."""

from __future__ import annotations

import datetime as dt
import json
import random
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from receivables.errors import InputError, NotFoundError
from receivables.ledger import Ledger
from receivables.partitions import PartitionedLedger, partition_of, partitions_for, write_partitions
from receivables.schema import BY_NAME
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from receivables.store import open_store


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return simulate(40, 5, 3, dt.date(2026, 10, 31), SimulationConfig.read()).ledger


def _together(source: PartitionedLedger) -> dict[str, pd.DataFrame]:
    """All partitions' rows, sorted by key; exchange rates once."""
    parts = [source.read(number) for number in range(source.partitions)]
    frames = {name: pd.concat([part[name] for part in parts]) for name in BY_NAME}
    frames["exchange_rates"] = parts[0]["exchange_rates"]
    return {name: _sorted(name, frame) for name, frame in frames.items()}


def _sorted(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(list(BY_NAME[name].key)).reset_index(drop=True)


def test_partitions_hold_every_row_of_the_ledger_once(ledger: Ledger, tmp_path: Path) -> None:
    source = write_partitions(ledger, tmp_path / "parts", partitions=7)
    for name, frame in _together(source).items():
        pd.testing.assert_frame_equal(frame, _sorted(name, ledger[name]), obj=name)
    assert source.rows == {name: len(ledger[name]) for name in BY_NAME}


def test_a_store_is_partitioned_like_the_ledger_it_holds(
    ledger: Ledger, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receivables.partitions._CUSTOMERS_AT_ONCE", 3)  # several chunks a partition
    with open_store(ledger_url, create=True) as store:
        # customers without master data have facts too
        store.load({n: f for n, f in ledger.frames.items() if n != "customers"}, source="test", fingerprint="1")
        store.load({"customers": ledger["customers"].head(10)}, source="test", fingerprint="2")
        source = write_partitions(store, tmp_path / "parts", partitions=4)
        assert (source.sequence, source.source) == (2, store.address)
    for name, frame in _together(source).items():
        wanted = ledger[name].head(10) if name == "customers" else ledger[name]
        pd.testing.assert_frame_equal(frame, _sorted(name, wanted), obj=name)


def test_customers_lie_where_a_warehouse_would_put_them(ledger: Ledger, tmp_path: Path) -> None:
    source = write_partitions(ledger, tmp_path / "parts", partitions=5)
    misplaced = duckdb.sql(f"""
        SELECT count(*), count(DISTINCT part) FILTER (part <> ('0x' || md5(customer_id)[1:8])::BIGINT % 5)
        FROM read_parquet('{source.folder}/part=*/invoices.parquet', hive_partitioning = true)
    """).fetchall()  # fmt: skip
    assert misplaced == [(len(ledger["invoices"]), 0)]


def test_the_hash_is_fixed_for_ever_and_reads_bytes_of_utf_8() -> None:
    # printf '%s' ID | md5sum | cut -c1-8
    assert partition_of(["4711", "Müller"], 2**32).tolist() == [0xB52340B4, 0xE35BC0A7]


def test_a_partition_holds_whole_customers_and_their_allocations(ledger: Ledger, tmp_path: Path) -> None:
    source = write_partitions(ledger, tmp_path / "parts", partitions=3)
    for number in range(3):
        part = source.read(number)
        wanted = ledger.of_customers(sorted(set(part["invoices"]["customer_id"])))
        assert set(part["allocations"]["invoice_id"]) == set(wanted["allocations"]["invoice_id"])
        assert set(part["payments"]["payment_id"]) == set(wanted["payments"]["payment_id"])


def test_only_the_tables_that_are_asked_for_are_read(ledger: Ledger, tmp_path: Path) -> None:
    source = write_partitions(ledger, tmp_path / "parts", partitions=1)
    part = source.read(0, ["invoices"])
    assert len(part["invoices"]) == len(ledger["invoices"])
    assert part["payments"].empty


def test_the_same_facts_have_the_same_fingerprint_and_others_another(ledger: Ledger, tmp_path: Path) -> None:
    one, same = (write_partitions(ledger, tmp_path / name, partitions=2) for name in ("one", "same"))
    fewer = Ledger.of(**{**ledger.frames, "invoices": ledger["invoices"].iloc[:-1]})
    other = write_partitions(fewer, tmp_path / "other", partitions=2)
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_a_folder_whose_writing_was_interrupted_is_refused(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("receivables.partitions._write_rates", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_partitions(ledger, tmp_path / "parts", partitions=2)
    with pytest.raises(NotFoundError, match="no such folder"):
        PartitionedLedger.open(tmp_path / "parts")
    # what the interrupted run left behind is no obstacle
    finished = write_partitions(ledger, tmp_path / "parts", partitions=2)
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]
    (finished.folder / "ledger.json").unlink()
    with pytest.raises(InputError, match="interrupted"):
        PartitionedLedger.open(finished.folder)


@pytest.mark.parametrize("damage", ["missing", "changed", "swapped"])
def test_a_damaged_partition_is_noticed(ledger: Ledger, tmp_path: Path, damage: str) -> None:
    source = write_partitions(ledger, tmp_path / "parts", partitions=2)
    one, other = (source.folder / f"part=0000{i}" / "payments.parquet" for i in (0, 1))
    if damage == "missing":
        one.unlink()
    else:
        one.write_bytes(other.read_bytes() if damage == "swapped" else one.read_bytes()[:-9] + b"x" * 9)
    with pytest.raises(InputError, match=r"part=00000/payments\.parquet is missing or not the file"):
        source.read(0)
    assert len(source.read(1)["payments"])


def test_a_manifest_that_does_not_fit_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    file = write_partitions(ledger, tmp_path / "parts", partitions=2).folder / "ledger.json"
    document = json.loads(file.read_text())
    for changed, message in (
        ({"partitions": 3}, "changed after it was written"),
        ({"format": 2}, "expected format 1"),
        ({"hash": "crc32"}, "partition the ledger again"),
    ):
        file.write_text(json.dumps(document | changed))
        with pytest.raises(InputError, match=message):
            PartitionedLedger.open(file.parent)
    file.write_text("[]")
    with pytest.raises(InputError, match="not a manifest"):
        PartitionedLedger.open(file.parent)


def test_a_ledger_is_never_written_over(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="exists already"):
        write_partitions(ledger, tmp_path / "mine", partitions=2)
    with pytest.raises(InputError, match="at least 1"):
        write_partitions(ledger, tmp_path / "parts", partitions=0)


def test_a_load_in_the_middle_is_noticed(ledger: Ledger, sqlite_url: str, tmp_path: Path) -> None:
    with open_store(sqlite_url, create=True) as store:
        store.load({"invoices": ledger["invoices"]}, source="test", fingerprint="1")

        def load_meanwhile(chunks: object, **_: object) -> object:
            for number, chunk in chunks:  # type: ignore[attr-defined]
                store.load({"payments": ledger["payments"]}, source="test", fingerprint="2")
                yield number, chunk

        with pytest.raises(InputError, match="while it was partitioned"):
            write_partitions(store, tmp_path / "parts", partitions=2, track=load_meanwhile)
    assert not (tmp_path / "parts").exists()


def test_an_empty_ledger_has_empty_partitions(tmp_path: Path) -> None:
    source = write_partitions(Ledger.of(), tmp_path / "parts", partitions=2)
    assert all(frame.empty for frame in source.read(1).frames.values())
    assert partitions_for(0) == 1 < partitions_for(10**6) == 4


def test_rows_may_come_in_any_order(ledger: Ledger, tmp_path: Path) -> None:
    rows = list(range(len(ledger["invoices"])))
    random.Random(4).shuffle(rows)
    shuffled = Ledger.of(**{**ledger.frames, "invoices": ledger["invoices"].iloc[rows]})
    source = write_partitions(shuffled, tmp_path / "parts", partitions=3)
    pd.testing.assert_frame_equal(_together(source)["invoices"], _sorted("invoices", ledger["invoices"]))
