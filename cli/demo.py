"""`otcrisk demo`: the whole path once, on a simulated ledger, each step with the command that does it alone."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.answer import in_words
from cli.main import DRIFT, main
from cli.output import emit, say
from cli.running import post, running_service
from receivables.config import home
from receivables.errors import OtcRiskError

if TYPE_CHECKING:
    from receivables.ledger import Ledger

#: Months of the drift check's two periods.
_PERIOD_MONTHS = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--customers", type=int, default=100, help="customers of the simulated seller (default 100)")
    parser.add_argument("--months", type=int, default=15, help="months of history (default 15)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same ledger (default 7)")
    parser.add_argument("--port", type=int, default=0, help="port of the service (default 0: a free one)")


def run(args: argparse.Namespace) -> int:
    """Runs every step; raises the first step's error."""
    folder = home() / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    ledger = str(folder / f"ledger-{args.customers}-{args.months}-{args.seed}.sqlite")
    steps = _Steps(args)
    with tempfile.TemporaryDirectory() as export:
        size = [f"--{name}={getattr(args, name)}" for name in ("customers", "months", "seed")]
        steps.otcrisk("simulate", *size, "--export", export)
        steps.otcrisk("import", export, "--mapping", "generic", "--ledger", ledger)
    steps.otcrisk("train", "--ledger", ledger)
    answer = _score(steps, ledger, args.port, folder / "serve.log")
    steps.otcrisk("report", "decision", answer["score_id"], "--ledger", ledger)
    steps.otcrisk("report", "portfolio", "--ledger", ledger)
    reference, current = _periods(_read(ledger))
    steps.otcrisk("drift", "--ledger", ledger, "--reference", reference, "--current", current, accept=(0, DRIFT))
    places = {"ledger": ledger, "state": str(home()), "reports": str(home() / "reports")}
    steps.announce("done")
    say("\n".join(["", *(f"{name:8} {place}" for name, place in places.items())]), args)
    emit({"seconds": round(steps.elapsed, 1), "answer": answer, **places}, args)
    return 0


class _Steps:
    """Announces each step with the seconds since the start, and runs verbs of the same command."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def announce(self, text: str) -> None:
        """Prints `text` after the elapsed seconds; to standard error, which stays free for people under --json."""
        print(f"\n[{self.elapsed:5.1f} s] {text}", file=sys.stderr if self._args.json else sys.stdout, flush=True)

    def otcrisk(self, *words: str, accept: Sequence[int] = (0,)) -> None:
        """Runs one verb in this process; raises OtcRiskError of its code where that is not accepted."""
        self.announce(" ".join(["otcrisk", *words]))
        unread = contextlib.redirect_stdout(io.StringIO()) if self._args.json else contextlib.nullcontext()
        with unread:
            ended = main(words)
        if ended not in accept:
            error = OtcRiskError(f"otcrisk {words[0]} ended with code {ended}; see above")
            error.exit_code = ended
            raise error


def _score(steps: _Steps, ledger: str, port: int, log: Path) -> dict[str, Any]:
    """Starts the service, scores one order over HTTP, says the answer in words, stops the service."""
    from cli.example import example_order

    request = example_order(_read(ledger), request_id=str(uuid.uuid4()))
    steps.announce(f"otcrisk serve --ledger {ledger} --port {port}")
    with running_service(ledger, port=port, log=log) as url:
        steps.announce(f"POST {url}/v1/orders/score\n{json.dumps(request, indent=2)}")
        answer = post(f"{url}/v1/orders/score", request)
        steps.announce(f"the answer in words\n{in_words(answer)}")
    steps.announce("the service has stopped")
    return answer


def _read(ledger: str) -> Ledger:
    from receivables.store import open_store

    with open_store(ledger) as store:
        return store.read()


def _periods(book: Ledger) -> tuple[str, str]:
    """The last months of the ledger as FROM:TO, and the months before them."""
    import pandas as pd

    from cli.example import end

    last = end(book) - pd.Timedelta(days=1)
    middle, first = (last - pd.DateOffset(months=n * _PERIOD_MONTHS) for n in (1, 2))
    day = pd.Timedelta(days=1)
    return f"{first + day:%Y-%m-%d}:{middle:%Y-%m-%d}", f"{middle + day:%Y-%m-%d}:{last:%Y-%m-%d}"
