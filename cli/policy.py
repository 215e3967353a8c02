"""`otcrisk policy`: checks a credit policy, or says what differs between two."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cli.output import emit, say
from receivables.config import conf_dir
from receivables.policy import load_policy
from receivables.policy_diff import differences


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    does = parser.add_subparsers(dest="does", metavar="WHAT", required=True)
    check = does.add_parser("check", help="list every problem of a policy; exit code 4 where there are any")
    check.add_argument("file", type=Path, nargs="?", help="the policy (default that of the configuration)")
    diff = does.add_parser("diff", help="list what differs between two policies")
    diff.add_argument("before", type=Path)
    diff.add_argument("after", type=Path)
    for sub in (check, diff):
        # also after the word: given there it wins, not given it leaves what came before the word
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Checks or compares."""
    return _check(args) if args.does == "check" else _diff(args)


def _check(args: argparse.Namespace) -> int:
    file = args.file or conf_dir() / "policy.toml"
    policy = load_policy(file)
    say(f"{file}: {policy.version}, {len(policy.checks)} checks, nothing wrong\nsha256 {policy.sha256}", args)
    emit({"file": str(file), "version": policy.version, "sha256": policy.sha256}, args)
    return 0


def _diff(args: argparse.Namespace) -> int:
    found = differences(load_policy(args.before), load_policy(args.after))
    lines = [f"{d.where}: {_shown(d.before)} -> {_shown(d.after)}" for d in found]
    say("\n".join(lines) or "the policies do not differ", args)
    emit({"differences": [{"where": d.where, "before": d.before, "after": d.after} for d in found]}, args)
    return 0


def _shown(value: Any) -> str:
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False)
