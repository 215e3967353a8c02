"""Verification of the decision log: every record, the chain between them, and the signed checkpoints."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from receivables.checkpoints import Checkpoint, contradictions
from receivables.control_log import ERASURE, RETENTION, ControlLog
from receivables.decision import GENESIS
from receivables.decision_log import DecisionLog, Stored
from receivables.decision_notes import DecisionNotes
from receivables.personal import PERSONAL

#: Problems beyond this many are counted, not told.
_TOLD: Final = 100


@dataclass(frozen=True)
class Verified:
    """`records` were read and `checkpoints` held against them; `found` problems, the first of them in `problems`.

    Of the records `erased` are intact, but say nothing about a person any more; `sealed` could not be opened, because
    the keys of personal data are not here.
    """

    records: int
    checkpoints: int
    found: int
    problems: tuple[str, ...]
    erased: int = 0
    sealed: int = 0

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return self.found == 0


def verify(
    log: DecisionLog,
    checkpoints: Sequence[Checkpoint] = (),
    *,
    track: Callable[[Iterable[Stored | str]], Iterable[Stored | str]] = lambda rows: rows,
) -> Verified:
    """What is wrong with the log: changed, missing, added or reordered records, a cut end, a chain written anew.

    The notes on decisions are held against their own chain and against the records that they are about, the acts of
    control against theirs. A record about a person that cannot be read needs an act that erased it.
    A cut end and a new chain show only against `checkpoints`. Memory does not grow with the log.
    """
    problems: list[str] = []
    named = {point.seq for point in checkpoints}
    hashes: dict[int, str] = {}
    erased: Counter[str] = Counter()
    previous, expected, read, sealed = GENESIS, 1, 0, 0
    for row in track(log.stored()):
        read += 1
        if isinstance(row, str):
            problems.append(row)
            expected += 1
            continue
        if row.seq != expected:
            problems.append(f"record {expected}: is missing before record {row.seq}")
        problems += [f"record {row.seq} ({row.record.score_id}): {text}" for text in row.problems(previous)]
        previous, expected = row.record.record_sha256, row.seq + 1
        sealed += row.is_sealed
        if row.is_erased:
            erased[json.loads(row.payload)[PERSONAL]["key"]] += 1
        if row.seq in named:
            hashes[row.seq] = row.record.record_sha256
    problems += contradictions(checkpoints, hashes)
    with DecisionNotes(log.path) as notes:
        problems += notes.problems()
    with ControlLog(log.path) as acts:
        problems += acts.problems()
        destroyed = {key for act in acts.all() if act.kind in (ERASURE, RETENTION) for key in act.content["keys"]}
    problems += [f"key {key}: is gone, and no act of erasure names it" for key in erased if key not in destroyed]
    return Verified(read, len(checkpoints), len(problems), tuple(problems[:_TOLD]), erased.total(), sealed)
