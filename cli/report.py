"""`otcrisk report decision|portfolio|validation`: one decision, the whole book, or the model put to the test."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.output import day, emit, say
from receivables.config import conf_dir, home
from receivables.errors import EmptyInputError, NotFoundError

if TYPE_CHECKING:
    from models import Champion
    from receivables.decision import DecisionRecord
    from receivables.ledger import Ledger


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb: one sub-command per report."""
    kinds = parser.add_subparsers(dest="report", metavar="REPORT", required=True)
    decision = kinds.add_parser("decision", help="explain one decision of the decision log")
    decision.add_argument("id", metavar="ID", help="score id or request id of the decision")
    decision.add_argument("--ledger", help="SQLite file or database URL; gives the payment history")
    portfolio = kinds.add_parser("portfolio", help="review exposure, aging, key figures and risk of a ledger")
    portfolio.add_argument("--ledger", required=True, help="SQLite file or database URL")
    portfolio.add_argument("--as-of", metavar="DATE", help="end of this day (default: the last one observed)")
    portfolio.add_argument("--champion", type=Path, help="model folder (default OTCRISK_HOME/champion)")
    validation = kinds.add_parser("validation", help="validate the payment-time model from a backtest's record")
    validation.add_argument("--backtest", type=Path, metavar="FOLDER", help="default OTCRISK_HOME/backtest")
    validation.add_argument("--champion", type=Path, help="model folder (default OTCRISK_HOME/champion)")
    for kind in (decision, portfolio, validation):
        kind.add_argument("--out", type=Path, metavar="FILE", help="file to write (default in OTCRISK_HOME/reports)")
        kind.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print the figures for machines"
        )


def run(args: argparse.Namespace) -> int:
    """Writes the report, prints where it is and what it says first."""
    made = {"decision": _decision, "portfolio": _portfolio, "validation": _validation}
    html, name, headline, figures = made[args.report](args)
    from reports import write

    file = write(html, args.out or home() / "reports" / f"{name}.html")
    say("\n".join([*headline, f"report: {file}"]), args)
    emit({**figures, "file": str(file)}, args)
    return 0


Made = tuple[str, str, list[str], dict[str, Any]]


def _decision(args: argparse.Namespace) -> Made:
    from features import FEATURES
    from reports import decision_document, decision_figures, file_name, render

    record = _record(args.id)
    ledger = _read(args.ledger, [record.customer_id]) if args.ledger else None
    figures = decision_figures(record, FEATURES, ledger=ledger)
    verdict = figures["verdict"]
    headline = [verdict["word"], *verdict["causes"], verdict["outlook"]]
    name = f"decision-{file_name(record.score_id)}"
    return render("decision.html", figures), name, [line for line in headline if line], decision_document(record)


def _record(wanted: str) -> DecisionRecord:
    from receivables.decision_log import DecisionLog

    path = home() / "decisions.sqlite"
    if not path.exists():
        raise NotFoundError(f"no decision {wanted!r}: there is no decision log at {path}; score an order first")
    log = DecisionLog(path)
    try:
        return log.by_request(wanted) or log.get(wanted)
    finally:
        log.close()


def _portfolio(args: argparse.Namespace) -> Made:
    from receivables.currencies import Currencies
    from receivables.policy import load_policy
    from reports import portfolio_document, portfolio_figures, render

    asked = day(args.as_of) if args.as_of else None
    ledger = _read(args.ledger)
    if ledger["invoices"].empty:
        raise EmptyInputError(f"{args.ledger}: the ledger holds no invoices; import or simulate some first")
    on = asked or ledger["invoices"]["observed_until"].max().date()
    figures = portfolio_figures(
        ledger,
        on,
        conf=Currencies.read(),
        champion=_champion(args.champion),
        loss_given_default=load_policy(conf_dir() / "policy.toml").loss.loss_given_default,
    )
    return render("portfolio.html", figures), f"portfolio-{on}", figures["sentences"], portfolio_document(figures)


def _validation(args: argparse.Namespace) -> Made:
    from reports import render, validation_document, validation_figures
    from training.backtest_record import read
    from training.run_record import training_record

    record = read(args.backtest or home() / "backtest")
    champion = _champion(args.champion)
    run_id = champion.manifest.get("run_id") if champion else None
    figures = validation_figures(record, training=training_record(str(run_id), home()) if run_id else None)
    name = f"validation-{record.about['origins'][0]}-{record.about['ledger']['known_by']}"
    return render("validation.html", figures), name, figures["sentences"], validation_document(record)


def _champion(folder: Path | None) -> Champion | None:
    """The champion; None where none was named and none was promoted yet."""
    place = folder or home() / "champion"
    if folder is None and not place.exists():
        return None
    from models import load_champion

    return load_champion(place)


def _read(spec: str, customer_ids: list[str] | None = None) -> Ledger:
    from receivables.store import open_store

    with open_store(spec) as store:
        return store.read(customer_ids)
