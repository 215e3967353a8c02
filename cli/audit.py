"""`otcrisk audit verify` and `otcrisk audit checkpoint`: is the decision log what was written?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from receivables.decision_log import DecisionLog

#: Environment variable: folder of the checkpoints; the service writes some there by itself.
CHECKPOINTS = "OTCRISK_CHECKPOINTS"


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("what", choices=["verify", "checkpoint"], help="read the whole log, or sign its newest record")
    parser.add_argument("--log", metavar="FILE", help="the decision log (default: decisions.sqlite in OTCRISK_HOME)")
    parser.add_argument("--shipped", metavar="NODE", help="verify this node's copy in the database of OTCRISK_SHIP_TO")
    parser.add_argument(
        "--checkpoints",
        metavar="FOLDER",
        help=f"signed checkpoints (default: what {CHECKPOINTS} names, else checkpoints/ in OTCRISK_HOME)",
    )


def run(args: argparse.Namespace) -> int:
    """0 where the log is intact or a checkpoint was written, 11 where it is not; raises NotFoundError without a log."""
    from receivables.config import home
    from receivables.decision_log import DecisionLog
    from receivables.errors import NotFoundError

    path = Path(args.log) if args.log else home() / "decisions.sqlite"
    if args.shipped and args.what == "verify":
        return _verify_shipped(args, path)
    if not path.exists():
        raise NotFoundError(f"{path}: no decision log; the service makes one with its first decision")
    log = DecisionLog(path)
    try:
        return (_verify if args.what == "verify" else _checkpoint)(args, log)
    finally:
        log.close()


def _verify_shipped(args: argparse.Namespace, path: Path) -> int:
    """Verifies the copy as if it were the log; personal data opens with the keys beside `path`, where they are."""
    import os
    import tempfile

    from receivables.decision_log import DecisionLog
    from receivables.errors import InputError, NotFoundError
    from receivables.personal_keys import PersonalKeys
    from receivables.shipper import SHIP_TO
    from receivables.shipping import fetch, nodes

    url = os.environ.get(SHIP_TO)
    if not url:
        raise InputError(f"{SHIP_TO}: expected the address of the shipped copy")
    known = [node for node, _ in nodes(url)]
    if args.shipped not in known:
        raise NotFoundError(f"no node {args.shipped!r} in the shipped copy; there are {', '.join(known) or 'none'}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "decisions.sqlite"
        fetch(url, args.shipped, copy)
        log = DecisionLog(copy, personal_keys=PersonalKeys(path.parent))
        try:
            return _verify(args, log)
        finally:
            log.close()


def _verify(args: argparse.Namespace, log: DecisionLog) -> int:
    from cli.main import NOT_INTACT
    from cli.output import emit, progress, say
    from receivables import checkpoints
    from receivables.audit import verify
    from receivables.signature import trusted_keys

    folder = _folder(args)
    points, bad = checkpoints.read(folder, trusted_keys()) if folder.is_dir() else ([], [])
    found = verify(log, points, track=lambda rows: progress(rows, label="records"))
    problems = [*bad, *found.problems]
    count = found.found + len(bad)
    told = [f"{count:,} {name}" for name, count in (("erased", found.erased), ("sealed", found.sealed)) if count]
    said = f" ({', '.join(told)})" if told else ""
    say(f"{found.records:,} records{said}, {found.checkpoints:,} checkpoints", args)
    for problem in problems:
        say(f"  {problem}", args)
    say("intact" if not count else f"not intact: {count:,} problems", args)
    if not found.checkpoints:
        say("no checkpoint: a cut end or a chain written anew would not show; see `otcrisk audit checkpoint`", args)
    document = {
        "records": found.records,
        "erased": found.erased,
        "sealed": found.sealed,
        "checkpoints": found.checkpoints,
        "intact": not count,
        "found": count,
        "problems": problems,
    }
    emit(document, args)
    return NOT_INTACT if count else 0


def _checkpoint(args: argparse.Namespace, log: DecisionLog) -> int:
    import datetime as dt

    from cli.output import emit, say
    from receivables import checkpoints
    from receivables.signature import signing_key

    head = log.head()
    path = checkpoints.write(_folder(args), head, dt.datetime.now(dt.UTC), signing_key())
    say(f"{path}: record {head[0]:,}, {head[1]}", args)
    emit({"checkpoint": str(path), "seq": head[0], "record_sha256": head[1]}, args)
    return 0


def _folder(args: argparse.Namespace) -> Path:
    import os

    from receivables.config import home

    return Path(args.checkpoints or os.environ.get(CHECKPOINTS) or home() / "checkpoints")
