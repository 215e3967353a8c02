"""The risk officer's console: pages for people on the same service, behind a key, a session and a form token.

Pages hold no script, load nothing from elsewhere and are made by `State.pages`; what they show and do is that of the
API's own handlers.
"""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from receivables.config import home
from receivables.errors import OtcRiskError
from serving.auth import Caller
from serving.console_forms import is_secure, read_form, require_own_page, require_private_line, require_token
from serving.console_sessions import AGE, Session, Sessions
from serving.problems import ApiError, from_domain, refuse
from serving.state import State

#: Scope of the keys that open a session, and of those that change policy and models.
REVIEW: Final = "review"
ADMIN: Final = "admin"
_POLICY: Final = (
    "default-src 'self'; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
#: On every answer. A referrer is sent within the console only: without one browsers do not say where a form is from.
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Visit:
    """A request of somebody who is logged in: who, and what they ask or send."""

    state: State
    caller: Caller
    session: Session
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)

    def page(self, name: str, facts: Mapping[str, Any], *, status: int = 200) -> Response:
        """The page `name` with what it shows."""
        shown = {"who": self.caller.name, "form_token": self.session.form_token, "problem": "", "at": name, **facts}
        return _html(self.state, name, shown, status)


Handler = Callable[[Visit], Response]
#: Method, path below /console, scope, module and function that answers.
_ROUTES: Final[tuple[tuple[str, str, str, str, str], ...]] = (
    ("GET", r"", REVIEW, "serving.console_decisions", "queue"),
    ("GET", r"/decisions/(?P<score_id>[\w.-]{1,64})", REVIEW, "serving.console_decisions", "decision"),
    ("POST", r"/decisions/(?P<score_id>[\w.-]{1,64})/override", REVIEW, "serving.console_decisions", "override"),
    ("POST", r"/decisions/(?P<score_id>[\w.-]{1,64})/contest", REVIEW, "serving.console_decisions", "contest"),
    ("GET", r"/customers/(?P<payer>[^/]{1,64})", REVIEW, "serving.console_customers", "customer"),
    ("GET", r"/changes", REVIEW, "serving.console_changes", "changes"),
    ("POST", r"/changes", ADMIN, "serving.console_changes", "propose"),
    ("GET", r"/changes/(?P<change_id>chg_[0-9a-f]{24})", REVIEW, "serving.console_changes", "change"),
    (
        "POST",
        r"/changes/(?P<change_id>chg_[0-9a-f]{24})/(?P<verdict>approve|reject)",
        ADMIN,
        "serving.console_changes",
        "verdict",
    ),
    ("GET", r"/model", REVIEW, "serving.console_model", "model"),
    ("GET", r"/drift", REVIEW, "serving.console_model", "drift"),
)


async def answer(request: Request) -> Response:
    """The response to any request under /console; failures are pages too."""
    state: State | None = getattr(request.app.state, "serving", None)
    if state is None or state.pages is None:
        return Response("there is no console here", 404, HEADERS, "text/plain")
    try:
        require_private_line(request)
        return await _answer(request, state)
    except ClientDisconnect:
        return Response(status_code=400)
    except ApiError as error:
        return _refusal(state, error)
    except OtcRiskError as error:
        return _refusal(state, from_domain(error))


async def _answer(request: Request, state: State) -> Response:
    path = request.url.path.removeprefix("/console").removesuffix("/")
    if path in ("/style.css", "/icon.svg") and request.method == "GET":
        return _asset(state, path[1:])
    if request.method == "POST":
        require_own_page(request)
    form = await read_form(request) if request.method == "POST" else {}
    sessions, token = Sessions(home() / "console.sqlite"), request.cookies.get(_cookie(request), "")
    if path == "/login":
        return await run_in_threadpool(_log_in, request, state, sessions, form)
    session = await run_in_threadpool(sessions.get, token, time.time()) if token else None
    if session is None:
        return RedirectResponse("/console/login", 303, HEADERS)
    if request.method == "POST":
        require_token(session, form)
        if path == "/logout":
            await run_in_threadpool(sessions.close, token)
            return _with_cookie(request, RedirectResponse("/console/login", 303, HEADERS), "", 0)
    handler, scope, named = _found(request.method, path)
    visit = Visit(state, _resumed(state, session, scope), session, named, dict(request.query_params), form)
    return await run_in_threadpool(handler, visit)


def _found(method: str, path: str) -> tuple[Handler, str, Mapping[str, str]]:
    for known, pattern, scope, module, name in _ROUTES:
        matched = re.fullmatch(pattern, path)
        if matched and known == method:
            handler: Handler = getattr(importlib.import_module(module), name)
            return handler, scope, matched.groupdict()
    raise refuse("NOT_FOUND", "there is no such page")


def _log_in(request: Request, state: State, sessions: Sessions, form: Mapping[str, str]) -> Response:
    """The form, or the session that its key opens."""
    if request.method != "POST":
        return _html(state, "login", {"problem": "", "has_keys": _has_keys(state)}, 200)
    try:
        if state.keys is None or not state.keys.exist():
            raise refuse("UNAUTHORIZED", "there are no keys yet")
        caller = state.keys.admit(f"Bearer {form.get('key', '').strip()}", REVIEW)
    except ApiError as error:
        problem = error.message if error.status in (403, 429) else "this key opens nothing"
        return _html(state, "login", {"problem": problem, "has_keys": _has_keys(state)}, error.status)
    token = sessions.open(caller.key_id, time.time())
    return _with_cookie(request, RedirectResponse("/console", 303, HEADERS), token, AGE)


def _has_keys(state: State) -> bool:
    return state.keys is not None and state.keys.exist()


def _resumed(state: State, session: Session, scope: str) -> Caller:
    if state.keys is None:
        raise refuse("UNAUTHORIZED", "there are no keys")
    return state.keys.resume(session.key_id, scope)


def _cookie(request: Request) -> str:
    """The cookie's name; with the prefix browsers take it over TLS only, and from this host alone."""
    return "__Host-otcrisk" if is_secure(request) else "otcrisk"


def _with_cookie(request: Request, response: Response, token: str, seconds: int) -> Response:
    response.set_cookie(
        _cookie(request), token, max_age=seconds, path="/", secure=is_secure(request), httponly=True, samesite="strict"
    )
    return response


def _html(state: State, name: str, facts: Mapping[str, Any], status: int) -> Response:
    assert state.pages is not None  # noqa: S101  # looked at before anything else
    return Response(state.pages(name, facts), status, HEADERS, "text/html")


def _asset(state: State, name: str) -> Response:
    assert state.pages is not None  # noqa: S101  # looked at before anything else
    kind = "text/css" if name.endswith(".css") else "image/svg+xml"
    headers = {**HEADERS, "Cache-Control": "private, max-age=300"}
    return Response(state.pages(name, {}), 200, headers, kind)


def _refusal(state: State, error: ApiError) -> Response:
    if error.status == 401:
        return RedirectResponse("/console/login", 303, HEADERS)
    response = _html(state, "refusal", {"code": error.code, "problem": error.message}, error.status)
    response.headers.update(error.headers)
    return response
