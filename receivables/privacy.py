"""What a natural person may ask for: a copy of what is stored about them, its erasure, and its end after some years.

General Data Protection Regulation, Articles 5(1)(e), 15 and 17, as engineering: whether a request must be met, and
what has to be kept for other laws, is for the controller to decide.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from receivables.control_log import ERASURE, RETENTION, Act, ControlLog
from receivables.decision_log import DecisionLog
from receivables.decision_notes import DecisionNotes
from receivables.personal_keys import KeyFacts
from receivables.policy import Policy

#: Kind of act in the control log, beside those that destroy keys.
EXPORT: Final = "PERSONAL_DATA_EXPORTED"


@dataclass(frozen=True)
class Erased:
    """What an erasure destroyed: `keys`, and with them that many `decisions`; `plain` ones were never encrypted."""

    keys: tuple[KeyFacts, ...]
    decisions: int
    plain: int


def erase(log: DecisionLog, customer_id: str, *, actor: str, reason: str, now: dt.datetime) -> Erased:
    """Destroys every key of the customer; the act is recorded before, so that nothing is erased in silence.

    Decisions about legal persons are not encrypted and stay (`plain`). Raises UnavailableError where the act cannot be
    recorded: then nothing was erased.
    """
    keys = tuple(log.personal_keys.all(customer_id))
    records = [row for row in log.rows_of(customer_id) if not row.is_erased]
    hidden = sum(row.is_protected for row in records)
    found = Erased(keys, hidden, len(records) - hidden)
    content = {"reason": reason, "keys": [key.key_id for key in keys], "decisions": hidden}
    _record(log, Act.of(ERASURE, customer_id, actor=actor, now=now, content=content))
    log.personal_keys.destroy([key.key_id for key in keys])
    return found


def expired(log: DecisionLog, policy: Policy, today: dt.date) -> list[KeyFacts]:
    """The keys whose decisions were made longer ago than the policy keeps them, by type of subject."""
    return [key for key in log.personal_keys.all() if key.year + policy.years_kept(key.subject_type) < today.year]


def apply_retention(log: DecisionLog, keys: Sequence[KeyFacts], *, actor: str, now: dt.datetime) -> None:
    """Destroys `keys`, which `expired` found, and records it."""
    if not keys:
        return
    years: dict[str, dict[str, int]] = {}
    for key in keys:
        by_year = years.setdefault(key.subject_type, {})
        by_year[str(key.year)] = by_year.get(str(key.year), 0) + 1
    content = {"keys": [key.key_id for key in keys], "keys_by_subject_type_and_year": years}
    _record(log, Act.of(RETENTION, "retention", actor=actor, now=now, content=content))
    log.personal_keys.destroy([key.key_id for key in keys])


def subject_export(log: DecisionLog, customer_id: str, *, actor: str, now: dt.datetime) -> dict[str, Any]:
    """Everything that the decision log holds about a customer, as one JSON document; that it was asked is recorded."""
    decisions, erased = [], 0
    with DecisionNotes(log.path) as notes:
        for row in log.rows_of(customer_id):
            if row.is_erased:
                erased += 1
                continue
            record = asdict(row.record)
            record["notes"] = [asdict(note) for note in notes.of(row.record.score_id)]
            decisions.append(record)
    content = {"decisions": len(decisions), "erased": erased}
    act = _record(log, Act.of(EXPORT, customer_id, actor=actor, now=now, content=content))
    return {
        "customer_id": customer_id,
        "made_at": act.recorded_at,
        "erased_decisions": erased,
        "decisions": decisions,
        "acts": [_shown(act) for act in _acts(log, customer_id)],
    }


def _record(log: DecisionLog, act: Act) -> Act:
    with ControlLog(log.path) as acts:
        return acts.append(act)


def _acts(log: DecisionLog, customer_id: str) -> list[Act]:
    with ControlLog(log.path) as acts:
        return [act for act in acts.of(customer_id) if act.kind in (ERASURE, EXPORT)]


def _shown(act: Act) -> Mapping[str, Any]:
    return {"kind": act.kind, "recorded_at": act.recorded_at, "record_sha256": act.record_sha256}
