"""The HTTP application: paths, methods, limits, and one error envelope for everything that goes wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
import logging
import re
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from receivables.decision import wire
from receivables.errors import OtcRiskError
from serving import events, handlers, logs, openapi
from serving.auth import ANY, Caller, admit_local
from serving.handlers import Call, Reply
from serving.ids import new_id
from serving.metrics import OTHER, TEXT, Meter
from serving.problems import CODES, ApiError, from_domain, refuse
from serving.state import State
from serving.wire import require_json

#: Largest bodies, in bytes: an order with two thousand open items, and a hundred ordinary orders.
MAX_BODY: Final = 1024 * 1024
MAX_BATCH_BODY: Final = 4 * 1024 * 1024
MAX_EVENTS_BODY: Final = 1024 * 1024
_SAFE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_LOG: Final = logging.getLogger("otcrisk.serving")
#: Headers of one request, and their bytes in all.
MAX_HEADERS: Final = 64
MAX_HEADER_BYTES: Final = 16 * 1024
#: Seconds after which an answer that is not an order's is left behind.
PATIENCE: Final = 25.0
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")
#: Tells customers apart in the log of this run; nobody else has it.
_PSEUDONYMS: Final = secrets.token_bytes(32)


@dataclass(frozen=True)
class Path:
    """One path: its only method, the scope that a key needs, what answers, the largest body (0: none is read).

    What `reads_ledger` waits for a ledger that may hang; orders do not.
    """

    path: str
    method: str
    scope: str
    answer: Callable[[State, Call], Reply] | Callable[[State, Call], Awaitable[Reply]]
    max_body: int = 0
    reads_ledger: bool = False


def _later(module: str, name: str) -> Callable[[State, Call], Reply]:
    """What answers a path that is rarely asked: its module is imported when it is, so that the service starts fast."""

    def answer(state: State, call: Call) -> Reply:
        found: Callable[[State, Call], Reply] = getattr(importlib.import_module(module), name)
        return found(state, call)

    return answer


PATHS: Final[tuple[Path, ...]] = (
    Path("/v1/orders/score", "POST", "score", handlers.score, MAX_BODY),
    Path("/v1/orders/score-batch", "POST", "score", handlers.score_batch, MAX_BATCH_BODY),
    Path("/v1/events", "POST", "ingest", events.post_events, MAX_EVENTS_BODY, reads_ledger=True),
    Path("/v1/events/conflicts", "GET", "review", events.event_conflicts, reads_ledger=True),
    Path("/v1/decisions/advice", "POST", "score", _later("serving.advice", "advice"), MAX_BODY),
    Path("/v1/decisions/{score_id}", "GET", "review", _later("serving.decisions", "decision")),
    Path("/v1/decisions/{score_id}/replay", "POST", "review", _later("serving.decisions", "replay"), reads_ledger=True),
    Path("/v1/decisions/{score_id}/override", "POST", "review", _later("serving.decisions", "override"), MAX_BODY),
    Path("/v1/decisions/{score_id}/contest", "POST", "review", _later("serving.decisions", "contest"), MAX_BODY),
    Path("/v1/customers/{payer}/risk", "GET", "review", _later("serving.customers", "risk"), reads_ledger=True),
    Path("/v1/customers/{payer}/profile", "GET", "review", _later("serving.customers", "profile"), reads_ledger=True),
    Path("/v1/customers/{payer}/history", "GET", "review", _later("serving.customers", "history"), reads_ledger=True),
    Path(
        "/v1/customers/{payer}/score-change", "GET", "review", _later("serving.customers", "change"), reads_ledger=True
    ),
    Path("/v1/portfolio/kpis", "GET", "review", _later("serving.portfolio", "kpis"), reads_ledger=True),
    Path("/v1/portfolio/aging", "GET", "review", _later("serving.portfolio", "aging_report"), reads_ledger=True),
    Path("/v1/portfolio/migration", "GET", "review", _later("serving.portfolio", "migration"), reads_ledger=True),
    Path(
        "/v1/portfolio/provision", "GET", "review", _later("serving.portfolio", "provision_report"), reads_ledger=True
    ),
    Path("/v1/portfolio/cash-forecast", "GET", "review", _later("serving.portfolio", "cash_report"), reads_ledger=True),
    Path("/v1/collections/worklist", "GET", "review", _later("serving.portfolio", "collections"), reads_ledger=True),
    Path("/v1/models/current", "GET", ANY, handlers.current_model),
    Path("/metrics", "GET", "metrics", lambda state, call: Reply(METER.text(), media_type=TEXT)),
    Path("/openapi.json", "GET", ANY, lambda state, call: Reply(wire(openapi.document()))),
)


class Endpoint:
    """An ASGI application for one path: every method comes here, and every failure leaves as an envelope."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, counts it, and logs it without a value of it."""
        begun, request, about = time.perf_counter(), Request(scope, receive), dict[str, Any]()
        request_id = _request_id(request)
        try:
            response = await self._answer(request, about)
        except ClientDisconnect:
            return
        except ApiError as error:
            response = _refusal(error, request_id)
        except OtcRiskError as error:
            response = _refusal(from_domain(error), request_id)
        except Exception as error:  # noqa: BLE001 - the last line of defence: no caller sees a bare 500
            _log_without_values(error, request_id)
            response = _refusal(refuse("INTERNAL", "the request could not be answered"), request_id)
        _tell(request, self._path.path, response, request_id, time.perf_counter() - begun, about)
        await response(scope, receive, send)

    async def _answer(self, request: Request, about: dict[str, Any]) -> Response:
        path = self._path
        if request.method != path.method:
            raise refuse("METHOD_NOT_ALLOWED", f"expected {path.method}", headers={"Allow": path.method})
        _require_small(request)
        state: State | None = getattr(request.app.state, "serving", None)
        if state is None:
            raise refuse("UNAVAILABLE", "the service is not ready", headers={"Retry-After": "1"})
        caller = _admit(request, state, path.scope)  # before a stranger's body is read
        about["key_id"] = caller.key_id
        body = b""
        if path.max_body:
            require_json(request.headers.get("content-type"))
            body = await _read(request, path.max_body)
        call = Call(body, dict(request.headers), request.path_params, dict(request.query_params), caller, about)
        reply = await self._reply(state, call)
        return _made(reply.body, 200, reply.headers, reply.media_type)

    async def _reply(self, state: State, call: Call) -> Reply:
        """What answers gives; where it is not written for the loop, on a thread, left behind when it hangs."""
        path = self._path
        if iscoroutinefunction(path.answer):
            reply: Reply = await path.answer(state, call)
            return reply
        if path.reads_ledger and not await state.payers.answers():
            raise refuse("UNAVAILABLE", "the ledger does not answer", headers={"Retry-After": "1"})
        pool = state.readers if path.reads_ledger else state.threads
        answered = asyncio.wrap_future(pool.submit(partial(path.answer, state, call)))
        done, _ = await asyncio.wait({answered}, timeout=PATIENCE)
        if not done:
            raise refuse("UNAVAILABLE", "it takes too long", headers={"Retry-After": "5"})
        return answered.result()  # type: ignore[return-value]  # one that is no coroutine function


class Nowhere:
    """Answers every other path."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 404."""
        begun, request = time.perf_counter(), Request(scope, receive)
        request_id = _request_id(request)
        response = _refusal(refuse("NOT_FOUND", "there is no such path"), request_id)
        _tell(request, OTHER, response, request_id, time.perf_counter() - begun, {})
        await response(scope, receive, send)


#: The template of every page of the console.
CONSOLE: Final = "/console"


class Console:
    """The risk officer's pages; their modules are imported when the first one is asked for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        begun, request = time.perf_counter(), Request(scope, receive)
        request_id = _request_id(request)
        try:
            answer = importlib.import_module("serving.console").answer
            response: Response = await answer(request)
        except Exception as error:  # noqa: BLE001 - as for every other path
            _log_without_values(error, request_id)
            response = Response("the page could not be made", 500, _SAFE, "text/plain")
        _tell(request, CONSOLE, response, request_id, time.perf_counter() - begun, {})
        await response(scope, receive, send)


#: Counts for the whole process, and for those forked from it.
METER: Final[Meter] = Meter(
    [*((path.path, path.method) for path in PATHS), (CONSOLE, "GET"), (CONSOLE, "POST")],
    (200, 303, *(status for status, _ in CODES.values())),
)


def create_app() -> Starlette:
    """The application; whoever starts it puts the loaded `State` into `app.state.serving`."""
    routes = [Route(path.path, Endpoint(path)) for path in PATHS]
    console = [Route("/console", Console()), Route("/console/{path:path}", Console())]
    app = Starlette(routes=[*routes, *console])
    app.router.redirect_slashes = False
    app.router.default = Nowhere()
    return app


def _admit(request: Request, state: State, scope: str) -> Caller:
    if state.keys is not None and state.keys.exist():
        return state.keys.admit(request.headers.get("authorization"), scope)
    return admit_local(request.client.host if request.client else None, request.headers)


async def _read(request: Request, most: int) -> bytes:
    """The body; raises ApiError TOO_LARGE as soon as it is known to exceed `most` bytes."""
    too_large = refuse("TOO_LARGE", f"expected a body of at most {most} bytes", headers={"Connection": "close"})
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > most:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise too_large
    return bytes(body)


def _request_id(request: Request) -> str:
    """The caller's X-Request-Id where it can be repeated, else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.match(given) else new_id("req_", dt.datetime.now(dt.UTC))


def _require_small(request: Request) -> None:
    """Raises ApiError HEADERS_TOO_LARGE."""
    headers = request.scope["headers"]
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        raise refuse(
            "HEADERS_TOO_LARGE", f"expected at most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes in all",
            headers={"Connection": "close"},
        )  # fmt: skip


def _tell(
    request: Request, route: str, response: Response, request_id: str, seconds: float, about: dict[str, Any]
) -> None:
    """Counts and logs an answered request; says its id, and that the connection ends while the service does."""
    method, app = request.method, getattr(request.scope.get("app"), "state", None)
    response.headers["X-Request-Id"] = request_id
    if getattr(app, "draining", False):
        response.headers["Connection"] = "close"
    METER.request(route, method, response.status_code, seconds)
    if "mode" in about:
        METER.decision(about["mode"], about["outcome"])
    if logs.REQUESTS.isEnabledFor(logging.INFO):
        customer = about.pop("customer_id", None)
        if customer is not None:
            about["customer"] = logs.pseudonym(_PSEUDONYMS, customer)
        logs.told(request_id, route, method, response.status_code, seconds, about)


def _refusal(error: ApiError, request_id: str) -> Response:
    return _made(wire(error.envelope(error.request_id or request_id)), error.status, error.headers)


def _made(body: bytes, status: int, headers: Mapping[str, str], media_type: str = "application/json") -> Response:
    return Response(body, status, {**_SAFE, **headers}, media_type=media_type)


def _log_without_values(error: Exception, request_id: str) -> None:
    """Where it happened and of what kind, never the message: it may hold personal data."""
    places = " < ".join(f"{f.filename}:{f.lineno}" for f in reversed(traceback.extract_tb(error.__traceback__)[-5:]))
    _LOG.error("unexpected %s at %s", type(error).__name__, places, extra={"about": {"request_id": request_id}})
