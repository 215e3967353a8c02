"""What each path answers: plain functions from a body to a reply; those that are not async run in worker threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from receivables.decision import wire
from receivables.errors import OtcRiskError
from serving.answer import coverage_in_training, model_block
from serving.auth import LOCAL, Caller
from serving.problems import ApiError, from_domain, refuse
from serving.scoring import decide, decide_now, request_id_of
from serving.state import State
from serving.wire import parse

#: Orders in one batch.
MAX_BATCH: Final = 100
#: Says that the answer was given before and is repeated byte for byte.
REPLAYED: Final = "Idempotent-Replay"


@dataclass(frozen=True)
class Call:
    """An HTTP request as far as a handler needs it: header names in lower case, who asks.

    `about` is what the handler adds to the request's line of log; no value of the request may be in it.
    """

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    caller: Caller = LOCAL
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """A body as bytes, by default JSON, with status 200."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


async def score(state: State, call: Call) -> Reply:
    """`POST /v1/orders/score`."""
    record, is_replay = await decide(state, parse(call.body), call.headers, call.caller)
    mode, outcome = record.response["degraded"]["mode"], record.response["decision"]["outcome"]
    call.about.update(score_id=record.score_id, mode=mode, outcome=outcome, customer_id=record.customer_id)
    return Reply(record.answer, {REPLAYED: "true"} if is_replay else {})


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
                "observed_coverage_90d": _coverage(state),
                "files": {path: entry["sha256"] for path, entry in champion.manifest["files"].items()},
                "policy": {"version": policy.version, "sha256": policy.sha256},
            }
        )
    )


def _coverage(state: State) -> dict[str, Any]:
    """What orders of today are told of how often payment dates held, and whether decisions or training say so."""
    found = state.coverage
    if found is not None:
        share = round(found.share, 3)
        return {"share": share, "source": "DECISIONS", "outcomes": found.outcomes, "as_of": found.day.isoformat()}
    in_training = coverage_in_training(state.tools.champion)
    return {"share": in_training, "source": "TRAINING", "outcomes": None, "as_of": None}


def _one_of_batch(state: State, document: Any, caller: Caller) -> dict[str, Any]:
    try:
        return {"status": 200, "answer": decide_now(state, document, {}, caller)[0].response}
    except ApiError as error:
        return {"status": error.status, **error.envelope(request_id_of(document) or "")}
    except OtcRiskError as error:
        refusal = from_domain(error)
        return {"status": refusal.status, **refusal.envelope(request_id_of(document) or "")}
