"""`otcrisk drift`: do the orders of two periods differ in features, scores, classes or outcomes?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cli.main import DRIFT
from cli.output import emit, say, span, table
from receivables.config import home

if TYPE_CHECKING:
    from monitoring import Drift

#: Columns that the terminal shows; the files hold all.
_SHOWN = 15


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--ledger", required=True, help="SQLite file or database URL")
    parser.add_argument(
        "--reference", required=True, metavar="FROM:TO", help="issue dates of the period to compare with"
    )
    parser.add_argument("--current", required=True, metavar="FROM:TO", help="issue dates of the period that is judged")
    parser.add_argument("--champion", type=Path, help="model folder (default OTCRISK_HOME/champion)")
    parser.add_argument("--out", type=Path, help="folder for the report (default OTCRISK_HOME/reports)")


def run(args: argparse.Namespace) -> int:
    """Prints the verdict, writes the page and its figures; 10 where there is drift, else 0."""
    reference, current = span(args.reference), span(args.current)
    from models import load_champion
    from monitoring import DriftConfig, Verdict, compare, page, windows, words
    from receivables.store import open_store

    config, champion = DriftConfig.read(), load_champion(args.champion or home() / "champion")
    with open_store(args.ledger) as store:
        ledger = store.read()
    before, after = windows(ledger, champion, reference, current)
    drift = compare(ledger, before, after, event=champion.default.event.label, config=config)
    html, figures = page(drift, config)
    document = {**drift.document(), "words": words(drift), "evidently": figures}
    files = _write(args.out or home() / "reports", f"drift-{before.name}-{after.name}", html, document)
    say(_text(drift, words(drift), files), args)
    emit({**{k: v for k, v in document.items() if k != "evidently"}, "files": [str(file) for file in files]}, args)
    return DRIFT if drift.verdict == Verdict.DRIFT else 0


def _write(folder: Path, stem: str, html: str, document: dict[str, object]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / f"{stem}.html": html, folder / f"{stem}.json": json.dumps(document, indent=2, allow_nan=False)}
    for file, text in written.items():
        file.write_text(text, encoding="utf-8")
    return list(written)


def _text(drift: Drift, sentences: list[str], files: list[Path]) -> str:
    rows = [
        (
            s.column,
            *(f"{psi:.3f}" for psi in (s.psi, s.chance, s.customer_psi, s.customer_chance)),
            s.severity,
            s.verdict,
        )
        for s in drift.shifts[:_SHOWN]
    ]
    header = ("column", "PSI of orders", "chance", "of customers", "chance", "severity", "verdict")
    return "\n".join(
        [
            table(rows, header),
            f"... and {len(drift.shifts) - _SHOWN} columns that moved less" if len(drift.shifts) > _SHOWN else "",
            *sentences,
            "",
            f"Drift: {drift.verdict}" + "".join(f"\n  {cause}" for cause in drift.causes),
            *(f"wrote {file}" for file in files),
        ]
    )
