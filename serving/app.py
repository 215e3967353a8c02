"""The HTTP application: paths, methods, limits, and one error envelope for everything that goes wrong."""

from __future__ import annotations

import datetime as dt
import importlib
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from receivables.decision import wire
from receivables.errors import OtcRiskError
from serving import events, handlers, openapi
from serving.auth import ANY, Caller, admit_local
from serving.handlers import Call, Reply
from serving.ids import new_id
from serving.problems import ApiError, from_domain, refuse
from serving.state import State
from serving.wire import require_json

#: Largest bodies, in bytes: an order with two thousand open items, and a hundred ordinary orders.
MAX_BODY: Final = 1024 * 1024
MAX_BATCH_BODY: Final = 4 * 1024 * 1024
MAX_EVENTS_BODY: Final = 1024 * 1024
_SAFE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_LOG: Final = logging.getLogger("otcrisk.serving")


@dataclass(frozen=True)
class Path:
    """One path: its only method, the scope that a key needs, what answers, the largest body (0: none is read)."""

    path: str
    method: str
    scope: str
    answer: Callable[[State, Call], Reply] | Callable[[State, Call], Awaitable[Reply]]
    max_body: int = 0


def _later(module: str, name: str) -> Callable[[State, Call], Reply]:
    """What answers a path that is rarely asked: its module is imported when it is, so that the service starts fast."""

    def answer(state: State, call: Call) -> Reply:
        found: Callable[[State, Call], Reply] = getattr(importlib.import_module(module), name)
        return found(state, call)

    return answer


PATHS: Final[tuple[Path, ...]] = (
    Path("/v1/orders/score", "POST", "score", handlers.score, MAX_BODY),
    Path("/v1/orders/score-batch", "POST", "score", handlers.score_batch, MAX_BATCH_BODY),
    Path("/v1/events", "POST", "ingest", events.post_events, MAX_EVENTS_BODY),
    Path("/v1/events/conflicts", "GET", "review", events.event_conflicts),
    Path("/v1/decisions/{score_id}", "GET", "review", _later("serving.decisions", "decision")),
    Path("/v1/decisions/{score_id}/replay", "POST", "review", _later("serving.decisions", "replay")),
    Path("/v1/decisions/{score_id}/override", "POST", "review", _later("serving.decisions", "override"), MAX_BODY),
    Path("/v1/decisions/{score_id}/contest", "POST", "review", _later("serving.decisions", "contest"), MAX_BODY),
    Path("/v1/customers/{payer}/risk", "GET", "review", _later("serving.customers", "risk")),
    Path("/v1/customers/{payer}/profile", "GET", "review", _later("serving.customers", "profile")),
    Path("/v1/customers/{payer}/history", "GET", "review", _later("serving.customers", "history")),
    Path("/v1/customers/{payer}/score-change", "GET", "review", _later("serving.customers", "change")),
    Path("/v1/portfolio/kpis", "GET", "review", _later("serving.portfolio", "kpis")),
    Path("/v1/portfolio/aging", "GET", "review", _later("serving.portfolio", "aging_report")),
    Path("/v1/portfolio/migration", "GET", "review", _later("serving.portfolio", "migration")),
    Path("/v1/portfolio/provision", "GET", "review", _later("serving.portfolio", "provision_report")),
    Path("/v1/portfolio/cash-forecast", "GET", "review", _later("serving.portfolio", "cash_report")),
    Path("/v1/collections/worklist", "GET", "review", _later("serving.portfolio", "collections")),
    Path("/v1/models/current", "GET", ANY, handlers.current_model),
    Path("/openapi.json", "GET", ANY, lambda state, call: Reply(wire(openapi.document()))),
)


class Endpoint:
    """An ASGI application for one path: every method comes here, and every failure leaves as an envelope."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except ApiError as error:
            response = _refusal(error, request)
        except OtcRiskError as error:
            response = _refusal(from_domain(error), request)
        except Exception as error:  # noqa: BLE001 - the last line of defence: no caller sees a bare 500
            _log_without_values(error)
            response = _refusal(refuse("INTERNAL", "the request could not be answered"), request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = self._path
        if request.method != path.method:
            raise refuse("METHOD_NOT_ALLOWED", f"expected {path.method}", headers={"Allow": path.method})
        state: State | None = getattr(request.app.state, "serving", None)
        if state is None:
            raise refuse("UNAVAILABLE", "the service is not ready", headers={"Retry-After": "1"})
        caller = _admit(request, state, path.scope)  # before a stranger's body is read
        body = b""
        if path.max_body:
            require_json(request.headers.get("content-type"))
            body = await _read(request, path.max_body)
        call = Call(body, dict(request.headers), request.path_params, dict(request.query_params), caller)
        if iscoroutinefunction(path.answer):
            reply = await path.answer(state, call)
        else:  # reading the ledger must not hold up other requests
            reply = await run_in_threadpool(path.answer, state, call)
        return _json(reply.body, 200, reply.headers)


class Nowhere:
    """Answers every other path."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 404."""
        response = _refusal(refuse("NOT_FOUND", "there is no such path"), Request(scope, receive))
        await response(scope, receive, send)


class Console:
    """The risk officer's pages; their modules are imported when the first one is asked for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            answer = importlib.import_module("serving.console").answer
            response: Response = await answer(Request(scope, receive))
        except Exception as error:  # noqa: BLE001 - as for every other path
            _log_without_values(error)
            response = Response("the page could not be made", 500, _SAFE, "text/plain")
        await response(scope, receive, send)


def create_app() -> Starlette:
    """The application; whoever starts it puts the loaded `State` into `app.state.serving`."""
    routes = [Route(path.path, Endpoint(path)) for path in PATHS]
    console = [Route("/console", Console()), Route("/console/{path:path}", Console())]
    return Starlette(routes=[*routes, *console, Route("/{path:path}", Nowhere())])


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


def _refusal(error: ApiError, request: Request) -> Response:
    given = request.headers.get("x-request-id", "")
    fallback = given if 0 < len(given) <= 64 and given.isprintable() else new_id("req_", dt.datetime.now(dt.UTC))
    return _json(wire(error.envelope(error.request_id or fallback)), error.status, error.headers)


def _json(body: bytes, status: int, headers: Mapping[str, str]) -> Response:
    return Response(body, status, {**_SAFE, **headers}, media_type="application/json")


def _log_without_values(error: Exception) -> None:
    """Where it happened and of what kind, never the message: it may hold personal data."""
    places = " < ".join(f"{f.filename}:{f.lineno}" for f in reversed(traceback.extract_tb(error.__traceback__)[-5:]))
    _LOG.error("unexpected %s at %s", type(error).__name__, places)
