"""The service in this process: one uvicorn server on the BentoML application.

`bentoml serve` would start it under a supervisor with a control socket that any local process may use; production puts
one process per container behind a proxy instead.
"""

from __future__ import annotations

import os
import signal
import socket

from receivables.errors import InputError, UnavailableError
from serving.state import LEDGER, State, load_state

#: Seconds that requests in flight are given at the end.
_DRAIN_SECONDS = 10
_BACKLOG = 2048


def prepare(ledger: str | None) -> State:
    """The loaded state, before any port is bound; raises what `load_state` raises."""
    if ledger is not None:
        os.environ[LEDGER] = ledger
    return load_state()


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


def serve(state: State, listening: socket.socket) -> None:
    """Answers requests until SIGTERM or SIGINT, then finishes those in flight and returns."""
    import uvicorn

    from serving.service import OtcRisk, app

    app.state.serving = state
    config = uvicorn.Config(
        OtcRisk.to_asgi(is_main=True),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    # uvicorn raises the signal again once it has stopped: by then it is no reason to die of
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    uvicorn.Server(config).run(sockets=[listening])


def _ignore(number: int, frame: object) -> None:
    """Does nothing."""
