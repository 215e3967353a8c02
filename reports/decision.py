"""The report of one decision: what was decided and why, in words and pictures, from the decision log alone.

The payment history comes from the ledger as it was known at the decision's `as_of`; everything else is as recorded, so
the report of an old decision does not change when models, policy or ledger do.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from features.feature import Feature
from receivables.decision import DecisionRecord
from receivables.ledger import Ledger
from reports import words
from reports.decision_pictures import (
    chance,
    limit_picture,
    outlook_picture,
    scale_picture,
    target_words,
    waterfall_picture,
    window_picture,
)
from reports.decision_tables import (
    actions,
    audit,
    changes,
    checks,
    facts,
    feature_groups,
    history_words,
    loss,
    model_title,
    sums,
)
from reports.history import aging_pictures, history_of, payment_pictures

_EVENT: Final = re.compile(r"(?:default|serious_delinquency)_\d+m")

#: Blocks of an answer that models fill, and the figure that is null where none did.
_SAID_BY: Final = {"score": "credit_score", "probabilities": "late_over_0", "expected_payment": "median_date"}

Figures = dict[str, Any]


def decision_figures(record: DecisionRecord, catalogue: Sequence[Feature], *, ledger: Ledger | None = None) -> Figures:
    """Everything that decision.html shows, by name; `catalogue` gives model inputs their meaning, unit and group."""
    record = replace(record, response=told(record.response))
    response, request = record.response, record.request
    as_of = pd.Timestamp(record.as_of).tz_convert("UTC").tz_localize(None)
    history = history_of(record.customer_id, request, as_of, ledger)
    event = event_of(response)
    return {
        "title": f"Decision {record.score_id}",
        "kind": "Order credit decision",
        "subject": f"{record.score_id} · {words.moment(record.recorded_at)}",
        "record": record,
        "request": request,
        "response": response,
        "event": event,
        "event_words": words.event_words(event) if event else "",
        "is_default": event.startswith("default"),
        "verdict": verdict(record),
        "facts": facts(request),
        "key_figures": list(key_figures(response, event)),
        "reasons": [reason_list(e) for e in response.get("explanations", [])],
        "actions": actions(response),
        "checks": checks(response),
        "changes": changes(response),
        "loss": loss(response),
        "limit_picture": limit_picture(response),
        "window_picture": window_picture(response),
        "outlook_picture": outlook_picture(response),
        "scale_picture": scale_picture(response),
        "waterfalls": [waterfall_picture(e, response) for e in response.get("explanations", [])],
        "history": history,
        "history_words": history_words(history),
        "aging_pictures": aging_pictures(history),
        "payment_pictures": payment_pictures(history),
        "feature_groups": feature_groups(record, catalogue),
        "models": {model: model_title(model, event) for model in record.contributions},
        "sums": list(sums(record, event)),
        "audit": audit(record, event),
    }


def told(response: Mapping[str, Any]) -> Figures:
    """The answer, its blocks of what no model said set to null: their figures are null one by one."""
    return {
        name: None if name in _SAID_BY and block and block.get(_SAID_BY[name]) is None else block
        for name, block in response.items()
    }


def decision_document(record: DecisionRecord) -> Figures:
    """The decision's figures for machines, as they were answered."""
    response = record.response
    blocks = ("score", "probabilities", "expected_payment", "loss", "limit", "explanations", "actions")
    return {
        "score_id": record.score_id,
        "request_id": record.request_id,
        "as_of": record.as_of,
        "event": event_of(response),
        "decision": response["decision"],
        **{block: response.get(block) for block in blocks},
        "record_sha256": record.record_sha256,
    }


def event_of(response: Mapping[str, Any]) -> str:
    """The name of the event that the customer model predicts, such as default_12m; "" where none was predicted."""
    return next((name for name in response.get("probabilities") or {} if _EVENT.fullmatch(name)), "")


def verdict(record: DecisionRecord) -> Figures:
    """The outcome in words: css class, headline, what it means, and the sentences that carry it."""
    decision, request = record.response["decision"], record.request
    word, meaning = words.OUTCOMES.get(decision["outcome"], (words.spell(decision["outcome"]), ""))
    order, customer = request["order"], request["customer"]
    name = customer.get("name") or customer["payer"]
    gross = words.amount(order["gross_amount"], order["currency"])
    failed = [check["message"] for check in decision["checks"] if check["result"] == "FAIL" and check["message"]]
    return {
        "style": decision["outcome"].lower(),
        "word": f"{word}: order of {gross} from {name}",
        "meaning": meaning,
        "decided_by": words.DECIDED_BY.get(decision["decided_by"], words.spell(decision["decided_by"])),
        "causes": failed,
        "outlook": outlook_words(record.response),
    }


def outlook_words(response: Mapping[str, Any]) -> str:
    """What the models expect, in one sentence; "" where nothing was predicted."""
    chances, expected = response.get("probabilities") or {}, response.get("expected_payment") or {}
    if not chances or not expected:
        return ""
    late = (dt.date.fromisoformat(expected["median_date"]) - dt.date.fromisoformat(expected["due_date"])).days
    when = f"{words.count(late, 'day')} after" if late > 0 else f"{words.count(-late, 'day')} before" if late else "on"
    very = chances["very_late_after_days"]
    return (
        f"Payment is expected around {words.day(expected['median_date'])}, {when} the due date; the chance of late "
        f"payment is {words.percent(chances['late_over_0'])}, of more than {very} days late "
        f"{words.percent(chances['very_late'])}."
    )


def key_figures(response: Mapping[str, Any], event: str) -> Iterator[Figures]:
    """The headline figures: name, value, and the interval or scale that it is read with."""
    chances, score = response.get("probabilities") or {}, response.get("score") or {}
    if chances:
        yield {"name": "Chance of late payment", "value": words.percent(chances["late_over_0"]),
               "note": interval(chances, "late_over_0")}  # fmt: skip
    if expected := response.get("expected_payment"):
        level = words.percent(expected["interval_level"])
        span = f"{words.day(expected['earliest_date'])} to {words.day(expected['latest_date'])} ({level})"
        yield {"name": "Expected payment", "value": words.day(expected["median_date"]), "note": span}
    if score:
        risk = words.RISK_CLASSES.get(score["risk_class"], "")
        yield {"name": "Score and rating", "value": f"{score['credit_score']:g} · {score['rating']}",
               "note": f"class {score['risk_class']}, {risk}"}  # fmt: skip
    if event:
        yield {"name": words.spell(words.event_words(event)), "value": words.percent(chances[event]),
               "note": interval(chances, event)}  # fmt: skip


def interval(chances: Mapping[str, Any], name: str) -> str:
    """The probability's interval in words; "" where the answer holds none."""
    bounds = chances.get(f"{name}_interval")
    if not bounds:
        return ""
    low, high = (words.percent(bound) for bound in bounds)
    return f"{low} to {high} ({words.percent(chances['interval_level'])} interval)"


def reason_list(explanation: Mapping[str, Any]) -> Figures:
    """One explanation's reasons in words, with what each adds."""
    is_score = explanation["unit"] == "score_points"
    target = explanation["target"]
    title = (
        f"Why the score is {explanation['value']:g}"
        if is_score
        else f"What drives the chance of {target_words(target)}"
    )
    unit = "score points" if is_score else f"odds of {target_words(target)}"
    lines = [
        {
            "points": f"{reason['points']:+g}" if is_score else f"x {math.exp(reason['points']):.2f}",
            "style": reason["direction"].lower(),
            "text": reason["text"],
            "code": reason["code"],
        }
        for reason in explanation["reasons"]
    ]
    typical = f"{explanation['reference']:g}" if is_score else words.percent(chance(explanation["reference"]))
    return {"title": title, "unit": unit, "typical": typical, "lines": lines}
