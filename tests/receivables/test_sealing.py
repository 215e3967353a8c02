"""Partitions that a warehouse wrote: sealed where they are a ledger, refused with every problem where they are not."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cli.main import main
from receivables.errors import ConflictError, InputError, NotFoundError
from receivables.ledger import Ledger
from receivables.partitions import MANIFEST, PartitionedLedger, write_partitions
from receivables.sealing import seal_partitions
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate

PARTITIONS = 3


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return simulate(30, 4, 3, dt.date(2026, 10, 31), SimulationConfig.read()).ledger


@pytest.fixture(scope="module")
def written(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a warehouse exports with SQL: the canonical tables, cut by the published rule."""
    folder = tmp_path_factory.mktemp("warehouse") / "ledger"
    own = write_partitions(ledger, folder.with_name("own"), partitions=1).folder / "part=00000"
    with duckdb.connect() as sql:
        rule = f"('0x' || md5(customer_id)[1:8])::BIGINT % {PARTITIONS}"
        sql.execute(f"CREATE TABLE place AS SELECT invoice_id, {rule} AS n FROM '{own}/invoices.parquet'")
        for file in own.glob("*.parquet"):
            cut = (
                "n FROM '{}' JOIN place USING (invoice_id)" if file.stem == "allocations" else rule + " AS n FROM '{}'"
            )
            sql.execute(f"CREATE TABLE {file.stem} AS SELECT *, {cut.format(file)}")
            for number in range(PARTITIONS):
                part = folder / f"part={number:05d}"
                part.mkdir(parents=True, exist_ok=True)
                rows = f"SELECT * EXCLUDE (n) FROM {file.stem} WHERE n = {number}"
                sql.execute(f"COPY ({rows}) TO '{part / file.name}' (FORMAT parquet)")
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "ledger"))


def test_partitions_that_sql_wrote_are_the_ledger_that_they_came_from(
    ledger: Ledger, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["seal", str(folder), "--source", "warehouse"]) == 0
    sealed = PartitionedLedger.open(folder)
    assert (sealed.partitions, sealed.source) == (PARTITIONS, "warehouse")
    parts = [sealed.read(number) for number in range(PARTITIONS)]
    for name in ("customers", "invoices", "allocations"):
        key = list(ledger.frames[name].columns[:2])
        found = {tuple(row) for part in parts for row in part[name][key].itertuples(index=False)}
        assert found == {tuple(row) for row in ledger[name][key].itertuples(index=False)}
    assert f"{len(ledger['invoices']):,} invoices" in capsys.readouterr().out


def test_a_sealed_folder_is_not_sealed_twice(folder: Path) -> None:
    seal_partitions(folder)
    with pytest.raises(ConflictError, match="delete it first"):
        seal_partitions(folder)
    with pytest.raises(NotFoundError, match="no such folder"):
        seal_partitions(folder / "nowhere")


def _change(file: Path, how: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(how(pq.read_table(file, partitioning=None)), file)


def _cast(column: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    def change(rows: pa.Table) -> pa.Table:
        return rows.set_column(rows.column_names.index(column), column, pc.cast(rows[column], kind))

    return change


@pytest.mark.parametrize(
    ("file", "how", "message"),
    [
        ("invoices", _cast("amount_minor", pa.float64()), "amount_minor: expected int64, got double"),
        ("invoices", lambda rows: rows.drop_columns(["due_on"]), "column due_on is missing"),
        ("invoices", lambda rows: pa.concat_tables([rows, rows.slice(0, 1)]), "rows with the same invoice_id"),
        ("invoices", lambda rows: rows.slice(1), "1 invoices lie elsewhere"),
    ],
)
def test_what_would_not_be_a_ledger_is_refused(
    folder: Path, file: str, how: Callable[[pa.Table], pa.Table], message: str
) -> None:
    allocated = pq.read_table(folder / "part=00001/allocations.parquet", partitioning=None)["invoice_id"][0].as_py()
    path = folder / f"part=00001/{file}.parquet"
    # the invoice that is taken out is one that an allocation needs
    _change(path, lambda rows: rows.take(pc.sort_indices(pc.not_equal(rows["invoice_id"], allocated))))
    _change(path, how)
    with pytest.raises(InputError, match=message):
        seal_partitions(folder)
    assert not (folder / MANIFEST).exists()


def test_customers_in_the_wrong_partition_and_strange_files_are_all_named_at_once(folder: Path) -> None:
    one, other = folder / "part=00000/customers.parquet", folder / "part=00002/customers.parquet"
    one.rename(folder / "swap")
    other.rename(one)
    (folder / "swap").rename(other)
    (folder / "part=00001/invoice.parquet").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        seal_partitions(folder)
    assert "3 problems" in str(caught.value)
    assert "part=00000/customers.parquet: " in str(caught.value)
    assert "to part=00002; the rule is int(md5" in str(caught.value)
    assert "part=00001/invoice.parquet: expected a table" in str(caught.value)


def test_a_gap_in_the_partitions_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "part=00001")
    with pytest.raises(InputError, match="none left out; found part=00000, part=00002"):
        seal_partitions(folder)
