import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitoring import Drift, DriftConfig, Verdict, Window, compare, words
from monitoring.lateness import Lateness, lateness, moved
from monitoring.migration import migration
from receivables.errors import ConfigError, NotEnoughDataError
from receivables.ledger import Ledger

MakeWindow = Callable[..., Window]
_CONFIG = DriftConfig.read()


def _ledger(*windows: tuple[Window, int]) -> Ledger:
    """Every invoice of the windows paid so many days after it was due; nothing is open."""
    invoices, payments, allocations = [], [], []
    for window, days_late in windows:
        issued = pd.Timestamp(window.first)
        due = issued + pd.Timedelta(days=30)
        paid = due + pd.Timedelta(days=days_late)
        frame = pd.DataFrame(
            {
                "invoice_id": window.invoice_id,
                "payment_id": [f"P{i}" for i in window.invoice_id],
                "customer_id": window.customer_id,
                "amount_minor": window.amount_minor,
                "currency": window.currency,
                "line": 1,
            }
        )
        known = {"known_at": paid + pd.Timedelta(days=1)}
        dates = {"issued_on": issued, "due_on": due, "net_days": 30, "known_at": issued + pd.Timedelta(days=1)}
        invoices.append(frame.assign(**dates, observed_until=pd.Timestamp("2026-12-31")))
        payments.append(frame.assign(paid_on=paid, **known))
        allocations.append(frame.assign(cleared_on=paid, **known))
    note = pd.DataFrame(
        {"customer_id": ["C00"], "filed_on": [pd.Timestamp("2026-12-30")], "known_at": [pd.Timestamp("2026-12-31")]}
    )
    return Ledger.of(
        invoices=pd.concat(invoices),
        payments=pd.concat(payments),
        allocations=pd.concat(allocations),
        insolvencies=note,
    )


def _compare(before: Window, after: Window, *, days_late: tuple[int, int] = (3, 3)) -> Drift:
    ledger = _ledger((before, days_late[0]), (after, days_late[1]))
    return compare(ledger, before, after, event="default", config=_CONFIG)


def test_two_periods_of_one_population_show_no_drift(make_window: MakeWindow) -> None:
    drift = _compare(make_window(1), make_window(2, month=2))
    assert (drift.verdict, drift.causes) == (Verdict.NONE, ())


def test_a_shift_of_the_scores_is_drift_and_names_the_score(make_window: MakeWindow) -> None:
    drift = _compare(make_window(1), make_window(2, month=2, shift=0.9))
    assert drift.verdict == Verdict.DRIFT
    assert "score/late_over_0" in drift.causes[0]


def test_another_month_of_the_year_alone_is_no_drift(make_window: MakeWindow) -> None:
    drift = _compare(make_window(1), make_window(2, month=2))
    moved_columns = [shift.column for shift in drift.shifts if shift.verdict == Verdict.DRIFT]
    assert (drift.verdict, moved_columns) == (Verdict.NONE, ["calendar/month"])


def test_one_large_customer_that_changes_is_watched_but_no_drift(make_window: MakeWindow) -> None:
    before, after = make_window(1), make_window(2, month=2)
    large = np.arange(2_000) < 600
    who = np.where(large, "LARGE", before.customer_id).astype(object)
    slow = {"payment timing/ewma": np.where(large, 60.0, after.numbers["payment timing/ewma"])}
    before = dataclasses.replace(before, customer_id=who)
    after = dataclasses.replace(after, customer_id=who, numbers={**after.numbers, **slow})
    shift = next(s for s in _compare(before, after).shifts if s.column == "payment timing/ewma")
    assert shift.psi > 1
    assert shift.customer_psi < 0.25
    assert shift.verdict == Verdict.WATCH


def test_a_few_orders_give_no_verdict_instead_of_a_false_one(make_window: MakeWindow) -> None:
    with pytest.raises(NotEnoughDataError, match="2026-02-01 to 2026-02-28 holds 299"):
        _compare(make_window(1), make_window(2, 299, month=2))


def test_small_periods_of_one_population_are_rarely_called_drift(make_window: MakeWindow) -> None:
    verdicts = [_compare(make_window(2 * i, 300), make_window(2 * i + 1, 300, month=2)).verdict for i in range(10)]
    assert Verdict.DRIFT not in verdicts


def test_a_new_category_is_seen(make_window: MakeWindow) -> None:
    drift = _compare(make_window(1), make_window(2, month=2, segment="EXPORT"))
    shift = next(shift for shift in drift.shifts if shift.column == "master data/segment")
    assert shift.verdict == Verdict.DRIFT


def test_invoices_that_turn_late_are_drift_even_where_no_score_moved(make_window: MakeWindow) -> None:
    drift = _compare(make_window(1), make_window(2, month=2), days_late=(-2, 3))
    assert drift.causes == ("invoices more than 0 days late went from 0.0% to 100.0%",)


def test_the_late_rate_counts_only_what_is_known(make_window: MakeWindow) -> None:
    window = make_window(1, 300)
    by_horizon = {outcome.horizon: outcome for outcome in lateness(_ledger((window, 7)), window)}
    assert (by_horizon[5].rate, by_horizon[15].rate, by_horizon[5].coverage) == (1.0, 0.0, 1.0)
    assert by_horizon[5].predicted == pytest.approx(window.numbers["score/late_over_5"].mean())


def test_a_late_rate_of_few_matured_invoices_is_not_judged() -> None:
    before, after = Lateness(0, 1_000, 1.0, 0.2, 0.2), Lateness(0, 500, 0.5, 0.9, 0.2)
    assert not moved(before, after, shift=0.05, coverage=0.9)
    assert moved(before, dataclasses.replace(after, coverage=0.95), shift=0.05, coverage=0.9)


def test_customers_who_fall_in_class_are_counted_with_the_money_they_ordered(make_window: MakeWindow) -> None:
    before, after = (make_window(seed, 100, customers=50, month=seed) for seed in (1, 2))
    before = dataclasses.replace(before, risk_class=np.full(100, "B"))
    after = dataclasses.replace(after, risk_class=np.where(after.customer_id == "C07", "D", "B"))
    moves = migration(before, after)
    assert (moves.both, moves.worse, moves.better) == (50, 1, 0)
    assert moves.matrix == {"B": {"B": 49, "D": 1}}
    assert moves.worse_minor == {"EUR": 2 * 100_00}


def test_the_words_say_what_happened_to_customers_and_money(make_window: MakeWindow) -> None:
    said = "\n".join(words(_compare(make_window(1), make_window(2, month=2, shift=0.9))))
    assert "Mean probability of paying late" in said
    assert "of 400 customers seen in both periods changed risk class" in said
    assert "More than 0 days late: 100.0% (expected" in said


def test_the_document_is_strict_json(make_window: MakeWindow) -> None:
    document = _compare(make_window(1), make_window(2, month=2)).document()
    assert json.loads(json.dumps(document, allow_nan=False))["reference"]["customers"] == 400


def test_every_problem_of_the_configuration_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "drift.toml"
    text = Path("conf/drift.toml").read_text(encoding="utf-8")
    file.write_text(text.replace("bins = 10 ", "bins = 1 ").replace('"NOTE"\n', '"LOUD"\n'), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"(?s)bins: expected 2 or more.*checks\[1\]\.severity"):
        DriftConfig.read(file)
