"""How a promotion gets its second person: by name while there are no keys, by a key's approval from then on."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cli.changes import person
from receivables import four_eyes
from receivables.access_keys import AccessKeys
from receivables.config import home, key_folder
from receivables.control_log import Act, ControlLog
from receivables.errors import InputError
from receivables.four_eyes import PROMOTION, Change, Person

if TYPE_CHECKING:
    from training.promote import Decision
    from training.registered import Registered

#: Kind of the act where a champion was put in place without a proposal.
PROMOTED: Final = "CHAMPION_PROMOTED"
#: Stands for the approver while the gate judges what is to be proposed.
_TO_COME: Final = "the second person, to come"


@dataclass(frozen=True)
class Proposal:
    """What is promoted, who stands for it, and the change that a second person approved, if there is one."""

    what: dict[str, Any]
    approved_by: str | None
    by: Person | None = None
    change: Change | None = None

    @classmethod
    def of(cls, args: argparse.Namespace, registered: Registered) -> Proposal:
        """The proposal that the options ask for.

        Raises InputError without a live key of scope admin, where a name alone is given although such keys exist, and
        where the change is not an approved one of this very challenger.
        """
        what = {
            "run_id": registered.run_id,
            "versions": dict(registered.versions),
            "trained_by": registered.trained_by,
            "manifest_sha256": registered.found.sha256,
        }
        if args.propose:
            return cls(what, _TO_COME, by=person())
        if args.change:
            with _acts() as acts:
                change = four_eyes.get(acts, args.change)
            if change.state != four_eyes.APPROVED or change.decided_by is None or not _is_of(change, what):
                raise InputError(f"{args.change}: expected an approved, unused promotion of this very challenger")
            return cls(what, change.decided_by.name, by=person(), change=change)
        require_key(args.approved_by)
        return cls(what, args.approved_by)

    def propose(self, decision: Decision) -> str:
        """The id of the change that now waits for a second person."""
        assert self.by is not None  # noqa: S101  # `of` has looked
        checks = [check.to_dict() for check in decision.checks]
        with _acts() as acts:
            content = {**self.what, "checks": checks}
            return four_eyes.propose(acts, PROMOTION, content, by=self.by, now=_now()).change_id

    def record(self, decision: Decision) -> None:
        """Writes into the control log that the champion was put in place."""
        with _acts() as acts:
            if self.change is not None and self.by is not None:
                four_eyes.applied(acts, self.change.change_id, by=self.by, now=_now())
            else:
                content = {**self.what, "approved_by": self.approved_by, "reason": decision.reason}
                actor = self.approved_by or "nobody"
                acts.append(Act.of(PROMOTED, self.what["run_id"], actor=actor, now=_now(), content=content))


def require_key(approved_by: str | None) -> None:
    """Raises InputError where somebody is said to approve by name alone although there are keys to do it with."""
    if approved_by and _admins():
        raise InputError(
            "--approved-by: a name proves nothing where there are keys; use otcrisk promote --propose, let another "
            "person approve, and promote with --change ID"
        )


def _is_of(change: Change, what: dict[str, Any]) -> bool:
    return change.what == PROMOTION and all(change.content.get(name) == value for name, value in what.items())


def _admins() -> bool:
    now = _now()
    return any("admin" in key.scopes and key.is_live(now) for key in AccessKeys(key_folder()).all())


@contextmanager
def _acts() -> Iterator[ControlLog]:
    home().mkdir(parents=True, exist_ok=True)
    with ControlLog(home() / "decisions.sqlite") as acts:
        yield acts


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
