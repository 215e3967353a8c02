"""Python reads this at start where its folder is on PYTHONPATH: nothing leaves the machine, every attempt is noted.

The file that EGRESS_LOG names gets one line per attempt to look up a name or reach an address that is not this machine.
"""

import ipaddress
import os
import socket
from pathlib import Path
from typing import Any

_LOCAL = {"", "localhost", "0.0.0.0", "::", socket.gethostname()}  # noqa: S104 - compared with, not bound to


def _is_local(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in _LOCAL:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse_unless_local(host: Any, what: str) -> None:
    if not _is_local(host):
        with Path(os.environ["EGRESS_LOG"]).open("a", encoding="utf-8") as log:
            log.write(f"{what} {host}\n")
        raise OSError(f"no network in this test: {what} {host}")


def _guard_method(name: str) -> None:
    original = getattr(socket.socket, name)

    def guarded(self: socket.socket, *args: Any) -> Any:
        address = args[-1]
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            _refuse_unless_local(address[0], name)
        return original(self, *args)

    setattr(socket.socket, name, guarded)


def _guard_look_up(name: str) -> None:
    original = getattr(socket, name)

    def guarded(host: Any, *args: Any, **options: Any) -> Any:
        _refuse_unless_local(host, name)
        return original(host, *args, **options)

    setattr(socket, name, guarded)


for _method in ("connect", "connect_ex", "sendto"):
    _guard_method(_method)
for _look_up in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    _guard_look_up(_look_up)
