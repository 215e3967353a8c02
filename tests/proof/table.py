"""The promises of the service and how each is put to the test: a short form for every run of the tests, a long one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.proof import artefact_proofs as artefacts
from tests.proof import hostile_proofs as hostile
from tests.proof import journal_proofs as journal
from tests.proof import live_proofs as live
from tests.proof import order_proofs as order
from tests.proof import people_proofs as people
from tests.proof import schema_proofs as schema
from tests.proof.tally import Tally


@dataclass(frozen=True)
class Proof:
    """`short` takes seconds, `long` minutes; both find the same kind of failure.

    `short` is null where tests of the service keep the same promise already.
    """

    name: str
    short: Callable[[], Tally] | None
    long: Callable[[], Tally]


PROOFS: Final = (
    Proof("power_cut", lambda: journal.power_cuts(150), lambda: journal.power_cuts(10_000)),
    Proof("disk", lambda: journal.disk_errors(range(0, 60, 12)), lambda: journal.disk_errors(range(500))),
    Proof("kill", lambda: journal.kills(3), lambda: journal.kills(1_000)),
    Proof("race", lambda: journal.races(40), lambda: journal.races(10_000)),
    Proof("artefact", lambda: artefacts.damages(100), lambda: artefacts.damages(2_000)),
    Proof("tamper", lambda: journal.tampers(100), lambda: journal.tampers(10_000)),
    Proof("erasure", lambda: people.erasures(20), lambda: people.erasures(1_000)),
    Proof("names", lambda: people.pages(15), lambda: people.pages(2_000)),
    Proof("hostile_bodies", lambda: hostile.bodies(1_500), lambda: hostile.bodies(1_000_000)),
    Proof("schema", lambda: schema.requests(60), lambda: schema.requests(2_000)),
    Proof("clock", lambda: order.clocks(1), lambda: order.clocks(40)),
    Proof("replay", lambda: order.replays(20), lambda: order.replays(20_000)),
    Proof("cost", None, lambda: order.cost(4_000)),
    # with few orders on a busy machine: none waits as long as the database is frozen
    Proof(
        "database",
        lambda: live.database_cycles(2, seconds=2.0, most_ms=1_000.0),
        lambda: live.database_cycles(100, seconds=2.0),
    ),
    # tests/serving/test_workers.py kills workers, replaces them and stops the service under load
    Proof("worker_kill", None, lambda: live.worker_kills(100, every=5.0)),
    Proof("rolling_stop", None, lambda: live.rolling_stops(100)),
)
