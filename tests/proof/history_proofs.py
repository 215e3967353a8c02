"""Promises of histories in memory: whatever comes in whatever order, they are the ledger; and bugs would be noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from features import state as state_module
from features.kernel import PAYMENT
from features.state import CustomerState
from tests.features.test_state import States
from tests.proof.tally import Tally

#: Machines within which a seeded bug must be found.
FOUND_WITHIN: Final = 400
_STEPS: Final = 50


def machines(count: int, *, number: int = 1) -> Tally:
    """`count` machines of fifty steps each, and each of the seeded bugs, which must give a wrong feature somewhere."""
    tally = Tally(
        "online equals offline, in any order of events", "10,000 machines x 50 steps nightly; 10 seeded bugs all found"
    )
    begun, broken = _run(count, number)
    told = f"seed {number}, machine {begun}: {type(broken).__name__}: {broken}"
    tally.count([told[:300]] if broken else [], tries=begun)
    within = []
    for name, bug in BUGS:
        with bug():
            tried, found = _run(FOUND_WITHIN, number)
        within.append(tried)
        # a machine that stumbles over the bug itself has compared nothing
        is_found = isinstance(found, AssertionError)
        tally.count([] if is_found else [f"{name}: {type(found).__name__} in {tried} machines"])
    tally.figures = {"machines": begun, "seeded_bugs": len(BUGS), "machines_to_find_max": max(within)}
    return tally


def _run(count: int, number: int) -> tuple[int, Exception | None]:
    """How many machines were begun, and what broke the last of them, null where nothing did."""
    begun = 0

    class Counted(States):
        def __init__(self) -> None:
            nonlocal begun
            begun += 1
            super().__init__()

    terms = settings(
        max_examples=count,
        stateful_step_count=_STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    try:
        run_state_machine_as_test(seed(number)(Counted), settings=terms)
    except Exception as error:  # noqa: BLE001 - whatever it is, the machine has broken
        return begun, error
    return begun, None


def _instead(name: str, made: Callable[[Any], Any], *, of: object = CustomerState) -> Callable[[], Any]:
    """A context in which `name` is what `made` gives for the right one."""

    @contextmanager
    def context() -> Iterator[None]:
        with patch.object(of, name, made(getattr(of, name))):
            yield

    return context


def _nothing(right: Any) -> Any:
    return lambda *_: None


def _without_moment(right: Any) -> Any:
    return lambda value: right(value.replace(microsecond=0))


def _always_paid(right: Any) -> Any:
    return {table: (date, PAYMENT) for table, (date, _) in right.items()}


def _unshifted(right: Any) -> Any:
    def renumber(self: CustomerState, at: int) -> None:
        self._events.own()

    return renumber


def _last_of_a_tie(right: Any) -> Any:
    class Bisect:
        @staticmethod
        def bisect_left(values: Any, wanted: Any, *ends: int, **more: Any) -> int:
            return ends[1] if isinstance(wanted, str) else int(right.bisect_left(values, wanted, *ends, **more))

    return Bisect


def _kept_view(right: Any) -> Any:
    def put(self: CustomerState, table: str, row: dict[str, Any]) -> None:
        view = self._view
        right(self, table, row)
        self._view = view

    return put


def _lost_before_its_invoice(right: Any) -> Any:
    def take(self: CustomerState, table: str, row: dict[str, Any]) -> None:
        if self._position(str(row["invoice_id"])) >= 0:
            right(self, table, row)

    return take


def _promise_without_its_day(right: Any) -> Any:
    return {table: (log, date, None if table == "promises" else value) for table, (log, date, value) in right.items()}


def _taken_twice(right: Any) -> Any:
    def apply(self: CustomerState, table: str, row: dict[str, Any]) -> bool:
        if table == "allocations":
            self.put(table, dict(row))
            return True
        return bool(right(self, table, row))

    return apply


def _master_of_the_last(right: Any) -> Any:
    def merged(states: Sequence[CustomerState]) -> CustomerState:
        return right(list(reversed(list(states))))  # type: ignore[no-any-return]

    return staticmethod(merged)


#: What could go wrong, each put in the place of the right thing.
BUGS: Final[tuple[tuple[str, Callable[[], Any]], ...]] = (
    ("events keep the positions of invoices that have moved up", _instead("_renumber", _unshifted)),
    ("a payment that comes before its invoice is lost", _instead("_take_clearing", _lost_before_its_invoice)),
    ("what has come in is not seen while an older view is at hand", _instead("put", _kept_view)),
    ("a payment that comes twice counts twice", _instead("apply", _taken_twice)),
    ("of invoices known at one instant the newest stands last", _instead("bisect", _last_of_a_tie, of=state_module)),
    ("a closed dispute stands beside the open one", _instead("_drop_event", _nothing)),
    ("an event never hears of its invoice", _instead("_relink", _nothing)),
    ("credit notes and write-offs count as payments", _instead("_CLEARINGS", _always_paid, of=state_module)),
    ("a promise forgets the day it was made for", _instead("_EVENTS", _promise_without_its_day, of=state_module)),
    ("moments are cut to seconds", _instead("_moment", _without_moment, of=state_module)),
    ("merged accounts have the master data of the last", _instead("merged", _master_of_the_last)),
)  # fmt: skip
