"""The one error envelope: every refusal leaves the service as {"error": {code, message, fields, request_id}}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from receivables.errors import ConflictError, ErasedError, NotFoundError, OtcRiskError, UnavailableError

#: More problems than this are not listed one by one.
MAX_FIELDS: Final = 50


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field; never repeats the value, which may be personal data."""

    field: str
    problem: str


class ApiError(Exception):
    """A refusal with its HTTP status, stable code and message; `request_id` is that of the body, once it is known."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.fields = tuple(fields)
        self.headers = dict(headers or {})
        self.request_id: str | None = None

    def envelope(self, request_id: str) -> dict[str, Any]:
        """The body that is sent."""
        fields = [{"field": p.field, "problem": p.problem} for p in self.fields[:MAX_FIELDS]]
        return {"error": {"code": self.code, "message": self.message, "fields": fields, "request_id": request_id}}


#: Code, status and meaning of every refusal, for the OpenAPI document and docs/api.md.
CODES: Final[dict[str, tuple[int, str]]] = {
    "MALFORMED_JSON": (400, "the body is not JSON, or holds NaN, a duplicate key or a control character"),
    "SCHEMA": (400, "a field is missing, unknown or not of its type"),
    "UNAUTHORIZED": (401, "no key, an unknown one, or one that has ended"),
    "FORBIDDEN": (403, "the key has not the scope of the path, or is bound to other company codes"),
    "NOT_FOUND": (404, "no such path, decision or customer"),
    "METHOD_NOT_ALLOWED": (405, "the path does not answer this method"),
    "CONFLICT": (409, "the request_id or Idempotency-Key was used before with another body"),
    "ERASED": (410, "the decision was about a natural person, whose data was erased"),
    "TOO_LARGE": (413, "the body or a list in it is too large"),
    "HEADERS_TOO_LARGE": (431, "too many headers, or too large ones"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "only application/json is read"),
    "IMPOSSIBLE_VALUES": (422, "valid JSON of the right types whose values cannot be"),
    "TOO_MANY_REQUESTS": (429, "the rate of the key is used up; Retry-After says for how long"),
    "INTERNAL": (500, "our fault; the request_id finds it in the log"),
    "UNAVAILABLE": (503, "the decision log cannot be written, or the service is not ready; nothing was decided"),
}


def refuse(
    code: str, message: str, fields: Sequence[FieldProblem] = (), headers: Mapping[str, str] | None = None
) -> ApiError:
    """The refusal with the status that belongs to `code`."""
    return ApiError(CODES[code][0], code, message, fields, headers)


def from_domain(error: OtcRiskError) -> ApiError:
    """A domain error as a refusal; what the caller cannot help is UNAVAILABLE or INTERNAL without details."""
    if isinstance(error, ConflictError):
        return refuse("CONFLICT", str(error))
    if isinstance(error, ErasedError):
        return refuse("ERASED", "the personal data of this decision was erased")
    if isinstance(error, NotFoundError):
        return refuse("NOT_FOUND", "there is no such decision or customer")
    if isinstance(error, UnavailableError):
        return ApiError(
            503, "UNAVAILABLE", "the decision could not be recorded; try again", headers={"Retry-After": "1"}
        )
    return refuse("INTERNAL", "the request could not be answered")
