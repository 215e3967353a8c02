"""The promises of the service and how each is put to the test: a short form for every run of the tests, a long one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.proof import artefact_proofs as artefacts
from tests.proof import journal_proofs as journal
from tests.proof.tally import Tally


@dataclass(frozen=True)
class Proof:
    """`short` takes seconds, `long` minutes; both find the same kind of failure."""

    name: str
    short: Callable[[], Tally]
    long: Callable[[], Tally]


PROOFS: Final = (
    Proof("power_cut", lambda: journal.power_cuts(150), lambda: journal.power_cuts(10_000)),
    Proof("disk", lambda: journal.disk_errors(range(0, 60, 12)), lambda: journal.disk_errors(range(500))),
    Proof("kill", lambda: journal.kills(3), lambda: journal.kills(1_000)),
    Proof("race", lambda: journal.races(40), lambda: journal.races(10_000)),
    Proof("artefact", lambda: artefacts.damages(100), lambda: artefacts.damages(2_000)),
    Proof("tamper", lambda: journal.tampers(100), lambda: journal.tampers(10_000)),
)
