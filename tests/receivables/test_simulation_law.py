"""The explicit law of a payment held against an independent, step-by-step simulation of the same story."""

import datetime as dt
import math

import numpy as np
import pytest

from receivables.simulation.config import Run, SimulationConfig
from receivables.simulation.days import AFTER, BEFORE, NEAREST, NEVER, Months, RunCalendars, number, weekday
from receivables.simulation.law import GRID, HORIZONS, Intent, invoice_truth, payment_law
from receivables.simulation.streams import Streams
from receivables.simulation.stress import Chain, alive, walk

TUE_FRI = Run("TUE_FRI", 1.0, (1, 4), (), 0.0)
TENTH = Run("TENTH", 1.0, (), (10,), 0.0)
DRAWS = 40_000


@pytest.fixture(scope="module")
def calendars() -> RunCalendars:
    return RunCalendars.between((TUE_FRI, TENTH), number(dt.date(2026, 1, 1)), number(dt.date(2027, 6, 30)))


def day(text: str) -> int:
    return number(dt.date.fromisoformat(text))


@pytest.mark.parametrize(
    ("ready", "direction", "paid"),
    [
        ("2026-11-04", AFTER, "2026-11-06"),  # Wednesday waits for Friday
        ("2026-11-04", BEFORE, "2026-11-03"),
        ("2026-11-04", NEAREST, "2026-11-03"),
        ("2026-11-05", NEAREST, "2026-11-06"),
        ("2026-11-06", AFTER, "2026-11-06"),
        ("2026-11-06", BEFORE, "2026-11-06"),
        ("2026-11-08", NEAREST, "2026-11-06"),  # Sunday is as far from Friday as from Tuesday: the earlier run
        ("2026-11-09", NEAREST, "2026-11-10"),
    ],
)
def test_money_leaves_with_the_payment_run(calendars: RunCalendars, ready: str, direction: int, paid: str) -> None:
    run, pulled = np.array([0]), np.array([direction])
    reach = [int(calendars.reach(run, pulled, np.array([day(paid) + shift]))[0]) for shift in (-1, 0)]
    assert reach[0] < day(ready) <= reach[1]  # paid by that day, not by the day before


def test_a_monthly_run_on_a_weekend_moves_to_the_next_business_day(calendars: RunCalendars) -> None:
    assert int(calendars.next(np.array([1]), np.array([day("2026-10-02")]))[0]) == day("2026-10-12")
    assert int(calendars.last(np.array([1]), np.array([day("2026-11-09")]))[0]) == day("2026-10-12")


def _intent(direction: int, run: int) -> Intent:
    one = np.ones(1)
    return Intent(
        centre=2.3 * one, spread=1.4 * one, slow_share=0.2 * one, slow_days=15.0 * one, dispute_share=0.15 * one,
        dispute_days=9.0, never_share=0.02 * one, earliest=np.array([-14]), due=np.array([day("2026-06-17")]),
        run=np.array([run]), direction=np.array([direction]),
    )  # fmt: skip


def _story(intent: Intent, run: Run, direction: int, filing: float, rng: np.random.Generator) -> np.ndarray:
    """Days late of `DRAWS` payments told one by one, infinity where never paid."""
    out = np.full(DRAWS, np.inf)
    due, centre = int(intent.due[0]), float(intent.centre[0])
    days = np.arange(due - 120, due + 700)
    on = set(days[np.isin(weekday(days), run.weekdays)].tolist())
    for i in range(DRAWS):
        if rng.random() < 0.02:
            continue
        if rng.random() < 0.15:
            late = centre + 2 + rng.gamma(2.0, 9.0)
        elif rng.random() < 0.2:
            late = centre + 2 + rng.exponential(15.0)
        else:
            late = rng.logistic(centre, 1.4)
        ready = due + math.ceil(late - 0.5)
        following = next(d for d in range(ready, ready + 9) if d in on)
        previous = next(d for d in range(ready, ready - 9, -1) if d in on)
        nearest = previous if ready - previous <= following - ready else following
        paid = max({AFTER: following, BEFORE: previous, NEAREST: nearest}[direction], due - 14)
        paid = next(d for d in range(paid, paid + 9) if d in on)
        if paid - due <= GRID[-1] and rng.random() < (1 - filing) ** max(paid - due + 14, 0):
            out[i] = paid - due
    return out


@pytest.mark.parametrize("direction", [AFTER, NEAREST, BEFORE])
def test_the_mixture_is_exact(calendars: RunCalendars, direction: int) -> None:
    filing = 0.002
    intent = _intent(direction, 0)
    survival = (1 - filing) ** np.maximum(GRID + 14, 0)[None, :]
    truth = invoice_truth(payment_law(intent, calendars), survival)
    told = _story(intent, TUE_FRI, direction, filing, np.random.default_rng(11))
    for k, p in zip(HORIZONS, truth.late_over[0], strict=True):
        assert abs((told > k).mean() - p) < 4 * math.sqrt(p * (1 - p) / DRAWS), k
    paid = told[np.isfinite(told)]
    assert abs(paid.mean() - truth.expected[0]) < 4 * paid.std() / math.sqrt(len(paid))
    assert abs(np.isinf(told).mean() - truth.never[0]) < 4 * math.sqrt(truth.never[0] / DRAWS)


def test_drawn_days_follow_the_law_and_fall_on_runs(calendars: RunCalendars) -> None:
    law = payment_law(_intent(AFTER, 0), calendars)
    uniform = (np.arange(2000) + 0.5) / 2000
    drawn = np.concatenate([law.draw(np.array([False]), np.array([u])) for u in uniform])
    paid = drawn[drawn <= GRID[-1]]
    assert set(weekday(day("2026-06-17") + paid).tolist()) == {1, 4}
    assert (drawn > 15).mean() == pytest.approx(1 - law.plain[0, 15 - GRID[0]], abs=1e-3)


def test_survival_is_that_of_the_simulated_chain() -> None:
    config = SimulationConfig.read()
    chain, months, count = Chain.of(config.stress), Months.ending(dt.date(2026, 10, 31), 12), 60_000
    path, filed = walk(chain, np.ones(count, dtype=np.int64), months, Streams(5))
    exact = alive(chain, months, 200)
    begin = 40
    fit = filed > months.starts[0] + begin
    for state in (1, 3, 4):
        group = fit & (path[1] == state)
        p = exact[state, begin, 200]
        gone = (filed[group] <= months.starts[0] + begin + 200).mean()
        assert abs(gone - (1 - p)) < 4 * math.sqrt(p * (1 - p) / group.sum()), state
    assert (exact[0] == 1).all()  # sound customers never file
    assert (np.diff(exact, axis=2) <= 0).all()
    assert filed.max() == NEVER
