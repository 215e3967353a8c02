"""The BentoML service: loads the state once, mounts our application, and hides BentoML's own pages."""

from __future__ import annotations

import gc
from typing import Any, Final

from receivables.quiet import quiet

quiet()

import bentoml  # noqa: E402 - its telemetry must be off before it is imported
from starlette.types import ASGIApp, Receive, Scope, Send  # noqa: E402

from serving.app import create_app  # noqa: E402
from serving.checkpointing import Checkpointing  # noqa: E402
from serving.coverage import CoverageWatch  # noqa: E402
from serving.promotion import Promotions  # noqa: E402
from serving.shadow import open_shadow  # noqa: E402
from serving.state import State, load_state  # noqa: E402
from serving.warm import warm  # noqa: E402

#: What BentoML answers itself: its probes. Every other path is ours, or is not there.
_PROBES: Final = frozenset({"/livez", "/healthz", "/readyz"})
#: Allocations between two collections, by generation: measured, the default pauses for tens of milliseconds.
_COLLECTOR: Final = (50_000, 50, 1_000)

app = create_app()


class Hide:
    """Middleware that leaves BentoML its probes and the life of the process; every request else is our application's.

    A mounted application only gets what one of its routes matches: for the rest BentoML has pages of its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes probes on."""
        is_theirs = scope["type"] != "http" or scope["path"] in _PROBES
        await (self._app if is_theirs else app)(scope, receive, send)


class Scoring:
    """Scores orders; see serving/app.py for its paths."""

    def __init__(self) -> None:
        # `otcrisk serve` has loaded the state before it binds the port, to fail early and with a clear exit code
        if getattr(app.state, "serving", None) is None:
            app.state.serving = load_state()
        state: State = app.state.serving
        warm(state.tools)
        state.shadow = open_shadow(state.tools)
        self._promotions = Promotions(state)
        self._checkpoints = Checkpointing(state.log)
        self._coverage = CoverageWatch(state)
        # what is loaded stays: the collector need not walk over it again and again, and what an order leaves behind
        # goes without it
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECTOR)

    @bentoml.on_shutdown
    def close(self) -> None:
        """Closes the log and the ledger."""
        self._promotions.close()
        self._coverage.close()
        app.state.serving.journal.close()
        self._checkpoints.close()
        app.state.serving.close()
        app.state.serving = None

    def __is_ready__(self) -> bool:
        return getattr(app.state, "serving", None) is not None and not getattr(app.state, "draining", False)


OtcRisk: Any = bentoml.service(
    name="otcrisk",
    workers=1,
    traffic={"timeout": 30},
    # measured: tracing and the access log cost more than the whole mounted application; the access log, and metrics
    # labelled with raw paths, would also write customer ids down
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    tracing={"excluded_urls": ".*"},
)(Scoring)
OtcRisk.add_asgi_middleware(Hide)
OtcRisk.mount_asgi_app(app, path="/")
