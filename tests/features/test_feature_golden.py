"""One small ledger worked by hand: eight invoices of one customer, scored on Monday 2 March 2026, 00:00 UTC.

    invoice   amount     issued      due         what happened                                    days late
    A1      1,000.00  2025-06-02  2025-07-02  paid Wed 2025-07-02                                       0
    A2      2,000.00  2025-08-01  2025-08-31  500 on 2025-09-01, the rest on Wed 2025-09-10            10
    A3        500.00  2025-10-01  2025-10-31  paid Wed 2025-10-29                                      -2
    A4      4,000.00  2025-12-01  2025-12-31  paid Wed 2026-02-04                                      35
    A5      1,500.00  2026-01-05  2026-02-04  paid Wed 2026-02-11                                       7
    A6      3,000.00  2026-01-12  2026-02-11  1,000 on 2026-02-20: open 2,000.00, 19 days past due
    A7        800.00  2026-02-16  2026-03-18  paid 2026-03-01, but that is known only on 2026-03-05: open, due in 16
    A8        700.00  2025-11-03  2025-12-03  wholly credited on 2025-11-20

The order: 1,200.00 EUR, net 30, due on Good Friday, 3 April 2026; in Germany Easter Monday is a holiday too.
"""

from __future__ import annotations

import datetime as dt
import math

import pandas as pd
import pytest

from features import NAMES, History, Orders, Priors, build_features
from receivables.ledger import Ledger


def _moment(day: str, after: int = 1) -> pd.Timestamp:
    return pd.Timestamp(day) + pd.Timedelta(days=after)


def _invoice(name: str, minor: int, issued: str, due: str) -> dict[str, object]:
    return {"invoice_id": name, "customer_id": "ACME", "amount_minor": minor, "currency": "EUR",
            "issued_on": pd.Timestamp(issued), "due_on": pd.Timestamp(due), "net_days": 30,
            "known_at": _moment(issued), "observed_until": pd.Timestamp("2026-12-31")}  # fmt: skip


def _paid(invoice: str, minor: int, day: str, known: str | None = None) -> dict[str, object]:
    return {"payment_id": f"{invoice} {day}", "invoice_id": invoice, "line": 1, "amount_minor": minor,
            "currency": "EUR", "cleared_on": pd.Timestamp(day), "known_at": _moment(known or day)}  # fmt: skip


def _about(day: str, invoice: str | None = None, **more: object) -> dict[str, object]:
    return {"customer_id": "ACME", "invoice_id": invoice, "known_at": _moment(day), **more}


def _money(minor: int) -> dict[str, object]:
    return {"amount_minor": minor, "currency": "EUR"}


def acme() -> Ledger:
    day = pd.Timestamp
    return Ledger.of(
        customers=pd.DataFrame([{"customer_id": "ACME", "segment": "TRADE", "country": "DE",
                                 "customer_since": day("2025-03-02"), "known_at": day("2025-03-03")}]),
        invoices=pd.DataFrame([
            _invoice("A1", 100_000, "2025-06-02", "2025-07-02"),
            _invoice("A2", 200_000, "2025-08-01", "2025-08-31"),
            _invoice("A3", 50_000, "2025-10-01", "2025-10-31"),
            _invoice("A4", 400_000, "2025-12-01", "2025-12-31"),
            _invoice("A5", 150_000, "2026-01-05", "2026-02-04"),
            _invoice("A6", 300_000, "2026-01-12", "2026-02-11"),
            _invoice("A7", 80_000, "2026-02-16", "2026-03-18"),
            _invoice("A8", 70_000, "2025-11-03", "2025-12-03"),
        ]),
        allocations=pd.DataFrame([
            _paid("A1", 100_000, "2025-07-02"),
            _paid("A2", 50_000, "2025-09-01"),
            _paid("A2", 150_000, "2025-09-10"),
            _paid("A3", 50_000, "2025-10-29"),
            _paid("A4", 400_000, "2026-02-04"),
            _paid("A5", 150_000, "2026-02-11"),
            _paid("A6", 100_000, "2026-02-20"),
            _paid("A7", 80_000, "2026-03-01", known="2026-03-04"),
        ]),
        credit_notes=pd.DataFrame([_about("2025-11-20", "A8", credit_note_id="C1", credited_on=day("2025-11-20"),
                                          **_money(70_000))]),
        # closed on 25 February, which the seller learns on 10 March
        disputes=pd.DataFrame([_about("2026-02-15", "A6", dispute_id="D1", opened_on=day("2026-02-15"),
                                      closed_on=day("2026-02-25"), closed_known_at=day("2026-03-10"),
                                      **_money(140_000))]),
        promises=pd.DataFrame([
            _about("2026-02-12", "A6", promise_id="P1", made_on=day("2026-02-12"), promised_for=day("2026-02-16"),
                   **_money(200_000)),
            _about("2026-02-27", "A6", promise_id="P2", made_on=day("2026-02-27"), promised_for=day("2026-03-06"),
                   **_money(200_000)),
        ]),
        dunnings=pd.DataFrame([_about("2026-02-18", "A6", dunning_id="R1", level=2, dunned_on=day("2026-02-18"))]),
        # the last one is agreed already, but not valid yet
        limit_changes=pd.DataFrame([
            {"customer_id": "ACME", "valid_from": day(valid_from), "known_at": day(known), **_money(minor)}
            for valid_from, known, minor in (
                ("2025-03-02", "2025-03-03", 500_000),
                ("2026-01-01", "2025-12-20", 1_000_000),
                ("2026-04-01", "2026-02-20", 100),
            )
        ]),
    )  # fmt: skip


#: Peers are the customer's own six matured invoices, four of them late (A2, A4, A5, A6), drawn three times with the
#: weight of 50 invoices from the start of 0.43; its own rate is drawn towards them with the weight of 10.
_PORTFOLIO = (4 + 50 * 0.43) / (6 + 50)
_SEGMENT = (4 + 50 * _PORTFOLIO) / (6 + 50)
_PEERS = (4 + 50 * _SEGMENT) / (6 + 50)
_OWN = (4 + 10 * _PEERS) / (6 + 10)

WORKED = {
    # payment timing: five settled, 0 + 10 - 2 + 35 + 7 = 50 days late
    "mean_days_late_365d": 50 / 5,
    "mean_days_late_90d": (35 + 7) / 2,  # A4 and A5 settled since 2 December
    "mean_days_late_30d": (35 + 7) / 2,  # 26 and 19 days ago
    "wadl_365d": (1000 * 0 + 2000 * 10 + 500 * -2 + 4000 * 35 + 1500 * 7) / (1000 + 2000 + 500 + 4000 + 1500),
    "median_days_late_25": 7,  # of -2, 0, 7, 10, 35
    "max_days_late_365d": 35,
    "days_late_std_365d": math.sqrt((100 + 0 + 144 + 625 + 9) / 5),  # about the mean of 10
    "avg_days_late_if_late_365d": (10 + 35 + 7) / 3,
    "late_ratio_amount_365d": (2000 + 4000 + 1500) / 9000,
    "early_pay_ratio_365d": 1 / 5,
    "mean_days_to_pay_365d": (30 + 40 + 28 + 65 + 37) / 5,
    "last_days_late": 7,
    "second_last_days_late": 35,
    "mean_days_late_last_3": (7 + 35 - 2) / 3,
    "mean_days_late_last_10": math.nan,  # only five
    "on_time_streak": 0,
    "late_streak": 2,  # A5, A4; A3 was early
    "late_over_0_rate": _OWN,
    "mean_days_late_30_minus_365": 21 - 10,
    # payment days: five Wednesdays, and five more invoices' weight spread evenly over Monday to Friday
    "pay_share_wednesday": (5 + 1) / 10,
    "pay_share_monday": (0 + 1) / 10,
    "pay_share_sunday": 0,
    "pay_day_concentration": 0.6**2 + 4 * 0.1**2,
    "days_from_due_to_pay_day": 5,  # Friday to Wednesday
    "payment_gap_days": 224 / 4,  # 2 July to 11 February, five payment days
    "days_since_payment": 19,
    # position: A6 with 2,000.00 and A7 with 800.00
    "n_open": 2,
    "open_amount": 2800,
    "n_overdue": 1,
    "overdue_ratio": 2000 / 2800,
    "overdue_15_ratio": 2000 / 2800,
    "overdue_30_ratio": 0,
    "oldest_open_item_days": 19,
    "open_age_days": (2000 * 49 + 800 * 14) / 2800,
    "dso_90d": 2800 / (1500 + 3000 + 800) * 90,  # A5, A6, A7; A4 was issued 91 days ago
    "credit_limit": 10_000,
    "utilisation_after": (2800 + 1200) / 10_000,
    # order: eight invoices of 13,500.00 in the year
    "order_amount": 1200,
    "order_amount_to_mean": 1200 / (13_500 / 8),
    "order_amount_to_max": 1200 / 4000,
    "days_since_invoice": 14,
    "invoices_30d": 1,
    # terms and calendar
    "days_to_due": 32,
    "terms_vs_own_mean": 0,
    "due_weekday": 4,
    "due_month_end": 0,
    "due_on_holiday": 1,
    "due_to_working_day": 4,  # Good Friday to Tuesday
    "issue_weekday": 0,
    # friction
    "n_open_disputes": 1,
    "open_dispute_share": 1400 / 2800,
    "dispute_ratio_365d": 1 / 8,
    "promises_365d": 2,
    "broken_promise_ratio_365d": 1 / 1,  # the second has not come due
    "dunning_level_max_180d": 2,
    "days_since_dunning": 12,
    "partial_payment_ratio_365d": 1 / 5,
    "credit_note_ratio_365d": 700 / 13_500,
    "is_insolvent": 0,
    # peers and depth
    "peer_late_over_0_rate": _PEERS,
    "distance_to_peers": _OWN - _PEERS,
    "history_days": 273,
    "tenure_days": 365,
    "is_cold_start": 0,
}


@pytest.fixture(scope="module")
def row() -> dict[str, float]:
    order = Orders.one(
        customer_id="ACME", as_of=dt.datetime(2026, 3, 2, tzinfo=dt.UTC), issued_on=dt.date(2026, 3, 2),
        due_on=dt.date(2026, 4, 3), net_days=30, amount_minor=120_000, currency="EUR",
    )  # fmt: skip
    ledger = acme()
    return dict(zip(NAMES, build_features(History.of(ledger), order, Priors.of(ledger))[0], strict=True))


@pytest.mark.parametrize("name", WORKED)
def test_a_feature_is_what_a_hand_works_out(name: str, row: dict[str, float]) -> None:
    assert row[name] == pytest.approx(WORKED[name], rel=1e-12, abs=1e-12, nan_ok=True)


def test_a_promise_whose_postdated_payment_is_known_early_is_not_broken_before_it_comes_due() -> None:
    ledger = acme()
    later = {"payment_id": "cheque", "invoice_id": "A6", "line": 2, "currency": "EUR", "amount_minor": 200_000,
             "cleared_on": pd.Timestamp("2026-03-20"), "known_at": pd.Timestamp("2026-02-28")}  # fmt: skip
    allocations = pd.concat([ledger["allocations"], pd.DataFrame([later])], ignore_index=True)
    known = Ledger.of(**{**ledger.frames, "allocations": allocations})
    moment = [dt.datetime(2026, 3, 2), dt.datetime(2026, 3, 10)]  # noqa: DTZ001 - snapshots are in UTC by contract
    matrix = build_features(History.of(known), Orders.snapshots(["ACME", "ACME"], moment), Priors.of(known))
    # on 2 March the first of two promises has come due, on 10 March both have: each will be paid on 20 March
    assert matrix[:, NAMES.index("broken_promise_ratio_365d")].tolist() == [1.0, 1.0]


def test_a_promise_is_broken_on_the_fourth_day_after_it() -> None:
    moments = [dt.datetime(2026, 2, day) for day in (19, 20)]  # noqa: DTZ001 - snapshots are in UTC by contract
    ledger = acme()
    matrix = build_features(History.of(ledger), Orders.snapshots(["ACME", "ACME"], moments), Priors.of(ledger))
    ratios = matrix[:, NAMES.index("broken_promise_ratio_365d")]
    assert math.isnan(ratios[0]), "promised for the 16th, so the 19th is the last day of grace"
    assert ratios[1] == 1.0


@pytest.mark.parametrize("turned", [False, True])
def test_of_invoices_known_and_paid_together_the_greater_number_counts_as_the_last(turned: bool) -> None:
    invoices = [_invoice("B1", 100, "2026-01-05", "2026-01-10"), _invoice("B2", 100, "2026-01-05", "2026-01-20")]
    paid = [_paid("B1", 100, "2026-01-22"), _paid("B2", 100, "2026-01-22")]
    step = -1 if turned else 1
    ledger = Ledger.of(invoices=pd.DataFrame(invoices[::step]), allocations=pd.DataFrame(paid[::step]))
    moment = [dt.datetime(2026, 2, 1)]  # noqa: DTZ001 - snapshots are in UTC by contract
    row = build_features(History.of(ledger), Orders.snapshots(["ACME"], moment), Priors.of(ledger))[0]
    assert (row[NAMES.index("last_days_late")], row[NAMES.index("second_last_days_late")]) == (2, 12)
