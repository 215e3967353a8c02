"""The promises of the service and how each is put to the test: a short form for every run of the tests, a long one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.proof import artefact_proofs as artefacts
from tests.proof import by_tests
from tests.proof import history_proofs as histories
from tests.proof import hostile_proofs as hostile
from tests.proof import import_proofs as imports
from tests.proof import journal_proofs as journal
from tests.proof import kill_proofs as kill
from tests.proof import limit_proofs as limits
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
    Proof("kill", lambda: kill.kills(3), lambda: kill.kills(1_000, within=1.2)),
    Proof("power_cut", lambda: journal.power_cuts(150), lambda: journal.power_cuts(10_000)),
    Proof("disk", lambda: journal.disk_errors(range(0, 60, 12)), lambda: journal.disk_errors(range(500))),
    # with few orders on a busy machine: none waits as long as the database is frozen
    Proof(
        "database",
        lambda: live.database_cycles(2, seconds=2.0, most_ms=1_000.0),
        lambda: live.database_cycles(100, seconds=2.0),
    ),
    # tests/serving/test_workers.py kills workers, replaces them and stops the service under load
    Proof("worker_kill", None, lambda: live.worker_kills(100, every=5.0)),
    Proof("rolling_stop", None, lambda: live.rolling_stops(100)),
    Proof("schema", lambda: schema.requests(60), lambda: schema.requests(2_000)),
    Proof("hostile_bodies", lambda: hostile.bodies(1_500), lambda: hostile.bodies(1_000_000)),
    # tests/serving/test_connections.py and test_app.py hold each limit
    Proof("oversize", None, lambda: limits.oversize(500, tries=50)),
    Proof("artefact", lambda: artefacts.damages(100), lambda: artefacts.damages(2_000)),
    Proof("replay", lambda: order.replays(20), lambda: order.replays(5_000)),
    Proof("imports", lambda: imports.extracts(40), lambda: imports.extracts(3_000)),
    # tests/features/test_state.py runs the same machine, shorter
    Proof("online_offline", None, lambda: histories.machines(100)),
    *(
        Proof(name, None, partial(by_tests.run, promise, aim, *tests, choose=choose))
        for name, promise, aim, tests, choose in (
            (
                "auth",
                "every path answers keys of its scope and no others; a revoked key is refused",
                "100 % of routes, default deny; revocation <= 5 s",
                ("tests/serving/test_app.py", "tests/serving/test_auth.py", "tests/receivables/test_access_keys.py"),
                "key or scope or stranger or test_auth or test_access_keys",
            ),
            (
                "console",
                "the console runs nobody's script and forges nobody's form",
                "0 executions (HTML parser and browser), 0 cells that start a formula",
                (
                    "tests/serving/test_console.py",
                    "tests/serving/test_console_changes.py",
                    "tests/serving/test_console_in_a_browser.py",
                ),
                "",
            ),
            (
                "privacy",
                "no personal data in logs, metrics, MLflow, errors or reports",
                "0 hits of a canary in every field",
                ("tests/test_canary.py", "tests/serving/test_canary.py", "tests/serving/test_logs.py"),
                "",
            ),
            (
                "egress",
                "nothing reaches beyond this machine",
                "0 attempts with blocked sockets",
                ("tests/cli/test_demo.py",),
                "",
            ),
            (
                "mlflow_absent",
                "serving neither imports nor asks MLflow",
                "0 effect; start from the signed artefact",
                ("tests/test_project.py", "tests/serving/test_bento.py"),
                "imports or elsewhere or asks_for_no",
            ),
            (
                "unpickling",
                "nothing is unpickled",
                "0 findings of the rules",
                ("tests/test_unpickling.py",),
                "",
            ),
        )
    ),
    Proof("race", lambda: journal.races(40), lambda: journal.races(10_000)),
    Proof("tamper", lambda: journal.tampers(100), lambda: journal.tampers(10_000)),
    Proof("erasure", lambda: people.erasures(20), lambda: people.erasures(1_000)),
    Proof("names", lambda: people.pages(15), lambda: people.pages(2_000)),
    Proof("clock", lambda: order.clocks(1), lambda: order.clocks(40)),
    Proof("soak", None, lambda: limits.soak(1_200.0)),
    Proof("cost", None, lambda: order.cost(4_000)),
)
