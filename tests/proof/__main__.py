"""`make proof`: the long form of every promise, as a table and as benchmarks/proof.json.

python -m tests.proof                       # everything, long; fills benchmarks/proof.json
python -m tests.proof --short               # seconds, prints only
python -m tests.proof --only kill tamper    # some; the others' records stay
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.proof.table import PROOFS

FILE: Final = Path(__file__).resolve().parents[2] / "benchmarks" / "proof.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the proofs, prints a line for each; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[proof.name for proof in PROOFS])
    parser.add_argument("--short", action="store_true")
    args = parser.parse_args(argv)
    records: dict[str, dict[str, Any]] = {}
    for proof in (proof for proof in PROOFS if args.only is None or proof.name in args.only):
        run = proof.short if args.short else proof.long
        if run is None:
            continue
        begun = time.monotonic()
        found = run()
        records[proof.name] = {"name": proof.name, **found.to_dict(), "seconds": round(time.monotonic() - begun, 1)}
        print(_line(records[proof.name]), flush=True)
    if not args.short:
        _keep(records)
    return int(any(record["failed"] for record in records.values()))


def _line(record: dict[str, Any]) -> str:
    examples = "".join(f"\n    {text}" for text in record["examples"])
    return f"{record['promise']}: tried {record['tried']:,}, failed {record['failed']:,} ({record['aim']}){examples}"


def _keep(records: dict[str, dict[str, Any]]) -> None:
    held = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else []
    kept = {record["name"]: record for record in held} | records
    order = [proof.name for proof in PROOFS]
    rows = [kept[name] for name in order if name in kept]
    FILE.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
