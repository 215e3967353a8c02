"""The manifest of a partitioned ledger whose Parquet files somebody else wrote: checked first, then sealed.

A warehouse writes `part=00000/invoices.parquet` and so on by the rule of `receivables.partitions.HASH`; what it wrote
is a ledger once its types, keys and places have been checked and `ledger.json` says so. One partition is in memory at
a time. Whether an id occurs in two partitions is not looked at, and neither is what the importer quarantines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from receivables.bulk import Track, untracked
from receivables.errors import ConflictError, InputError, NotFoundError
from receivables.partitions import (
    HASH,
    MANIFEST,
    RATES,
    PartitionedLedger,
    digest_of,
    part_name,
    partition_of,
    write_manifest,
    write_part,
)
from receivables.schema import BY_NAME, Kind, Table

#: Problems that a message lists; further ones are counted.
_SHOWN: Final = 20


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_day(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _is_moment(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind)) and kind.tz in (None, "UTC", "Etc/UTC")


#: What a column's type may be, by kind, and how to say so.
_TYPES: Final[dict[Kind, tuple[Callable[[pa.DataType], Any], str]]] = {
    **dict.fromkeys((Kind.ID, Kind.TEXT, Kind.CURRENCY, Kind.RATE), (_is_text, "text")),
    **dict.fromkeys((Kind.MONEY, Kind.WHOLE), (pa.types.is_int64, "int64")),
    Kind.DATE: (_is_day, "a date"),
    Kind.MOMENT: (_is_moment, "a timestamp in UTC"),
}


def seal_partitions(folder: Path, *, source: str = "", track: Track = untracked) -> PartitionedLedger:
    """Checks the folder's partitions, writes their part.json and the ledger.json, and opens the ledger.

    `source` says where the rows came from. Raises NotFoundError without a folder, ConflictError where it is sealed
    already, InputError with every problem that was found.
    """
    if not folder.is_dir():
        raise NotFoundError(f"{folder}: no such folder")
    if (folder / MANIFEST).exists():
        raise ConflictError(f"{folder}: has a {MANIFEST} already; delete it first if its files were written anew")
    parts = sorted(path for path in folder.glob("part=*") if path.is_dir())
    wanted = [part_name(number) for number in range(len(parts))]
    if not parts or [path.name for path in parts] != wanted:
        found = ", ".join(path.name for path in parts[:3]) or "none"
        raise InputError(
            f"{folder}: expected folders {part_name(0)}, {part_name(1)} and so on, none left out; found {found}"
        )
    rows, digests, problems = dict.fromkeys(BY_NAME, 0), {}, list(_strangers(folder))
    for number, path in track(enumerate(parts), label="sealing", total=len(parts)):
        counts, wrong = _checked(path, number, len(parts))
        problems += wrong
        if not problems:
            digests[path.name] = write_part(path, counts)
        rows = {name: rows[name] + counts.get(name, 0) for name in rows}
    rates = folder / f"{RATES}.parquet"
    if rates.exists():
        frame, wrong = _read(rates, BY_NAME[RATES])
        problems += wrong
        rows[RATES], digests[RATES] = len(frame), digest_of(rates)
    _demand_none(folder, problems)
    write_manifest(
        folder, {"partitions": len(parts), "rows": rows, "source": source, "sequence": 0, "digests": digests}
    )
    return PartitionedLedger.open(folder)


def _demand_none(folder: Path, problems: list[str]) -> None:
    if problems:
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        lines = "\n  ".join([*problems[:_SHOWN], *more])
        raise InputError(f"{folder}: {len(problems)} problems, nothing was sealed:\n  {lines}")


def _strangers(folder: Path) -> Iterator[str]:
    """Files that no ledger has: a misspelt table would otherwise be left out in silence."""
    tables = {f"{name}.parquet" for name in BY_NAME}
    for file in sorted(folder.rglob("*.parquet")):
        is_rates = file.stem == RATES
        if file.name not in tables or is_rates != (file.parent == folder):
            yield f"{file.relative_to(folder)}: expected a table of the ledger schema in part=N/, rates beside them"


def _checked(path: Path, number: int, partitions: int) -> tuple[dict[str, int], list[str]]:
    """Rows by table of one partition, and what is wrong with it."""
    frames, problems = {}, []
    for name, table in BY_NAME.items():
        file = path / f"{name}.parquet"
        if name != RATES and file.exists():
            frames[name], wrong = _read(file, table)
            problems += wrong or list(_misplaced(file, frames[name], number, partitions))
    if not problems and "allocations" in frames:
        invoices = frames["invoices"]["invoice_id"] if "invoices" in frames else pa.array([], pa.string())
        strays = pd.Index(frames["allocations"]["invoice_id"]).difference(pd.Index(invoices))
        if len(strays):
            problems.append(
                f"{path.name}/allocations.parquet: {len(strays)} invoices lie elsewhere, one is {strays[0]}"
            )
    return {name: len(frame) for name, frame in frames.items()}, problems


def _read(file: Path, table: Table) -> tuple[pa.Table, list[str]]:
    """The file's rows, and what is wrong with their columns and keys."""
    name = f"{file.parent.name}/{file.name}"
    try:
        rows = pq.read_table(file, use_threads=False, partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        return pa.table({}), [f"{name}: cannot be read as Parquet: {error}"]
    problems = []
    for column in table.columns:
        if column.name not in rows.column_names:
            problems.append(f"{name}: column {column.name} is missing")
            continue
        values = rows[column.name]
        fits, wanted = _TYPES[column.kind]
        if not fits(values.type):
            problems.append(f"{name}: {column.name}: expected {wanted}, got {values.type}; cast it in the query")
        if values.null_count and not column.nullable:
            problems.append(f"{name}: {column.name}: {values.null_count} nulls, expected none")
    if not problems and rows.group_by(list(table.key)).aggregate([]).num_rows < len(rows):
        problems.append(f"{name}: rows with the same {', '.join(table.key)}; each may occur once")
    return rows, problems


def _misplaced(file: Path, rows: pa.Table, number: int, partitions: int) -> Iterator[str]:
    if "customer_id" not in rows.column_names:
        return
    ids = pc.unique(rows["customer_id"]).to_pylist()
    wrong = [(name, right) for name, right in zip(ids, partition_of(ids, partitions), strict=True) if right != number]
    if wrong:
        name, right = wrong[0]
        place = f"{file.parent.name}/{file.name}"
        yield f"{place}: {len(wrong)} customers belong elsewhere, {name} to {part_name(int(right))}; the rule is {HASH}"
