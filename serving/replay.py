"""Recorded decisions made again, to the bit: from the journal alone, or whole, with the ledger as it was known then.

From the journal: the recorded feature row goes through the models that the record names; contributions, probabilities,
score and dates must be the recorded ones. Whole: the recorded request is scored again, features and all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features import NAMES
from models.champion import Champion
from receivables.decision import DecisionRecord, wire
from receivables.decision_log import DecisionLog
from receivables.fallback import RULES
from serving.ladder import known_then, tools_of
from serving.payers import LEDGER_UNAVAILABLE, Payers
from serving.predict import Prediction, predict
from serving.schemas import read_request
from serving.score import Occasion, score_order
from serving.state import Tools

#: Of two answers to one question, what may differ: when it was measured, and hashes over that.
_OF_THE_OCCASION: Final = frozenset({"timing_ms", "audit"})
#: Causes of an answer that was cut short by the caller's time; made again without haste it is longer.
_CUT_SHORT: Final = frozenset({"DEADLINE_COUNTERFACTUALS", "DEADLINE_EXPLANATIONS"})
#: What a cut answer lacks.
_LONGER: Final = frozenset({"explanations", "counterfactuals", "actions", "degraded", "limit", "adverse_action_codes"})


@dataclass(frozen=True)
class Replayed:
    """What became of one decision: `differences` from the record, or why it could not be made again (`left_out`)."""

    score_id: str
    differences: tuple[str, ...] = ()
    left_out: str | None = None


def from_journal(record: DecisionRecord, champions: Sequence[Champion]) -> Replayed:
    """The decision's figures made again from the recorded feature row, by the models that made them."""
    mode = record.response["degraded"]["mode"]
    if mode == RULES or not record.features:
        return Replayed(record.score_id, left_out="made without a model")
    champion = _champion_of(record, champions)
    if champion is None:
        return Replayed(record.score_id, left_out=f"made by model {record.versions['model']}, which is not at hand")
    if set(record.features) != set(NAMES):
        return Replayed(record.score_id, left_out="made with another feature table")
    used = champion.on_standby if mode == "SCORECARD" else champion
    if used is None:
        return Replayed(record.score_id, ("the champion has no scorecards",))
    x = np.array([np.nan if value is None else value for value in map(record.features.get, NAMES)])
    made = predict(used, lambda: x)
    return Replayed(record.score_id, tuple(_unlike(record, made)))


def whole(record: DecisionRecord, payers: Payers, tools: Tools, log: DecisionLog) -> Replayed:
    """The decision made again from its request and the ledger: every feature and the whole answer.

    What was decided on memory alone, while the ledger was away, is left out: the ledger holds more.
    """
    if "stand_in" in record.versions:
        return Replayed(record.score_id, left_out="decided by a stand-in table")
    if _champion_of(record, [tools.champion]) is None or record.versions["policy_sha256"] != tools.policy.sha256:
        return Replayed(record.score_id, left_out="made by another model or policy")
    if LEDGER_UNAVAILABLE in record.response["degraded"]["causes"] and record.versions["ledger_sequence"]:
        return Replayed(record.score_id, left_out="made on what was in memory while the ledger was away")
    again = score_again(record, payers, tools, log)
    found = ["features differ"] if again.features != record.features else []
    left = _LONGER if _CUT_SHORT & set(record.response["degraded"]["causes"]) else frozenset()
    before, after = (comparable(response, left) for response in (record.response, again.response))
    if wire(before) != wire(after):
        found += [
            f"{what['where']}: {what['recorded']!r} is {what['now']!r}" for what in differences("", before, after)
        ]
    return Replayed(record.score_id, tuple(found))


def score_again(record: DecisionRecord, payers: Payers, tools: Tools, log: DecisionLog) -> DecisionRecord:
    """The record of a decision made again on the rung, and with the ids and the moment, that it was made with."""
    request = read_request(dict(record.request))
    now = dt.datetime.fromisoformat(record.recorded_at)
    return score_order(
        request,
        record.request,
        known=known_then(payers, record, request),
        tools=tools_of(tools, record.response["degraded"]["mode"]) or tools,
        occasion=Occasion(record.score_id, record.response["audit"]["audit_id"], now),
        previous=log.latest_score(record.customer_id, before=record.as_of),
        idempotency_key=record.idempotency_key,
    )


def comparable(response: Mapping[str, Any], left: frozenset[str] = frozenset()) -> dict[str, Any]:
    """An answer without what differs from occasion to occasion, and without `left`."""
    return {name: value for name, value in response.items() if name not in _OF_THE_OCCASION | left}


def differences(where: str, before: Any, after: Any) -> Iterator[dict[str, Any]]:
    """Every value that differs between two documents, with its place."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from differences(f"{where}.{name}" if where else name, before.get(name), after.get(name))
    elif before != after:
        yield {"where": where, "recorded": before, "now": after}


def _champion_of(record: DecisionRecord, champions: Sequence[Champion]) -> Champion | None:
    """The champion whose every file has the recorded hash."""
    for champion in champions:
        held = {path: entry["sha256"] for path, entry in champion.manifest["files"].items()}
        if held == record.versions["model_files"]:
            return champion
    return None


def _unlike(record: DecisionRecord, made: Prediction) -> Iterator[str]:
    response, event = record.response, record.response["probabilities"]
    parts = {"late": made.late_parts.record(), "default": made.risk_parts.record()}
    if parts != record.contributions:
        yield "contributions differ"
    figures = {f"late_over_{k}": p for k, p in made.lateness.late_over.items()}
    yield from (f"{name}: {event[name]} is {value}" for name, value in figures.items() if event[name] != value)
    if made.risk.probability not in event.values():
        yield f"the event's probability is {made.risk.probability}"
    for name, value in (("credit_score", made.risk.score), ("rating", made.risk.rating)):
        if response["score"][name] != value:
            yield f"{name}: {response['score'][name]} is {value}"
    if response["expected_payment"]["mean_days_late"] != made.lateness.mean:
        yield f"mean_days_late: {response['expected_payment']['mean_days_late']} is {made.lateness.mean}"
