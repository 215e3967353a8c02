"""Calls that may hang: left behind, not cancelled; after a few nobody asks, until a probe has come through."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from receivables.errors import UnavailableError
from serving.breaker import FAILURES, THREADS, Breaker


class Database:
    """Answers while it is awake; a call made while it sleeps hangs until it is woken."""

    def __init__(self) -> None:
        self.awake, self.asked = threading.Event(), 0
        self.awake.set()

    def ask(self) -> str:
        self.asked += 1
        assert self.awake.wait(30)
        return "answer"


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.awake.set()


@pytest.fixture
def breaker(database: Database) -> Iterator[Breaker]:
    made = Breaker(database.ask, every=0.02)
    yield made
    made.close()


def until(condition: object) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.005)
    return False


def open_up(breaker: Breaker, database: Database) -> None:
    database.awake.clear()
    for _ in range(FAILURES):
        assert breaker.ask_now(database.ask, 0.01) is None


def test_what_answers_in_time_is_given(breaker: Breaker, database: Database) -> None:
    assert asyncio.run(breaker.ask(database.ask, 5.0)) == "answer"
    assert breaker.ask_now(database.ask, 5.0) == "answer"


def test_a_call_that_hangs_is_left_behind(breaker: Breaker, database: Database) -> None:
    database.awake.clear()
    begun = time.monotonic()
    assert asyncio.run(breaker.ask(database.ask, 0.05)) is None
    assert time.monotonic() - begun < 5


def test_the_next_call_waits_half_as_long_as_the_one_that_was_left_behind(database: Database) -> None:
    breaker, took = Breaker(database.ask, every=60.0), list[float]()
    database.awake.clear()
    for _ in range(2):
        begun = time.monotonic()
        assert breaker.ask_now(database.ask, 1.0) is None
        took.append(time.monotonic() - begun)
    breaker.close()
    assert took[0] >= 0.99
    assert 0.49 <= took[1] < 0.99


def test_after_a_few_nobody_asks(breaker: Breaker, database: Database) -> None:
    open_up(breaker, database)
    assert breaker.is_open
    time.sleep(0.2)  # the probes that may hang have been sent
    asked = database.asked
    for _ in range(50):
        assert asyncio.run(breaker.ask(database.ask, 5.0)) is None
    assert database.asked == asked


def test_no_more_threads_hang_than_are_allowed(breaker: Breaker, database: Database) -> None:
    before = threading.active_count()
    open_up(breaker, database)
    time.sleep(0.5)
    assert threading.active_count() <= before + THREADS


def test_it_closes_when_the_other_side_is_back(breaker: Breaker, database: Database) -> None:
    open_up(breaker, database)
    database.awake.set()
    assert until(lambda: not breaker.is_open)
    assert breaker.ask_now(database.ask, 5.0) == "answer"


def test_a_call_that_fails_counts_too(database: Database) -> None:
    is_away = threading.Event()
    is_away.set()

    def ask() -> str:
        if is_away.is_set():
            raise UnavailableError("away")
        return "answer"

    breaker = Breaker(ask, every=0.01)
    for _ in range(FAILURES):
        assert breaker.ask_now(ask, 5.0) is None
    assert breaker.is_open
    assert breaker.opened == 1
    is_away.clear()
    assert until(lambda: not breaker.is_open)
    breaker.close()


def test_other_failures_reach_whoever_asked(breaker: Breaker) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaker.ask_now(fail, 5.0)
    assert not breaker.is_open
