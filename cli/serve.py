"""`otcrisk serve`: answers orders over HTTP until it is stopped."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from cli.output import emit, say
from receivables.errors import InputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--ledger", help="ledger to read histories from; without one, requests are scored statelessly")
    parser.add_argument("--champion", help="model folder (default: OTCRISK_CHAMPION, or champion/ in OTCRISK_HOME)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=3000, help="port to listen on, 0 for a free one (default 3000)")


def run(args: argparse.Namespace) -> int:
    """Loads everything, then listens; returns once the service was stopped."""
    import os

    from receivables.access_keys import AccessKeys
    from receivables.config import key_folder
    from serving.auth import is_loopback
    from serving.run import bind, prepare, serve
    from serving.state import CHAMPION

    if not is_loopback(args.host) and not AccessKeys(key_folder()).all():
        raise InputError(
            f"--host {args.host}: anyone who can reach this address could score orders and read decisions; "
            "make a key first with `otcrisk keys create`, or listen on 127.0.0.1"
        )
    if args.champion:
        os.environ[CHAMPION] = args.champion
    state = prepare(args.ledger)
    state.pages = _page
    listening = bind(args.host, args.port)
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    model = state.tools.champion.manifest
    ledger = state.payers.store.address if state.payers.store else None
    emit({"url": url, "model": model["version"], "ledger": ledger, "policy": state.tools.policy.version}, args)
    say(f"scoring orders at {url}/v1/orders/score (stop with Ctrl-C)", args)
    sys.stdout.flush()
    serve(state, listening)
    return 0


def _page(name: str, facts: Mapping[str, Any]) -> str:
    """A page of the console; what makes it is imported when the first one is asked for."""
    from reports import console_page

    return console_page(name, facts)
