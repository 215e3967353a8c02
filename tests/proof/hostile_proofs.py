"""Hostile input: bodies damaged by byte, by value and by header go through the whole application; none may be a 5xx."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette

from serving.app import create_app
from tests.proof import world
from tests.proof.tally import Tally

_SCORE: Final = "/v1/orders/score"
#: Bodies before memory is first measured: caches fill, code is compiled.
_WARM: Final = 20_000
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1e308, -0.0, 2**63, 10**400, "", " ", "\x00", "\u202e", "\ud800", "NaN",
    "Infinity", "1e9", "-1.00", "0.00", "99999999999999999999.99", "1066-01-01", "2026-02-30", "9999-12-31",
    "2026-11-20", "x" * 5_000,
    "<script>alert(1)</script>", "=1+1", "'; DROP TABLE decisions; --", "../../etc/passwd", [], {}, [[]], {"a": 1},
    ["x"] * 500, {"$ref": "#"}, "EUR", "JPY", "XXX", "2026-11-20T09:14:05", "2026-11-20T09:14:05+99:00", 1e-320,
)  # fmt: skip
_RAW: Final = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"0x1",
    b"01",
    b"\xff",
    b"\x00",
    b"[" * 3_000,
    b'{"a":' * 50,
)
_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-type", b"text/plain"),
    (b"content-type", b"application/json; charset=utf-16"),
    (b"content-type", b"multipart/form-data"),
    (b"content-length", b"99999999999"),
    (b"content-length", b"-1"),
    (b"x-deadline-ms", b"0"),
    (b"x-deadline-ms", b"-5"),
    (b"x-deadline-ms", b"999999"),
    (b"idempotency-key", b"\xff\xfe"),
    (b"idempotency-key", b"k" * 500),
    (b"authorization", b"Bearer otc_x"),
    (b"x-request-id", b"a\tb"),
    (b"x-many", b"y" * 20_000),
)


@dataclass(frozen=True)
class Body:
    """One request: path, body, headers beyond the usual."""

    path: str
    data: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def bodies(count: int, *, seed: int = 1) -> Tally:
    """`count` damaged bodies through the application in this process."""
    tally = Tally(
        "0 server errors on hostile input: damaged bodies", "1,000,000 bodies, 0 5xx, RSS +<= 20 MB, max 50 ms"
    )
    with tempfile.TemporaryDirectory() as folder, world.state(Path(folder)) as state:
        app = create_app()
        app.state.serving = state
        asyncio.run(_all(app, count, random.Random(seed), tally))
    return tally


async def _all(app: Starlette, count: int, dice: random.Random, tally: Tally) -> None:
    seen, slowest, slowest_cpu, begun_at = Counter[str](), 0.0, 0.0, resident_mb()
    templates = _templates()
    for number in range(count):
        if number == min(_WARM, count // 2):
            gc.collect()
            gc.freeze()  # as the service does
            begun_at, slowest, slowest_cpu = resident_mb(), 0.0, 0.0
        body = _damaged(dice, templates[dice.randrange(len(templates))])
        begun, cpu = time.perf_counter(), time.thread_time()
        status = await sent(app, body)
        slowest_cpu = max(slowest_cpu, time.thread_time() - cpu)
        slowest = max(slowest, time.perf_counter() - begun)
        seen[f"{status // 100}xx"] += 1
        tally.count([f"try {number}: {status} for {body.path} {body.data[:200]!r}"] if status >= 500 else [])
    tally.figures |= {f"status_{name}": seen[name] for name in sorted(seen)}
    tally.figures |= {
        "rss_growth_mb": round(resident_mb() - begun_at, 1),
        "slowest_ms": round(slowest * 1_000, 1),
        "slowest_cpu_ms": round(slowest_cpu * 1_000, 1),
    }


def _templates() -> list[tuple[str, Any]]:
    orders = world.orders(40, dry_run=True, counterfactuals=False)
    # one in forty is recorded, so that the log is part of it
    orders[0]["options"]["dry_run"] = False
    event = {
        "source": "S", "document_type": "RV", "document_number": "1", "fiscal_year": 2026, "type": "INVOICE_POSTED",
        "payer": "1", "amount": "10.00", "currency": "EUR", "posting_date": "2026-11-02", "due_date": "2026-12-02",
    }  # fmt: skip
    note = {"request_id": "o", "outcome": "HOLD", "reason": "r", "reason_code": "OTHER", "approver": "a", "role": "x"}
    return [
        *((_SCORE, order) for order in orders),
        *(("/v1/orders/score-batch", {"orders": orders[i : i + 2]}) for i in range(1, 5)),
        *(("/v1/events", {"events": [event]}) for _ in range(2)),
        ("/v1/decisions/scr_x/override", note),
        ("/v1/decisions/scr_x/contest", {"request_id": "c", "reason": "r", "raised_by": "a", "grounds": "OTHER"}),
    ]


def _damaged(dice: random.Random, template: tuple[str, Any]) -> Body:
    path, document = template
    kind = dice.random()
    headers = (dice.choice(_HEADERS),) if dice.random() < 0.05 else ()
    if kind < 0.45:
        return Body(path, _bytes(dice, json.dumps(document).encode()), headers)
    changed = copy.deepcopy(document)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        _replace(dice, changed)
    data = json.dumps(changed).encode()
    return Body(path, data if kind < 0.9 else _bytes(dice, data), headers)


def _bytes(dice: random.Random, data: bytes) -> bytes:
    broken = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 8))):
        place, kind = dice.randrange(len(broken) + 1), dice.randrange(6)
        if kind == 0 and place < len(broken):
            broken[place] ^= 1 << dice.randrange(8)
        elif kind == 1:
            del broken[place : place + dice.randrange(1, 40)]
        elif kind == 2:
            broken[place:place] = broken[: dice.randrange(60)]
        elif kind == 3:
            broken[place:place] = dice.choice(_RAW)
        elif kind == 4:
            broken = broken[:place]
        else:
            broken[place:place] = dice.randbytes(dice.randrange(1, 8))
    return bytes(broken)


def _replace(dice: random.Random, document: Any) -> None:
    """Somewhere in the document a value, a key or an item is another one, twice there, or gone."""
    part = document
    while True:
        keys = list(part) if isinstance(part, dict) else range(len(part))
        if not keys:
            return
        key = dice.choice(keys)
        if isinstance(part[key], (dict, list)) and part[key] and dice.random() < 0.8:
            part = part[key]
            continue
        break
    kind = dice.random()
    if kind < 0.7:
        part[key] = copy.deepcopy(dice.choice(_VALUES))
    elif kind < 0.8:
        del part[key]
    elif isinstance(part, dict):
        part[dice.choice(("extra", "", "\x00", "__proto__", "x" * 200))] = copy.deepcopy(dice.choice(_VALUES))
    else:
        part.extend(part[:1] * dice.choice((1, 50)))


async def sent(app: Starlette, body: Body) -> int:
    """The status of the answer; an exception that leaves the application counts as 599."""
    statuses: list[int] = []
    given = {b"content-type": b"application/json", **dict(body.headers)}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": body.path, "raw_path": body.path.encode(), "query_string": b"", "root_path": "",
        "headers": list(given.items()), "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body.data, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    try:
        await app(scope, receive, send)
    except Exception:  # noqa: BLE001 - whatever it is, it must not happen
        return 599
    return statuses[0] if statuses else 599


def resident_mb() -> float:
    """Memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1_000_000
