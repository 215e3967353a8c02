"""People: what is erased is gone and nothing else is, and no name of anybody runs in a page or a spreadsheet."""

from __future__ import annotations

import copy
import csv
import datetime as dt
import io
import itertools
import random
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from receivables.audit import verify
from receivables.decision import DecisionRecord
from receivables.decision_log import DecisionLog
from receivables.decision_notes import OVERRIDE, Note
from receivables.errors import ErasedError
from receivables.privacy import erase
from receivables.quarantine import harmless
from receivables.spreadsheet import FORMULA, bare, guarded
from reports import console_page
from tests.proof.tally import Tally
from tests.reports import examples
from tests.serving.test_console import CORPUS, executable

_NOW: Final = dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)
#: Pieces of which hostile names are made, beside those of the corpus.
_PIECES: Final = (
    "<", ">", '"', "'", "&", "`", "=", "/", "\\", "<!--", "-->", "<![CDATA[", "]]>", "</textarea>", "</title>",
    "</svg>", "</option>", "</select>", "onerror=alert(1)", "onload=alert(1)", " autofocus", "javascript:alert(1)",
    "data:text/html,x", "expression(alert(1))", "{{7*7}}", "{%", "%}", "<math><mtext>", "<template>", "\u2028",
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1",
)  # fmt: skip


def erasures(persons: int, *, seed: int = 1) -> Tally:
    """Persons among companies, every second one erased in any order, by another opening of the log."""
    tally = Tally(
        "erasure destroys one person and leaves the chain and all others", "1,000 persons, 0 legible, 0 breaks"
    )
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "decisions.sqlite"
        with closing(DecisionLog(place)) as log:
            kept = {
                i: [log.append(_decision(i, part, is_person=i % 5 != 0)) for part in range(chance.randint(1, 3))]
                for i in range(persons)
            }
            chosen = [i for i in range(persons) if i % 5 != 0 and chance.random() < 0.5]
            chance.shuffle(chosen)
            with closing(DecisionLog(place)) as other:
                for i in chosen:
                    erase(other, f"P{i}", actor="proof", reason="proof", now=_NOW)
            raw = b"".join(file.read_bytes() for file in Path(folder).iterdir())
            for i, records in kept.items():
                tally.count(list(_wrong(log, i, records, i in chosen, raw)))
            tally.count(list(verify(log).problems))
    return tally


def _wrong(log: DecisionLog, i: int, records: list[DecisionRecord], is_erased: bool, raw: bytes) -> Iterator[str]:
    if i % 5 != 0 and _name(i).encode() in raw:
        yield f"person {i}: legible in the files"
    for record in records:
        try:
            found = log.get(record.score_id)
        except ErasedError:
            if not is_erased:
                yield f"{record.score_id}: erased with somebody else"
            continue
        if is_erased or found != record:
            yield f"{record.score_id}: still there, or not as it was"


def pages(names: int, *, seed: int = 1) -> Tally:
    """Hostile names and free texts through the decision report, the console's pages and the cells of CSV files."""
    tally = Tally(
        "no name runs in report, console or spreadsheet", "2,000 names, 0 executable, 0 cells that are formulas"
    )
    chance = random.Random(seed)
    made = itertools.chain(
        CORPUS, ("".join(chance.choices(_PIECES, k=chance.randint(1, 6))) for _ in itertools.count())
    )
    for name in itertools.islice(made, names):
        tally.count([f"{name!r}: {found}" for found in (*_executable(name), *_formulas(name))])
    return tally


def _executable(name: str) -> Iterator[str]:
    request, response = (copy.deepcopy(_example(part)) for part in ("request", "response"))
    request["customer"] |= {"name": name, "customer_credit_group": name}
    request["order"]["sales_order"] = name
    response["data_quality"]["warnings"] = [name]
    record = examples.made_record(request, response)
    note = Note("n1", "q1", OVERRIDE, record.score_id, record.record_sha256, "2026-11-20T10:00:00.000000Z",
                {"reason": name, "approver": name, "role": name})  # fmt: skip
    facts = {"record": record, "notes": [note], "contests": [name], "roles": [(name, True)], "ledger": None,
             "note_id": name, "given": {"reason": name, "role": name}}  # fmt: skip
    shown = {"who": name, "form_token": name, "problem": name, "at": "queue"}
    yield from executable(console_page("decision", {**shown, **facts}))
    filters = {"outcome": name, "risk_class": name, "search": name}
    yield from executable(console_page("queue", {**shown, "rows": [], "waiting": 0, "filters": filters}))
    yield from executable(console_page("changes", {**shown, "changes": [], "text": name}))
    yield from executable(console_page("refusal", {"code": name, "problem": name}))


def _formulas(name: str) -> Iterator[str]:
    out = io.StringIO()
    csv.writer(out).writerow([guarded(name), harmless(name)])
    for cell in next(csv.reader(io.StringIO(out.getvalue(), newline=""))):
        if cell.startswith(FORMULA):
            yield f"cell {cell!r}"
    if bare(guarded(name)) != name:
        yield "is not read back as it was"


def _example(part: str) -> dict[str, Any]:
    return examples.read(f"decision_{part}.json")


def _name(i: int) -> str:
    return f"Beispielperson Nummer {i:06d}"


def _decision(i: int, part: int, *, is_person: bool) -> DecisionRecord:
    request = {"customer": {"legal_form": "NATURAL_PERSON" if is_person else "LEGAL_PERSON", "name": _name(i)}}
    audit = {"audit_id": "a", "record_sha256": None, "previous_record_sha256": None}
    number = f"{i}-{part}"
    return DecisionRecord(
        f"s{number}", f"r{number}", f"r{number}", f"P{i}", "2026-11-20T09:14:05.000000Z",
        f"{2024 + part}-11-20T09:14:05.118000Z", "0" * 64, request, {"says": _name(i), "audit": audit}, {"f": 0.1}, {},
        {"policy": "p"},
    )  # fmt: skip
