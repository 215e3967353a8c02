"""Connections with limits of their own: how large a request's head may be, how long a request may take to arrive.

A caller that sends a byte now and then would else hold a connection, and one that sends headers without end the memory.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of a head beyond which a connection is closed, whatever comes.
MAX_HEAD: Final = 64 * 1024
#: Seconds within which a request must have arrived as a whole.
ARRIVAL_SECONDS: Final = 10.0
#: Connections that one process holds at most.
MAX_CONNECTIONS: Final = 2_000
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which ends a connection whose request is too large a head or does not arrive in time."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._head, self._is_head = 0, True
        self._arrival: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent has it
        """A new connection: its first request must arrive in time."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        if self._arrival is None:
            self._expect()
        super().data_received(data)
        if self._is_head:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_headers_complete(self) -> None:
        """The head is there; what follows is the body's affair."""
        self._is_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is there as a whole."""
        self._arrived()
        self._head, self._is_head = 0, True
        super().on_message_complete()

    def _expect(self) -> None:
        self._arrival = self.loop.call_later(ARRIVAL_SECONDS, self._too_slow)

    def _arrived(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _too_slow(self) -> None:
        self._arrival = None
        if not self.transport.is_closing():
            self.transport.abort()
