"""The service in this process: one uvicorn server on the BentoML application.

`bentoml serve` would start it under a supervisor with a control socket that any local process may use; production puts
one process per container behind a proxy instead.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import FrameType
from typing import Any

from receivables.errors import InputError, UnavailableError
from serving.lean import without_scipy
from serving.state import LEDGER, State, Tools, load_state, load_tools
from serving.warm import warm

#: Seconds that requests in flight are given at the end.
_GRACE_SECONDS = 10
_BACKLOG = 2048
#: What a server imports as it starts, beside the application: most of a worker's start, were it not there before.
_SERVER = (
    "_bentoml_impl.client",
    "a2wsgi",
    "anyio.from_thread",
    "bentoml.container",
    "encodings.idna",
    "serving.connections",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.loops.uvloop",
)


def prepare(ledger: str | None) -> State:
    """The loaded state, before any port is bound; raises what `load_state` raises."""
    without_scipy()
    if ledger is not None:
        os.environ[LEDGER] = ledger
    return load_state()


def prepare_to_fork(ledger: str | None) -> tuple[Tools, str | None]:
    """What workers share, everything imported and warm, and the ledger's address; ledger and log can be opened.

    Raises what `load_state` raises.
    """
    without_scipy()
    if ledger is not None:
        os.environ[LEDGER] = ledger
    tools = load_tools()
    state = load_state(tools)
    state.log.close()
    state.payers.close()
    _application()
    for name in _SERVER:
        with suppress(ModuleNotFoundError):  # a server does without it too, and then imports nothing later
            importlib.import_module(name)
    warm(tools)
    return tools, state.payers.store.address if state.payers.store else None


@cache
def _application() -> Any:
    """The ASGI application, made once: workers find it made. It holds no thread, file or loop before it is started."""
    from serving.service import OtcRisk

    return OtcRisk.to_asgi(is_main=True)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises InputError for a host that is no address, UnavailableError for a port in use."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise InputError(f"expected the address of an interface such as 127.0.0.1, got {host!r}") from None
    made = socket.socket(family, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise UnavailableError(f"{host}:{port}: cannot listen: {error.strerror}; choose another --port") from None
    return made


def serve(
    state: State,
    listening: socket.socket,
    *,
    drain_seconds: float = 0.0,
    row: int = 0,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Answers requests until SIGTERM or SIGINT, then drains, finishes what is in flight and returns.

    `row` is the worker's among several; `ready` is called once requests are answered.
    """
    import uvicorn

    from serving.app import METER
    from serving.connections import LimitedProtocol
    from serving.service import app

    class Server(uvicorn.Server):
        """Not ready first, so that proxies send no more; the listener is closed after that. A second signal hurries."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            METER.started(row)
            ready()

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if app.state.draining or drain_seconds <= 0:
                self.should_exit = True
            else:
                threading.Timer(drain_seconds, setattr, (self, "should_exit", True)).start()
            app.state.draining = True

    app.state.serving, app.state.draining = state, False
    config = uvicorn.Config(
        _application(),
        http=LimitedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    # uvicorn raises the signal again once it has stopped: by then it is no reason to die of
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    Server(config).run(sockets=[listening])


def _ignore(number: int, frame: FrameType | None) -> None:
    """Does nothing."""
