"""What each path answers: plain functions from a body to a reply, run in worker threads."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from receivables.decision import DecisionRecord, fingerprint, moment_text, wire
from receivables.errors import OtcRiskError
from serving.answer import model_block
from serving.auth import LOCAL, Caller
from serving.plausible import require_possible
from serving.problems import ApiError, FieldProblem, from_domain, refuse
from serving.schemas import ScoreRequest, read_request
from serving.score import Occasion, score_order
from serving.state import State
from serving.wire import parse

#: Orders in one batch.
MAX_BATCH: Final = 100
#: Says that the answer was given before and is repeated byte for byte.
REPLAYED: Final = "Idempotent-Replay"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}\Z")
_BUDGET: Final = re.compile(r"[0-9]{1,6}\Z")


@dataclass(frozen=True)
class Call:
    """An HTTP request as far as a handler needs it: header names in lower case, who asks."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    caller: Caller = LOCAL


@dataclass(frozen=True)
class Reply:
    """A JSON body as bytes, with status 200."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def score(state: State, call: Call) -> Reply:
    """`POST /v1/orders/score`."""
    record, is_replay = _decide(state, parse(call.body), call)
    return Reply(wire(record.response), {REPLAYED: "true"} if is_replay else {})


def score_batch(state: State, call: Call) -> Reply:
    """`POST /v1/orders/score-batch`: every order is answered, or refused, on its own."""
    document = parse(call.body)
    orders = document.get("orders") if isinstance(document, dict) else None
    if not isinstance(orders, list) or set(document) != {"orders"}:
        raise refuse("SCHEMA", 'expected {"orders": [...]} with one scoring request per order')
    if not 1 <= len(orders) <= MAX_BATCH:
        raise refuse("TOO_LARGE" if orders else "SCHEMA", f"expected 1 to {MAX_BATCH} orders")
    return Reply(wire({"results": [_one_of_batch(state, order, call.caller) for order in orders]}))


def current_model(state: State, call: Call) -> Reply:
    """`GET /v1/models/current`: the models, the event they predict, the master scale and the policy."""
    champion, policy = state.tools.champion, state.tools.policy
    return Reply(
        wire(
            {
                "model": model_block(champion),
                "event": {**champion.default.event.to_dict(), "text": champion.default.event.text()},
                "scale": champion.scale.to_dict(),
                "metrics": champion.manifest["metrics"],
                "explained_by": champion.explained_by,
                "files": {path: entry["sha256"] for path, entry in champion.manifest["files"].items()},
                "policy": {"version": policy.version, "sha256": policy.sha256},
            }
        )
    )


def request_id_of(document: Any) -> str | None:
    """The request id of a body, if it is one that can be repeated in an answer."""
    given = document.get("request_id") if isinstance(document, dict) else None
    return given if isinstance(given, str) and 0 < len(given) <= 64 and given.isprintable() else None


def _one_of_batch(state: State, document: Any, caller: Caller) -> dict[str, Any]:
    try:
        return {"status": 200, "answer": _decide(state, document, Call(caller=caller))[0].response}
    except ApiError as error:
        return {"status": error.status, **error.envelope(request_id_of(document) or "")}
    except OtcRiskError as error:
        refusal = from_domain(error)
        return {"status": refusal.status, **refusal.envelope(request_id_of(document) or "")}


def _decide(state: State, document: Any, call: Call) -> tuple[DecisionRecord, bool]:
    """The record of the answer, and whether it was given before; nothing is answered before it is recorded."""
    try:
        request = _within(read_request(document), call.headers)
        call.caller.require_company(request.order.company_code)
        require_possible(request, state.convertible)
        key = _idempotency_key(call.headers) or request.request_id
        if request.options.dry_run:
            return _answer(state, request, document, key), False
        earlier = state.log.answered(request.request_id, key, fingerprint(document))
        if earlier is not None:
            return earlier, True
        made = _answer(state, request, document, key)
        stored = state.log.append(made)
        return stored, stored.score_id != made.score_id
    except ApiError as error:
        error.request_id = error.request_id or request_id_of(document)
        raise
    except OtcRiskError as error:
        refusal = from_domain(error)
        refusal.request_id = request_id_of(document)
        raise refusal from error


def _answer(state: State, request: ScoreRequest, document: Mapping[str, Any], key: str) -> DecisionRecord:
    payer = request.customer.payer
    has_items = request.open_items is not None or request.settled_items is not None
    return score_order(
        request,
        document,
        known=state.payers.known(payer, has_items=has_items),
        tools=state.tools,
        occasion=Occasion.at(dt.datetime.now(dt.UTC)),
        previous=state.log.latest(payer, before=moment_text(request.as_of)),
        idempotency_key=key,
    )


def _idempotency_key(headers: Mapping[str, str]) -> str | None:
    key = headers.get("idempotency-key")
    if key is not None and not _KEY.match(key):
        raise _bad_header("Idempotency-Key", "1 to 128 visible ASCII signs")
    return key


def _within(request: ScoreRequest, headers: Mapping[str, str]) -> ScoreRequest:
    """The request with the tighter of its own time budget and the header's."""
    given = headers.get("x-deadline-ms")
    if given is None:
        return request
    if not _BUDGET.match(given):
        raise _bad_header("X-Deadline-Ms", "whole milliseconds")
    budget = min(int(given), request.options.timeout_ms)
    return request.model_copy(update={"options": request.options.model_copy(update={"timeout_ms": budget})})


def _bad_header(name: str, expected: str) -> ApiError:
    return refuse("SCHEMA", "a header is not as expected", [FieldProblem(f"headers.{name}", f"expected {expected}")])
