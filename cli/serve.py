"""`otcrisk serve`: answers orders over HTTP until it is stopped."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.output import emit, say
from receivables.errors import InputError

if TYPE_CHECKING:
    from serving.state import Tools

#: Seconds that proxies are given to notice that the service is about to stop.
_DRAIN_SECONDS = 5.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--ledger", help="ledger to read histories from; without one, requests are scored statelessly")
    parser.add_argument("--champion", help="model folder (default: OTCRISK_CHAMPION, or champion/ in OTCRISK_HOME)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=3000, help="port to listen on, 0 for a free one (default 3000)")
    parser.add_argument(
        "--standby",
        action="store_true",
        help="where the models cannot be loaded, answer with the champion's scorecards until they can",
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that answer (default 1)")
    parser.add_argument(
        "--drain",
        type=float,
        metavar="SECONDS",
        help="after SIGTERM say not ready, and go on answering for so long (default 5 with keys, else 0)",
    )
    parser.add_argument(
        "--log",
        choices=["info", "warning"],
        default="warning",
        help="info: a line of JSON per request (default warning)",
    )


def run(args: argparse.Namespace) -> int:
    """Loads everything, then listens; returns once the service was stopped."""
    import os

    from receivables.access_keys import AccessKeys
    from receivables.config import key_folder
    from serving import logs
    from serving.auth import is_loopback
    from serving.run import bind, prepare, serve
    from serving.state import CHAMPION, STANDBY

    has_keys = bool(AccessKeys(key_folder()).all())
    if not is_loopback(args.host) and not has_keys:
        raise InputError(
            f"--host {args.host}: anyone who can reach this address could score orders and read decisions; "
            "make a key first with `otcrisk keys create`, or listen on 127.0.0.1"
        )
    drain = args.drain if args.drain is not None else _DRAIN_SECONDS if has_keys else 0.0
    if args.champion:
        os.environ[CHAMPION] = args.champion
    if args.standby:
        os.environ[STANDBY] = "1"
    if args.workers > 1:
        return _serve_many(args, drain)
    lines = logs.start(args.log.upper())
    state = prepare(args.ledger)
    state.pages = _page
    listening = bind(args.host, args.port)
    _tell(args, listening, state.tools, state.payers.store.address if state.payers.store else None)
    with _shipping(state.log.path):
        serve(state, listening, drain_seconds=drain)
    lines.stop()
    return 0


def _serve_many(args: argparse.Namespace, drain: float) -> int:
    from serving import logs, workers
    from serving.run import bind, prepare_to_fork, serve
    from serving.state import load_state

    tools, ledger = prepare_to_fork(args.ledger)
    listening = bind(args.host, args.port)
    _tell(args, listening, tools, ledger)

    def work(shared: socket.socket, row: int, ready: Callable[[], None]) -> None:
        lines = logs.start(args.log.upper())
        state = load_state(tools)
        state.pages = _page
        with _shipping(state.log.path):  # one of the workers at a time does it
            serve(state, shared, drain_seconds=drain, row=row, ready=ready)
        lines.stop()

    workers.run(args.workers, listening, work)
    return 0


def _tell(args: argparse.Namespace, listening: socket.socket, tools: Tools, ledger: str | None) -> None:
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    model = tools.champion.manifest["version"]
    emit({"url": url, "model": model, "ledger": ledger, "policy": tools.policy.version}, args)
    say(f"scoring orders at {url}/v1/orders/score (stop with Ctrl-C)", args)
    sys.stdout.flush()


@contextmanager
def _shipping(path: Path) -> Iterator[None]:
    """The decision log is copied meanwhile, where OTCRISK_SHIP_TO names a database."""
    import os

    from receivables.shipper import SHIP_TO

    url = os.environ.get(SHIP_TO)
    if not url:
        yield
        return
    from receivables.shipper import Shipper

    shipper = Shipper(path, url)
    try:
        yield
    finally:
        shipper.close()


def _page(name: str, facts: Mapping[str, Any]) -> str:
    """A page of the console; what makes it is imported when the first one is asked for."""
    from reports import console_page

    return console_page(name, facts)
