"""Reading a request body: strict JSON and nothing else."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from serving.problems import FieldProblem, refuse

#: Deeper nesting than this is refused.
MAX_DEPTH: Final = 20
#: Bidirectional controls: they make an id look like another one on screen and in reports.
_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def parse(body: bytes) -> Any:
    """The JSON document in `body`, objects as dictionaries.

    Raises ApiError MALFORMED_JSON for anything that RFC 8259 does not have or leaves open: NaN, infinity, a duplicate
    key, invalid UTF-8, and for control characters in text and nesting beyond `MAX_DEPTH`.
    """
    try:
        document = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        # the decoder's message names a position, never the text around it
        raise refuse("MALFORMED_JSON", f"the body is not JSON: {_reason(error)}") from None
    if _is_plain(body):
        return document
    problems = [FieldProblem(path, problem) for path, problem in _walk(document, "", 0)]
    if problems:
        raise refuse("MALFORMED_JSON", "the body holds text that is refused", problems)
    return document


def _is_plain(body: bytes) -> bool:
    """Whether the bytes show without a walk that no text is refused and nothing is nested too deeply."""
    is_plain = body.isascii() and b"\\" not in body and b"\x7f" not in body
    return is_plain and body.count(b"{") + body.count(b"[") <= MAX_DEPTH


class _DuplicateKeyError(ValueError):
    """An object names a key twice."""


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"invalid UTF-8 at byte {error.start}"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error) if isinstance(error, _DuplicateKeyError) else "a number is too long or not finite"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _DuplicateKeyError("an object names the same key twice")
    return made


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        yield path, f"nested deeper than {MAX_DEPTH} levels"
    elif isinstance(value, str):
        if is_refused(value):
            yield path, "holds a control character"
    elif isinstance(value, dict):
        for key, item in value.items():
            if is_refused(key):
                yield path, "a key holds a control character"
            else:
                yield from _walk(item, f"{path}.{key[:64]}" if path else key[:64], depth + 1)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _walk(item, f"{path}[{i}]", depth + 1)


def is_refused(text: str) -> bool:
    """Whether text holds NUL, another control character, a lone surrogate or a bidirectional control."""
    if text.isascii():
        return not text.isprintable()
    return any(unicodedata.category(char) in ("Cc", "Cs") or char in _BIDI for char in text)


def require_json(content_type: str | None) -> None:
    """Raises ApiError UNSUPPORTED_MEDIA_TYPE unless the type is application/json, in UTF-8 if it says so."""
    kind, _, rest = (content_type or "").partition(";")
    charset = rest.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise refuse("UNSUPPORTED_MEDIA_TYPE", "expected Content-Type: application/json")
