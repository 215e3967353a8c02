"""Damaged extracts go through the importer: each is loaded, or refused with a reason, and no row is lost on the way."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import random
import tempfile
from pathlib import Path
from typing import Final

import pandas as pd

from receivables.errors import OtcRiskError
from receivables.importer import ImportConf, import_path
from receivables.mapping import Mapping, read_mapping
from receivables.store import LedgerStore, open_store
from tests.proof.hostile_proofs import resident_mb
from tests.proof.tally import Tally

_ROWS: Final = 30
#: What is put into a cell, and between cells.
_CELLS: Final = (
    "", " ", "NA", "NaN", "-", "0", "-1", "1e309", "99999999999999999999999.99", "1,234.50", "20260230", "00000000",
    "9999-12-31", "1066-01-01", "2026-02-10T25:00", "\x00", "\u202e", "\ufeff", '"', '""', "'", "=1+1", "x" * 5_000,
    "€", "EURO",
)  # fmt: skip
_RAW: Final = (b"\x00", b"\xff\xfe", b"\r", b"\n\n", b'"', b",", b",,,,,,,,,,,,", b"\xef\xbb\xbf", b"\x1f\x8b", b"PAR1")
#: Files before memory is first measured.
_WARM: Final = 200
#: Memory that may be taken meanwhile, in megabytes.
_MOST_MB: Final = 64.0


def extracts(count: int, *, seed: int = 1) -> Tally:
    """`count` files, CSV, gzip and Parquet, damaged by cell, by line and by byte."""
    tally = Tally("no file breaks the importer, and no row is lost", "every file loaded or refused with a reason")
    dice, loaded, refused, quarantined = random.Random(seed), 0, 0, 0
    name, mapping = read_mapping("sap_extract")
    with tempfile.TemporaryDirectory() as folder, open_store(f"{folder}/ledger.sqlite", create=True) as store:
        before = 0.0
        for number in range(count):
            path = _damaged(dice, Path(folder))
            try:
                rows = _imported(path, mapping, name, store)
            except OtcRiskError:
                refused += 1
                tally.count([])
            except Exception as error:  # noqa: BLE001 - whatever else it is, it is the finding
                tally.count([f"seed {seed}, file {number}, {path.suffix}: {type(error).__name__}: {error}"[:300]])
            else:
                loaded, quarantined = loaded + 1, quarantined + rows[1]
                tally.count([] if rows[0] == sum(rows[1:]) else [f"seed {seed}, file {number}: rows {rows}"])
            path.unlink()
            if number == min(_WARM, count - 1):
                before = resident_mb()
        grown = resident_mb() - before
    tally.count([f"{grown:.0f} MB more memory"] if grown > _MOST_MB else [], tries=0)
    tally.figures = {
        "loaded": loaded,
        "refused": refused,
        "rows_quarantined": quarantined,
        "rss_growth_mb": round(grown, 1),
    }
    return tally


def _imported(path: Path, mapping: Mapping, name: str, store: LedgerStore) -> tuple[int, int, int, int]:
    """Rows read, and those in quarantine, said twice, and good."""
    found = import_path(path, mapping, name, store, ImportConf.read()).quality
    table = next(t for t in found.tables if t.table == "invoices")
    return found.rows_read, found.quarantined, found.duplicates, table.inserted + table.updated + table.unchanged


def _damaged(dice: random.Random, folder: Path) -> Path:
    cells = [list(_HEAD), *(_row(dice, number) for number in range(_ROWS))]
    for _ in range(dice.choice((0, 1, 1, 3, 20))):
        line = dice.choice(cells)
        line[dice.randrange(len(line))] = dice.choice(_CELLS)
    for _ in range(dice.choice((0, 0, 0, 1, 3))):
        line = dice.choice(cells)
        match dice.randrange(4):
            case 0 if line:
                line.pop()
            case 1:
                line.clear()
            case 2:
                line.append("more")
            case _:
                cells.append(line)
    ending = dice.choice((".csv", ".csv", ".csv.gz", ".parquet"))
    if ending == ".parquet":
        data = _parquet(cells)
    else:
        data = "\n".join(",".join(line) for line in cells).encode("utf-8", "surrogatepass")
        data = _spoilt(dice, data) if dice.random() < 0.4 else data
        data = gzip.compress(data) if ending == ".csv.gz" else data
    path = folder / f"extract{ending}"
    path.write_bytes(_spoilt(dice, data) if dice.random() < 0.3 else data)
    return path


_HEAD: Final = (
    "document_number", "cust_number", "business_code", "posting_date", "baseline_create_date", "due_in_date",
    "clear_date", "total_open_amount", "invoice_currency",
)  # fmt: skip


def _row(dice: random.Random, number: int) -> list[str]:
    issued = dt.date(2026, 1, 5) + dt.timedelta(days=dice.randrange(90))
    due = issued + dt.timedelta(days=dice.choice((0, 14, 30)))
    cleared = "" if dice.random() < 0.2 else (due + dt.timedelta(days=dice.randrange(-5, 40))).isoformat()
    plain = (f"{day:%Y%m%d}" for day in (issued, issued, due))
    amount = f"{dice.randrange(1, 10**7) / 100:.2f}"
    return [f"D{number}", f"C{dice.randrange(9)}", "U001", *plain, cleared, amount, dice.choice(("USD", "EUR", "JPY"))]


def _parquet(cells: list[list[str]]) -> bytes:
    """The cells as text columns, what is missing null; a damaged head gives columns of other names."""
    width = max(len(line) for line in cells)
    head = [name if name not in cells[0][:i] else f"{name}{i}" for i, name in enumerate(cells[0])]
    head += [f"extra{i}" for i in range(len(head), width)]
    rows = [[*line, *[None] * (width - len(line))] for line in cells[1:]]
    made = io.BytesIO()
    pd.DataFrame(rows, columns=head, dtype="str").to_parquet(made)
    return made.getvalue()


def _spoilt(dice: random.Random, data: bytes) -> bytes:
    """Bytes changed, taken out, put in, or cut off."""
    made = bytearray(data)
    for _ in range(dice.choice((1, 1, 4))):
        at = dice.randrange(len(made) + 1)
        match dice.randrange(4):
            case 0 if at < len(made):
                made[at] ^= 1 << dice.randrange(8)
            case 1:
                del made[at : at + dice.randrange(1, 20)]
            case 2:
                made[at:at] = dice.choice(_RAW)
            case _ if dice.random() < 0.3:
                del made[at:]
    return bytes(made)
