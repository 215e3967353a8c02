"""Acts of those who run the system, appended to the decision log's file in a chain of their own.

Erasures, retention runs, proposals and approvals, conflicts found while shipping: what an auditor asks for beside the
decisions. An act never changes anything that was recorded before.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from receivables.chain import ChainedTable, Linked
from receivables.decision import moment_text

#: Kinds of acts that destroy keys of personal data; their content names the `keys`.
ERASURE: Final = "PERSONAL_DATA_ERASED"
RETENTION: Final = "RETENTION_APPLIED"
TABLE: Final = """
CREATE TABLE IF NOT EXISTS control_acts (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    act_id          TEXT NOT NULL UNIQUE,
    kind            TEXT NOT NULL,
    subject         TEXT NOT NULL,
    payload         TEXT NOT NULL,
    record_sha256   TEXT NOT NULL,
    previous_sha256 TEXT NOT NULL
) STRICT
"""


@dataclass(frozen=True)
class Act(Linked):
    """One act: its kind, what it is about, who did it, when (`moment_text`), and what else is to be known of it."""

    DOMAIN = b"otcrisk-act-v1"

    act_id: str
    kind: str
    subject: str
    actor: str
    recorded_at: str
    content: Mapping[str, Any]

    @classmethod
    def of(cls, kind: str, subject: str, *, actor: str, now: dt.datetime, content: Mapping[str, Any]) -> Act:
        """A new act with an id of its own."""
        return cls(f"act_{secrets.token_hex(12)}", kind, subject, actor, moment_text(now), content)


class ControlLog(ChainedTable[Act]):
    """The acts in a decision log's file; a connection of its own, to be closed. Several processes may add at once."""

    NAME = "control_acts"
    MAKE = (TABLE,)
    HOLDS = "acts of control"
    RECORD = Act

    def append(self, act: Act, *, unless: Callable[[list[Act]], None] = lambda acts: None) -> Act:
        """The act as stored, durably.

        `unless` gets the acts on the same subject, while nobody else can add one, and raises where this one must not be
        added. Raises UnavailableError where the file cannot be written.
        """
        with self._appending():
            unless(self.of(act.subject))
            return self._add(act, act_id=act.act_id, kind=act.kind, subject=act.subject)

    def of(self, subject: str) -> list[Act]:
        """The acts on a subject, oldest first."""
        return list(self._records("subject = ?", subject))

    def all(self) -> Iterator[Act]:
        """Every act, oldest first."""
        return self._records()

    def problems(self) -> Iterator[str]:
        """What is wrong: changed, missing or reordered acts."""
        for act in self._broken():
            yield f"act {act.act_id}: is not what was recorded after the act before it"
