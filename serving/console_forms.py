"""What protects the console's forms: small bodies, the page's own origin, and a token of the session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from serving.auth import is_loopback
from serving.console_sessions import Session
from serving.problems import refuse
from serving.wire import is_refused

#: Largest form, in bytes: a credit policy with room to spare.
MAX_FORM: Final = 256 * 1024
MAX_FIELDS: Final = 20
#: Name of the field that carries the session's token.
TOKEN: Final = "form_token"  # noqa: S105  # a name
#: Line ends and tabs, which text of several lines may hold.
_LAYOUT: Final = str.maketrans("", "", "\r\n\t")


def is_secure(request: Request) -> bool:
    """Whether the browser reached us over TLS, here or at the proxy in front."""
    return request.headers.get("x-forwarded-proto", request.url.scheme) == "https"


def require_private_line(request: Request) -> None:
    """Raises ApiError FORBIDDEN where a key would cross a network in the clear."""
    host = request.client.host if request.client else "127.0.0.1"
    if not is_secure(request) and (not is_loopback(host) or "x-forwarded-for" in request.headers):
        raise refuse("FORBIDDEN", "the console is reached over TLS, or from the machine that it runs on")


def require_own_page(request: Request) -> None:
    """Raises ApiError FORBIDDEN unless the form was sent from a page of this very address."""
    own = f"{'https' if is_secure(request) else 'http'}://{request.headers.get('host', '')}"
    site = request.headers.get("sec-fetch-site", "same-origin")
    if request.headers.get("origin") != own or site != "same-origin":
        raise refuse("FORBIDDEN", "this form was not sent from a page of the console")


def require_token(session: Session, form: Mapping[str, str]) -> None:
    """Raises ApiError FORBIDDEN unless the form carries the session's token."""
    if not session.has_sent(form.get(TOKEN, "")):
        raise refuse("FORBIDDEN", "this form was not sent from a page of this session; load the page again")


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; raises ApiError for another type, a field twice, a control character, or too much of it."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise refuse("UNSUPPORTED_MEDIA_TYPE", "expected a form")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise refuse("TOO_LARGE", f"expected a form of at most {MAX_FORM} bytes")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise refuse("SCHEMA", "expected a form with a few fields of text in UTF-8") from None
    form = dict(pairs)
    if len(form) != len(pairs) or any(is_refused(text.translate(_LAYOUT)) for pair in pairs for text in pair):
        raise refuse("SCHEMA", "a field is there twice, or holds a control character")
    return form
