"""The OpenAPI 3.1 document of the service, from the table of operations and the table of errors."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from receivables.schema import SCHEMA_VERSION
from serving.operations import OPERATIONS, Operation
from serving.problems import CODES

_SCHEMAS: Final = "#/components/schemas/"
_EXAMPLES: Final = Path(__file__).resolve().parent.parent / "examples"
_TEXT: Final = {"type": "string"}
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["field", "problem"],
    "properties": {"field": _TEXT, "problem": _TEXT},
}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "fields", "request_id"],
            "properties": {
                "code": {"type": "string", "enum": list(CODES)},
                "message": _TEXT,
                "fields": {"type": "array", "items": _PROBLEM},
                "request_id": _TEXT,
            },
        }
    },
}
_BATCH: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["orders"],
    "additionalProperties": False,
    "properties": {
        "orders": {"type": "array", "minItems": 1, "maxItems": 100, "items": {"$ref": f"{_SCHEMAS}ScoreRequest"}}
    },
}
_BATCH_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["status"],
                "properties": {
                    "status": {"type": "integer"},
                    "answer": {"$ref": f"{_SCHEMAS}ScoreAnswer"},
                    "error": _ERROR["properties"]["error"],
                },
            },
        }
    },
}
#: Statuses of a path that reads a body, of one that looks something up, of one that takes either, and of one that may
#: meet what was recorded.
_BODILY: Final = frozenset({409, 413, 415})
_LOOKING: Final = frozenset({404})
_GIVEN: Final = frozenset({400, 422})
_RECORDED: Final = frozenset({410})


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    models = {model for op in OPERATIONS.values() for model in (op.body, op.answer) if model is not None}
    _, found = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template=_SCHEMAS + "{model}",
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "OTC Risk scoring", "version": f"1.{SCHEMA_VERSION}", "license": _LICENSE},
        "servers": [{"url": "/"}],
        "security": [{"key": []}, {}],
        "paths": {path: {op.method: _operation(path, op)} for path, op in OPERATIONS.items()},
        "components": {
            "schemas": {**found["$defs"], "Error": _ERROR},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


_LICENSE: Final = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


def _operation(path: str, op: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {"summary": op.summary, "operationId": _name(path, op), "responses": _responses(path, op)}
    body = _BATCH if path.endswith("-batch") else _reference(op.body)
    if body is not None:
        content: dict[str, Any] = {"schema": body}
        example = _example(path, op)
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": content | ({"example": example} if example else {})},
        }
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT} for name in op.path
    ]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in op.query]
    if op.has_deadline:
        parameters += [
            {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 128}},
            {"name": "X-Deadline-Ms", "in": "header", "schema": {"type": "integer", "minimum": 0}},
        ]
    return made | ({"parameters": parameters} if parameters else {})


def _name(path: str, op: Operation) -> str:
    words = [word for word in path.strip("/").split("/")[1:] if not word.startswith("{")]
    return "_".join([op.method, *words]).replace("-", "_")


def _reference(model: type[BaseModel] | None) -> dict[str, Any] | None:
    return None if model is None else {"$ref": _SCHEMAS + model.__name__}


def _example(path: str, op: Operation) -> Any:
    """A body that runs: the shipped one where the example names a file; none where that was not shipped along."""
    name = "order.json" if path.endswith("-batch") else op.example
    if not isinstance(name, str):
        return name
    file = _EXAMPLES / name
    order = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    return {"orders": [order]} if order and path.endswith("-batch") else order


def _responses(path: str, op: Operation) -> dict[str, Any]:
    has_body = op.body is not None or path.endswith("-batch")
    schema = _BATCH_ANSWER if path.endswith("-batch") else _reference(op.answer) or {"type": "object"}
    made: dict[str, Any] = {"200": {"description": "answered", "content": {"application/json": {"schema": schema}}}}
    absent = set() if has_body else _BODILY
    absent = absent | (set() if op.path or path.startswith(("/v1/portfolio", "/v1/collections")) else _LOOKING)
    absent = absent | (set() if has_body or op.query or op.path else _GIVEN)
    absent = absent | (set() if has_body or op.path else _RECORDED)
    for code, (status, meaning) in CODES.items():
        if status in absent:
            continue
        before = made.get(str(status))
        text = f"{before['description']}; {code}: {meaning}" if before else f"{code}: {meaning}"
        refusal = {"content": {"application/json": {"schema": {"$ref": f"{_SCHEMAS}Error"}}}}
        made[str(status)] = {"description": text, **refusal}
    return made
