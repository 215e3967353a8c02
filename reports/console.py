"""The console's pages: what the service hands over, said in words and set in the reports' own templates."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from features import FEATURES
from receivables.personal import ERASED
from reports import words
from reports.decision import decision_figures
from reports.page import render_template, source

Facts = Mapping[str, Any]
#: Reasons and outcomes that an override may give, and grounds of a contest, in the order in which they are offered.
OUTCOMES: Final = ("APPROVE", "APPROVE_WITH_CONDITIONS", "HOLD")
REASONS: Final = ("PAYMENT_ARRANGED", "SECURITY_RECEIVED", "CUSTOMER_RELATIONSHIP", "DATA_ERROR", "OTHER")
GROUNDS: Final = ("DATA_ERROR", "OUTDATED_DATA", "EXPLANATION_WANTED", "OTHER")
#: What a form may have sent, to be shown again where it was refused.
_GIVEN: Final = ("outcome", "role", "reason_code", "reason", "raised_by", "grounds")
_ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#17242f"/>'
    '<path d="M3 11l3-4 3 2 4-5" fill="none" stroke="#fff" stroke-width="2"/></svg>'
)


def console_page(name: str, facts: Facts) -> str:
    """The page (or the style sheet, or the icon) called `name` as text; raises KeyError for an unknown one."""
    if name == "icon.svg":
        return _ICON
    if name == "style.css":
        return _style()
    made = _MADE[name](facts)
    return render_template(f"console_{name}.html", {"layout": "console.html", "title": _TITLES[name], **facts, **made})


@cache
def _style() -> str:
    return source("style.css") + source("console.css")


def _queue(facts: Facts) -> Facts:
    rows = [
        {
            "id": row["entry"].score_id,
            "on": words.moment(row["entry"].recorded_at),
            "payer": row["entry"].payer,
            "name": row["name"] or "",
            "sales_order": row["entry"].sales_order,
            "outcome": words.OUTCOMES[row["entry"].outcome][0],
            "style": _CHIPS[row["entry"].outcome],
            "risk_class": row["entry"].risk_class or "—",
            "amount": words.amount(row["entry"].gross_amount, row["entry"].currency),
            "cause": row["entry"].cause,
            "is_valid": row["is_valid"],
        }
        for row in facts["rows"]
    ]
    return {"rows": rows, "outcomes": [(code, words.OUTCOMES[code][0]) for code in words.OUTCOMES]}


_FEATURES: Final = {feature.name: feature for feature in FEATURES}
#: How an outcome's chip is coloured.
_CHIPS: Final = {"APPROVE": "pass", "APPROVE_WITH_CONDITIONS": "other", "REVIEW": "fail", "HOLD": "fail"}


def _decision(facts: Facts) -> Facts:
    record = facts["record"]
    return {
        **decision_figures(record, FEATURES, ledger=facts["ledger"]),
        "given": {**dict.fromkeys(_GIVEN, ""), **facts["given"]},
        "written": [_note(note) for note in facts["notes"]],
        "outcomes": [(code, words.OUTCOMES[code][0]) for code in OUTCOMES],
        "reason_codes": [(code, words.spell(code)) for code in REASONS],
        "grounds": [(code, words.spell(code)) for code in GROUNDS],
        "chosen_role": facts["given"].get("role") or next((role for role, may in facts["roles"] if may), ""),
        "role_options": [
            (role, words.spell(role) + ("" if may else " (may not approve this order)")) for role, may in facts["roles"]
        ],
    }


def _note(note: Any) -> Facts:
    content = note.content
    said = {
        name: words.spell(content[name]) if name not in ("approver", "raised_by") else content[name]
        for name in ("outcome", "role", "approver", "reason_code", "grounds", "raised_by")
        if content.get(name)
    }
    return {
        "id": note.note_id,
        "on": words.moment(note.recorded_at),
        "kind": words.spell(note.kind),
        "said": " · ".join(said.values()),
        "reason": "erased" if content == ERASED else content.get("reason", ""),
        "hash": note.record_sha256[:16],
    }


def _customer(facts: Facts) -> Facts:
    risk, profile = facts["risk"], facts["profile"]
    decisions = [
        {
            "id": made["score_id"],
            "on": words.moment(made["as_of"]),
            "outcome": words.OUTCOMES[made["outcome"]][0],
            "style": _CHIPS[made["outcome"]],
            "score": "—" if made["credit_score"] is None else f"{made['credit_score']:g} · {made['rating']}",
            "amount": words.amount(made["gross_amount"], made["currency"]),
        }
        for made in facts["history"]["decisions"]
    ]
    return {
        "decisions": decisions,
        "figures": _figures(risk, profile) if risk else [],
        "behaviour": [
            (_FEATURES[name].meaning, words.number(value, _FEATURES[name].unit))
            for name, value in profile["behaviour"].items()
        ] if profile else [],
        "master": [
            (words.spell(name), str(value)) for name, value in profile["master_data"].items() if value
        ] if profile else [],
        "reasons": [reason["text"] for reason in risk["explanation"]["reasons"]] if risk else [],
        "actions": [words.ACTIONS.get(a["code"], words.spell(a["code"])) for a in risk["actions"]] if risk else [],
        "timeline": [(words.moment(e["known_at"]), e["text"]) for e in profile["timeline"]] if profile else [],
    }  # fmt: skip


def _figures(risk: Mapping[str, Any], profile: Mapping[str, Any]) -> list[Facts]:
    (event, probability), *_ = risk["probabilities"].items()
    limit = risk["limit"]
    current = limit.get("current_limit")
    return [
        {"name": "Score and rating", "value": f"{risk['score']['credit_score']:g} · {risk['score']['rating']}",
         "note": f"class {risk['score']['risk_class']}"},
        {"name": words.spell(words.event_words(event)), "value": words.percent(probability), "note": ""},
        {"name": "Credit limit", "value": words.amount(current, limit["currency"]) if current else "none",
         "note": words.spell(limit["recommendation"]) if limit.get("recommendation") else ""},
        {"name": "Life cycle", "value": words.spell(profile["life_cycle"]), "note": ""},
    ]  # fmt: skip


def _model(facts: Facts) -> Facts:
    found = facts["model"]
    scale = found["scale"]
    return {
        "about": [(words.spell(name), str(value)) for name, value in found["model"].items()],
        "event_text": found["event"]["text"],
        "policy": found["policy"],
        "scale": [(words.spell(name), str(value)) for name, value in scale.items() if isinstance(value, int | float)],
        "metrics": [
            (words.spell(name), f"{value:.4g}")
            for name, value in found["metrics"].items()
            if isinstance(value, int | float)
        ],
        "files": list(found["files"].items()),
        "tiers": [
            (
                words.spell(tier.role),
                " ".join(tier.classes),
                ", ".join(words.amount(a, c) for c, a in tier.up_to.items()) or "any amount",
            )
            for tier in facts["approvals"]
        ],
    }


_STATES: Final = {
    "CHANGE_PROPOSED": ("waits for a second person", "fail"),
    "CHANGE_APPROVED": ("approved", "pass"),
    "CHANGE_REJECTED": ("rejected", "other"),
    "CHANGE_APPLIED": ("approved and in place", "pass"),
}


def _changes(facts: Facts) -> Facts:
    return {"rows": [_change_row(change) for change in facts["changes"]]}


def _change_row(change: Any) -> dict[str, Any]:
    state, style = _STATES[change.state]
    versions = change.content.get("versions")
    label = change.content.get("version") or ", ".join(f"{name} {v}" for name, v in (versions or {}).items())
    return {
        "id": change.change_id,
        "what": words.spell(change.what),
        "label": label,
        "state": state,
        "style": style,
        "is_open": change.state == "CHANGE_PROPOSED",
        "proposed": f"{change.proposed_by.name}, {words.moment(change.proposed_at)}",
        "decided": f"{change.decided_by.name}, {words.moment(change.decided_at)}" if change.decided_by else "",
        "reason": change.reason,
    }


def _change(facts: Facts) -> Facts:
    content = facts["change"].content
    return {
        "row": _change_row(facts["change"]),
        "differences": [(d["where"], _value(d["before"]), _value(d["after"])) for d in content.get("differences", ())],
        "checks": [
            (c["verdict"], c["name"], "" if c["figure"] is None else f"{c['figure']:.4g}", c["bound"], c["detail"])
            for c in content.get("checks", ())
        ],
        "replaces": content.get("replaces_version", ""),
    }


def _value(value: object) -> str:
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False)


def _as_it_is(facts: Facts) -> Facts:
    return {}


_MADE: Final[Mapping[str, Callable[[Facts], Facts]]] = {
    "login": _as_it_is,
    "refusal": _as_it_is,
    "queue": _queue,
    "decision": _decision,
    "customer": _customer,
    "model": _model,
    "changes": _changes,
    "change": _change,
}
_TITLES: Final = {
    "login": "Log in",
    "refusal": "Refused",
    "queue": "Waiting for review",
    "decision": "Decision",
    "customer": "Customer",
    "model": "Model and policy",
    "changes": "Changes",
    "change": "Change",
}
