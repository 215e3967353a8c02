"""The OpenAPI 3.1 document of the service, from the request schema and the table of errors."""

from __future__ import annotations

from functools import cache
from typing import Any

from receivables.schema import SCHEMA_VERSION
from serving.problems import CODES
from serving.schemas import ScoreRequest

_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "fields", "request_id"],
            "properties": {
                "code": {"type": "string", "enum": list(CODES)},
                "message": {"type": "string"},
                "fields": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "problem"],
                        "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
                    },
                },
                "request_id": {"type": "string"},
            },
        }
    },
}
_TEXT = {"type": "string"}


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    schema = ScoreRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = schema.pop("$defs")
    order = {"$ref": "#/components/schemas/ScoreRequest"}
    batch = {
        "type": "object",
        "required": ["orders"],
        "additionalProperties": False,
        "properties": {"orders": {"type": "array", "minItems": 1, "maxItems": 100, "items": order}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "OTC Risk scoring", "version": f"1.{SCHEMA_VERSION}"},
        "paths": {
            "/v1/orders/score": {"post": _operation("Score one order", body=order, headers=True)},
            "/v1/orders/score-batch": {"post": _operation("Score up to 100 orders, each on its own", body=batch)},
            "/v1/decisions/{score_id}": {"get": _operation("A recorded decision", parameter="score_id")},
            "/v1/models/current": {"get": _operation("The models and the policy that answer")},
        },
        "components": {"schemas": {**parts, "ScoreRequest": schema, "Error": _ERROR}},
    }


def _operation(
    summary: str, *, body: dict[str, Any] | None = None, parameter: str | None = None, headers: bool = False
) -> dict[str, Any]:
    made: dict[str, Any] = {"summary": summary, "responses": _responses(bool(body), bool(parameter))}
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    parameters = [{"name": parameter, "in": "path", "required": True, "schema": _TEXT}] if parameter else []
    if headers:
        parameters += [
            {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 128}},
            {"name": "X-Deadline-Ms", "in": "header", "schema": {"type": "integer", "minimum": 0}},
        ]
    return made | ({"parameters": parameters} if parameters else {})


def _responses(has_body: bool, has_id: bool) -> dict[str, Any]:
    answer = {"description": "answered", "content": {"application/json": {"schema": {"type": "object"}}}}
    refusal = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    bodily = {400, 409, 413, 415, 422}
    made: dict[str, Any] = {"200": answer}
    for code, (status, meaning) in CODES.items():
        if (status in bodily and not has_body) or (status == 404 and not has_id):
            continue
        before = made.get(str(status))
        text = f"{before['description']}; {code}: {meaning}" if before else f"{code}: {meaning}"
        made[str(status)] = {"description": text, **refusal}
    return made
