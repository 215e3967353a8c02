"""`otcrisk <verb>`: finds the verb, imports only that verb's module, and turns errors into exit codes."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence

from receivables.errors import OtcRiskError

#: Verb, module, what it does. The module offers `configure(parser)` and `run(args) -> int`.
VERBS: tuple[tuple[str, str, str], ...] = (
    ("demo", "cli.demo", "simulate, import, train, serve, score one order, write the reports"),
    ("simulate", "cli.simulate", "make a seeded ledger with known true probabilities"),
    ("import", "cli.import_", "load a receivables extract into a ledger"),
    ("features", "cli.features", "compute the features of every invoice of a ledger, on many cores or machines"),
    ("seal", "cli.seal", "make Parquet partitions that a warehouse wrote a ledger for `features`"),
    ("train", "cli.train", "train and register both models, promote the first champion"),
    ("tune", "cli.tune", "search settings of the payment-time model on what came before the judged period"),
    ("promote", "cli.promote", "make a challenger the champion if it passes every check of the gate"),
    ("score", "cli.score", "score invoices as of their issue date"),
    ("backtest", "cli.backtest", "retrain month by month on what was known then, judge the next, look for leaks"),
    ("evaluate", "cli.evaluate", "hold scores against what happened"),
    ("serve", "cli.serve", "answer orders over HTTP"),
    ("report", "cli.report", "write a decision, portfolio or validation report"),
    ("keys", "cli.keys", "make, list, rotate and revoke the keys of those who may call the service"),
    ("audit", "cli.audit", "verify the decision log, or sign a checkpoint of it"),
    ("ship", "cli.ship", "copy the decision log to PostgreSQL, as the service does in the background"),
    ("privacy", "cli.privacy", "export or erase what is stored about a person, or end it after the policy's years"),
    ("changes", "cli.changes", "propose, show and approve policies and promotions, two persons each"),
    ("standin", "cli.standin", "write the signed table by which an ERP decides while the service is silent"),
    ("replay", "cli.replay", "make recorded decisions again, and compare every bit"),
    ("adapt", "cli.adapt", "turn an ERP document into a scoring request, or an answer into one"),
    ("policy", "cli.policy", "check a credit policy, or compare two"),
    ("drift", "cli.drift", "compare features and scores of two periods"),
    ("docs", "cli.docs", "write the pages that are generated from tables"),
)

EXIT_CODES = """exit codes:
  0  done                                  5  a database or service cannot be reached
  1  unexpected error                      6  a model folder is damaged or does not fit
  2  wrong use of the command              7  too few matured outcomes
  3  the input cannot be read              8  no such decision, customer or model
  4  a configuration file is wrong         9  done, but rows were quarantined
  10 drift found                           11 the decision log is not intact
  12 the challenger was refused            13 a leak was found
  14 a decision was not reproduced         130 interrupted

environment: OTCRISK_HOME (state, default ./var), OTCRISK_CONF (configuration, default the installed conf/)
"""
#: Done, but some rows were not loaded and lie in the quarantine file.
QUARANTINED = 9
#: The drift check ran and found drift.
DRIFT = 10
#: The decision log was verified and is not what was written.
NOT_INTACT = 11
#: The gate was judged and the challenger does not replace the champion.
REFUSED = 12
#: A decision made again is not the recorded one.
NOT_REPRODUCED = 14
#: The backtest's leak audit failed: its figures are not to be relied on.
LEAK = 13


def build_parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command; only `verb`'s own module is imported for its options."""
    parser = argparse.ArgumentParser(
        prog="otcrisk",
        description="Payment risk in order-to-cash, from a seller's own receivables ledger.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, module, purpose in VERBS:
        sub = verbs.add_parser(name, help=purpose, description=purpose.capitalize() + ".")
        sub.add_argument("--json", action="store_true", help="print one JSON document for machines")
        if name == verb:
            importlib.import_module(module).configure(sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb and returns its exit code (see `EXIT_CODES`)."""
    words = list(sys.argv[1:] if argv is None else argv)
    verb = next((word for word in words if not word.startswith("-")), None)
    module = next((module for name, module, _ in VERBS if name == verb), None)
    args = build_parser(verb).parse_args(words)
    try:
        return int(importlib.import_module(str(module)).run(args))
    except OtcRiskError as error:
        if args.json:
            print(json.dumps({"error": {"code": error.code, "message": str(error)}}))
        print(f"otcrisk {verb}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # whoever read our output has closed it (`| head`); the rest must not be tried again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(f"otcrisk {verb}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
