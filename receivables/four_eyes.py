"""Changes that one person proposes and another approves, each with a key of their own; kept in the control log.

A change is a credit policy or a promotion. Its acts share a subject, the id of the change: the proposal first, then one
verdict, then that it was applied.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from receivables.control_log import Act, ControlLog
from receivables.errors import ConflictError, InputError, NotFoundError

#: What may be changed.
POLICY: Final = "POLICY"
PROMOTION: Final = "PROMOTION"
#: States of a change; also the kinds of its acts.
PROPOSED: Final = "CHANGE_PROPOSED"
APPROVED: Final = "CHANGE_APPROVED"
REJECTED: Final = "CHANGE_REJECTED"
APPLIED: Final = "CHANGE_APPLIED"
_STATES: Final = (PROPOSED, APPROVED, REJECTED, APPLIED)


@dataclass(frozen=True)
class Person:
    """Who acts: the id of the key, and the name that it was made for."""

    key_id: str
    name: str

    def is_same(self, other: Person) -> bool:
        """Whether both may be one person: the same key, or another key of the same name."""
        return self.key_id == other.key_id or self.name.strip().casefold() == other.name.strip().casefold()


@dataclass(frozen=True)
class Change:
    """A proposed change: `what` of POLICY and PROMOTION, its `content`, who proposed it and, if so, decided on it."""

    change_id: str
    what: str
    content: Mapping[str, Any]
    state: str
    proposed_by: Person
    proposed_at: str
    decided_by: Person | None = None
    decided_at: str | None = None
    reason: str = ""


def propose(acts: ControlLog, what: str, content: Mapping[str, Any], *, by: Person, now: dt.datetime) -> Change:
    """The new change, recorded."""
    change_id = f"chg_{secrets.token_hex(12)}"
    act = Act.of(PROPOSED, change_id, actor=by.name, now=now, content={"what": what, "key_id": by.key_id, **content})
    return _change([acts.append(act)])


def decide(
    acts: ControlLog, change_id: str, *, approve: bool, by: Person, reason: str, now: dt.datetime, sees: str
) -> Change:
    """The change with its verdict, recorded.

    `sees` is the hash of the proposal that was shown. Raises NotFoundError for an unknown change, InputError where the
    same person proposed it or another proposal was shown, ConflictError where it was decided before.
    """

    def is_open(found: list[Act]) -> None:
        change = _change(found)
        if change.state != PROPOSED:
            raise ConflictError(f"{change_id}: it was decided before")
        if approve and by.is_same(change.proposed_by):
            raise InputError(f"{change_id}: {by.name} proposed it; another person, with another key, approves it")
        if found[0].record_sha256 != sees:
            raise InputError(f"{change_id}: this is not the proposal that was shown")

    content = {"key_id": by.key_id, "reason": reason}
    kind = APPROVED if approve else REJECTED
    acts.append(Act.of(kind, change_id, actor=by.name, now=now, content=content), unless=is_open)
    return get(acts, change_id)


def applied(acts: ControlLog, change_id: str, *, by: Person, now: dt.datetime) -> Change:
    """The change, recorded as applied; raises ConflictError unless it was approved and not applied before."""

    def is_approved(found: list[Act]) -> None:
        if _change(found).state != APPROVED:
            raise ConflictError(f"{change_id}: it is not approved, or was applied before")

    act = Act.of(APPLIED, change_id, actor=by.name, now=now, content={"key_id": by.key_id})
    acts.append(act, unless=is_approved)
    return get(acts, change_id)


def get(acts: ControlLog, change_id: str) -> Change:
    """The change of that id; raises NotFoundError."""
    return _change(acts.of(change_id))


def seal_of(acts: ControlLog, change_id: str) -> str:
    """The hash of the proposal's record: what whoever decides has seen."""
    return acts.of(change_id)[0].record_sha256


def changes(acts: ControlLog) -> list[Change]:
    """Every change, the newest first."""
    by_subject: dict[str, list[Act]] = {}
    for act in acts.all():
        if act.kind in _STATES:
            by_subject.setdefault(act.subject, []).append(act)
    return [_change(found) for found in by_subject.values()][::-1]


def last_approved(acts: ControlLog, what: str) -> Change | None:
    """The change of that kind that was approved last, whether or not it was applied."""
    approved = [c for c in changes(acts) if c.what == what and c.state in (APPROVED, APPLIED)]
    return max(approved, key=lambda change: str(change.decided_at), default=None)


def _change(found: list[Act]) -> Change:
    if not found or found[0].kind != PROPOSED:
        raise NotFoundError("no such change was proposed; see otcrisk changes list")
    first = found[0]
    content = {name: value for name, value in first.content.items() if name not in ("what", "key_id")}
    verdict = next((act for act in found if act.kind in (APPROVED, REJECTED)), None)
    return Change(
        change_id=first.subject,
        what=str(first.content["what"]),
        content=content,
        state=found[-1].kind,
        proposed_by=_person(first),
        proposed_at=first.recorded_at,
        decided_by=_person(verdict) if verdict else None,
        decided_at=verdict.recorded_at if verdict else None,
        reason=str(verdict.content["reason"]) if verdict else "",
    )


def _person(act: Act) -> Person:
    return Person(str(act.content["key_id"]), act.actor)
