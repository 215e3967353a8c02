"""`otcrisk keys`: makes, lists, rotates and revokes the keys of those who may call the service."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt

    from receivables.access_keys import AccessKey, AccessKeys


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("what", choices=["create", "list", "rotate", "revoke"])
    parser.add_argument("key_id", nargs="?", metavar="ID", help="the key to rotate or to revoke")
    parser.add_argument("--name", help="who calls with it, for example SAP-PRD")
    parser.add_argument("--scopes", metavar="S,S", help="score, ingest, review, metrics, admin")
    parser.add_argument("--company-codes", metavar="C,C", default="", help="bind the key to these (default: all)")
    parser.add_argument("--per-minute", type=int, default=6000, help="requests a minute (default 6000)")
    parser.add_argument("--expires", metavar="DATE", help="last day on which it is good")
    parser.add_argument("--grace-hours", type=float, default=24.0, help="rotate: how long the old key goes on")


def run(args: argparse.Namespace) -> int:
    """Prints what was done and returns 0; a new key is printed this once. Raises InputError, NotFoundError."""
    import datetime as dt

    from cli.output import emit, say
    from receivables.access_keys import AccessKeys
    from receivables.config import key_folder
    from receivables.errors import InputError

    keys, now = AccessKeys(key_folder()), dt.datetime.now(dt.UTC)
    if args.what == "list":
        found = [_told(key, now) for key in keys.all()]
        say(_table(found), args)
        emit({"keys": found}, args)
        return 0
    if args.what in ("rotate", "revoke") and not args.key_id:
        raise InputError(f"keys {args.what}: expected the ID of a key; `otcrisk keys list` shows them")
    if args.what == "revoke":
        ended = _told(keys.revoke(args.key_id, now=now), now)
        say(f"key {args.key_id} has ended; a running service refuses it within seconds", args)
        emit(ended, args)
        return 0
    if args.what == "rotate":
        text, made = keys.rotate(args.key_id, now=now, grace=dt.timedelta(hours=args.grace_hours))
    else:
        text, made = _create(args, keys, now)
    say(f"{text}\nkey {made.key_id} ({made.name}): {', '.join(made.scopes)}; it is shown this once", args)
    emit({"key": text, **_told(made, now)}, args)
    return 0


def _create(args: argparse.Namespace, keys: AccessKeys, now: dt.datetime) -> tuple[str, AccessKey]:
    import datetime as dt

    from cli.output import day

    last = dt.datetime.combine(day(args.expires) + dt.timedelta(days=1), dt.time(), dt.UTC) if args.expires else None
    return keys.create(
        args.name or "",
        _words(args.scopes or ""),
        now=now,
        company_codes=_words(args.company_codes),
        per_minute=args.per_minute,
        expires_at=last,
    )


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]


def _told(key: AccessKey, now: dt.datetime) -> dict[str, Any]:
    """The key without its digest."""
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": list(key.scopes),
        "company_codes": list(key.company_codes),
        "per_minute": key.per_minute,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "is_live": key.is_live(now),
    }


def _table(found: list[dict[str, Any]]) -> str:
    from cli.output import table

    if not found:
        return "no keys; the service then listens on this machine only"
    rows = [
        (
            key["key_id"],
            key["name"],
            " ".join(key["scopes"]),
            " ".join(key["company_codes"]) or "all",
            "live" if key["is_live"] else "ended",
            key["revoked_at"] or key["expires_at"] or "never",
        )
        for key in found
    ]
    return table(rows, ("id", "name", "scopes", "company codes", "state", "ends"))
