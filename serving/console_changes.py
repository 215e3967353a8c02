"""The console's four eyes: changes of policy and model that wait for a second person, and what became of the others."""

from __future__ import annotations

import datetime as dt

from starlette.responses import RedirectResponse, Response

from receivables import four_eyes
from receivables.config import conf_dir
from receivables.control_log import ControlLog
from receivables.errors import ConfigError, ConflictError, InputError, UnavailableError
from receivables.four_eyes import Person
from receivables.policy_change import apply_policy, propose_policy, require_applicable
from serving.console import HEADERS, Visit

#: What the person who sent the form can help.
_REFUSED = (ConfigError, ConflictError, InputError, UnavailableError)


def changes(visit: Visit) -> Response:
    """`GET /console/changes`: every change, and a form that starts from the policy that counts."""
    return _changes(visit)


def propose(visit: Visit) -> Response:
    """`POST /console/changes`: a credit policy, proposed."""
    text = visit.form.get("text", "").replace("\r\n", "\n")
    try:
        with _acts(visit) as acts:
            made = propose_policy(acts, conf_dir() / "policy.toml", text, by=_person(visit), now=_now())
    except _REFUSED as error:
        return _changes(visit, problem=str(error), text=text, status=422)
    return RedirectResponse(f"/console/changes/{made.change_id}", 303, HEADERS)


def change(visit: Visit) -> Response:
    """`GET /console/changes/{change_id}`: what it would change, and the form of the second person."""
    return _change(visit)


def verdict(visit: Visit) -> Response:
    """`POST /console/changes/{change_id}/approve` or `/reject`; an approved policy is put in place at once."""
    change_id, approve = visit.path["change_id"], visit.path["verdict"] == "approve"
    reason, place, by = (
        " ".join(visit.form.get("reason", "").split())[:2_000],
        conf_dir() / "policy.toml",
        _person(visit),
    )
    try:
        with _acts(visit) as acts:
            found = four_eyes.get(acts, change_id)
            is_policy = found.what == four_eyes.POLICY
            if approve and is_policy:
                require_applicable(found, place)
            found = four_eyes.decide(
                acts, change_id, approve=approve, by=by, reason=reason, now=_now(), sees=visit.form.get("sees", "")
            )
            if approve and is_policy:
                apply_policy(acts, found, place, by=by, now=_now())
    except _REFUSED as error:
        return _change(visit, problem=str(error), status=422)
    return RedirectResponse(f"/console/changes/{change_id}", 303, HEADERS)


def _changes(visit: Visit, *, problem: str = "", text: str | None = None, status: int = 200) -> Response:
    with _acts(visit) as acts:
        found = four_eyes.changes(acts)
    current = (conf_dir() / "policy.toml").read_text(encoding="utf-8")
    facts = {"changes": found, "problem": problem, "text": current if text is None else text}
    return visit.page("changes", facts, status=status)


def _change(visit: Visit, *, problem: str = "", status: int = 200) -> Response:
    with _acts(visit) as acts:
        found = four_eyes.get(acts, visit.path["change_id"])
        sees = four_eyes.seal_of(acts, found.change_id)
    is_own = _person(visit).is_same(found.proposed_by)
    return visit.page("change", {"change": found, "sees": sees, "is_own": is_own, "problem": problem}, status=status)


def _acts(visit: Visit) -> ControlLog:
    return ControlLog(visit.state.log.path)


def _person(visit: Visit) -> Person:
    return Person(visit.caller.key_id, visit.caller.name)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
