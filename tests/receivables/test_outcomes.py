"""Labels against ledgers worked out by hand, and their blindness to what came later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from receivables.currencies import Currencies
from receivables.errors import NotEnoughDataError
from receivables.ledger import Ledger
from receivables.outcomes import (
    EventRule,
    Materiality,
    OutcomeConfig,
    choose_event,
    default_labels,
    late_labels,
    settlements,
)
from receivables.schema import end_of_day

D90 = EventRule("default_6m", "default", days_past_due=90, horizon_days=180)
CONFIG = OutcomeConfig((0, 5, 30), 0, 90, Materiality(10_000, 0.01), (D90,))
END = "2026-12-31"


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def invoices(*rows: tuple[str, str, str, str, int], until: str = END, currency: str = "EUR") -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["invoice_id", "customer_id", "issued_on", "due_on", "amount_minor"])
    frame[["issued_on", "due_on"]] = frame[["issued_on", "due_on"]].astype("datetime64[us]")
    frame["net_days"] = (frame["due_on"] - frame["issued_on"]).dt.days
    return frame.assign(currency=currency, known_at=end_of_day(frame["issued_on"]), observed_until=day(until))


def facts(kind: str, *rows: tuple[str, str, int], lag: int = 0, currency: str = "EUR") -> pd.DataFrame:
    """Allocations, credit notes or write-offs: invoice, value date, amount."""
    date = {"allocation": "cleared_on", "credit_note": "credited_on", "write_off": "written_off_on"}[kind]
    frame = pd.DataFrame(rows, columns=["invoice_id", date, "amount_minor"])
    frame[date] = frame[date].astype("datetime64[us]")
    ids = [f"{kind}-{i}" for i in range(len(frame))]
    known = end_of_day(frame[date]) + pd.Timedelta(days=lag)
    frame = frame.assign(customer_id="A", currency=currency, known_at=known, payment_id=ids, line=1)
    return frame.assign(**{f"{kind}_id": ids})


def five_invoices() -> Ledger:
    """One of each fate; all due on 31 January."""
    return Ledger.of(
        invoices=invoices(
            ("early", "A", "2026-01-01", "2026-01-31", 10_000),
            ("parts", "A", "2026-01-01", "2026-01-31", 10_000),
            ("open", "A", "2026-01-01", "2026-01-31", 10_000),
            ("credited", "A", "2026-01-01", "2026-01-31", 10_000),
            ("lost", "A", "2026-01-01", "2026-01-31", 10_000),
        ),
        allocations=facts(
            "allocation",
            ("early", "2026-01-29", 10_000),
            ("parts", "2026-01-30", 4_000),
            ("parts", "2026-02-06", 5_000),
        ),
        credit_notes=facts("credit_note", ("parts", "2026-02-03", 1_000), ("credited", "2026-01-10", 10_000)),
        write_offs=facts("write_off", ("lost", "2026-02-02", 10_000)),
    )


def test_an_invoice_is_settled_on_the_last_value_date_once_its_clearings_cover_it() -> None:
    found = settlements(five_invoices(), as_of=day("2026-03-01")).set_index("invoice_id")
    assert found["outcome"].to_dict() == {
        "early": "PAID", "parts": "PAID", "open": "OPEN", "credited": "CREDITED", "lost": "WRITTEN_OFF"
    }  # fmt: skip
    assert found["settled_on"].map(str).to_dict() == {
        "early": "2026-01-29 00:00:00", "parts": "2026-02-06 00:00:00", "open": "NaT",
        "credited": "2026-01-10 00:00:00", "lost": "2026-02-02 00:00:00",
    }  # fmt: skip
    np.testing.assert_array_equal(found["days_late"], [-2, 6, np.nan, np.nan, np.nan])
    # the open one: observed through 28 February, due on 31 January
    assert found["days_past_due"].tolist() == [-2, 6, 28, -21, 2]
    assert found["residual_minor"].tolist() == [0, 0, 10_000, 0, 0]
    assert found.loc["parts", ["paid_minor", "credited_minor", "written_off_minor"]].tolist() == [9_000, 1_000, 0]


def test_a_partly_paid_invoice_is_open_as_of_a_day_before_the_rest_came() -> None:
    found = settlements(five_invoices(), as_of=day("2026-02-06")).set_index("invoice_id").loc["parts"]
    assert (found["outcome"], found["residual_minor"], found["days_past_due"]) == ("OPEN", 5_000, 5)
    assert found["observed_until"] == day("2026-02-05")


def test_a_reversed_payment_leaves_the_invoice_open() -> None:
    ledger = Ledger.of(
        invoices=invoices(("i", "A", "2026-01-01", "2026-01-31", 10_000)),
        allocations=facts("allocation", ("i", "2026-01-20", 10_000), ("i", "2026-02-10", -10_000)),
    )
    found = settlements(ledger, as_of=day("2026-03-01")).iloc[0]
    assert (found["outcome"], found["residual_minor"], found["paid_minor"]) == ("OPEN", 10_000, 0)


def test_late_labels_of_each_fate() -> None:
    found = late_labels(five_invoices(), horizons=(0, 5, 6), cutoff=day("2026-03-01"), margin_days=0)
    expected = {"early": [0, 0, 0], "parts": [1, 1, 0], "open": [1, 1, 1], "credited": [np.nan] * 3, "lost": [1, 1, 1]}
    assert list(found.columns) == ["invoice_id", "late_over_0", "late_over_5", "late_over_6"]
    for invoice_id, labels in expected.items():
        row = found[found["invoice_id"] == invoice_id].iloc[0, 1:].to_numpy(dtype=float)
        np.testing.assert_array_equal(row, labels, err_msg=invoice_id)


@pytest.mark.parametrize(("cutoff", "matured"), [("2026-02-07", True), ("2026-02-06", False)])
def test_a_label_counts_once_its_last_day_and_the_margin_were_observed(cutoff: str, matured: bool) -> None:
    # due 31 January + 5 days late + 1 day margin = 6 February, observed from the 7th at 00:00
    found = late_labels(five_invoices(), horizons=(5,), cutoff=day(cutoff), margin_days=1)
    assert found["late_over_5"].notna().tolist() == [matured, matured, matured, False, matured]


def test_time_matures_a_label_and_not_the_payment_that_is_already_known() -> None:
    found = late_labels(five_invoices(), horizons=(0,), cutoff=day("2026-01-30"), margin_days=0)
    assert found["late_over_0"].isna().all()


def test_a_source_that_stopped_observing_gives_no_label_beyond_its_last_day() -> None:
    ledger = Ledger.of(invoices=invoices(("i", "A", "2026-01-01", "2026-01-31", 10_000), until="2026-02-10"))
    found = late_labels(ledger, horizons=(5, 10, 11), cutoff=day("2026-12-31"), margin_days=0).iloc[0]
    assert found.iloc[1:].tolist()[:2] == [1.0, 1.0]
    assert np.isnan(found["late_over_11"])


def test_a_payment_booked_after_the_cutoff_is_not_seen_although_its_value_date_is_before() -> None:
    ledger = Ledger.of(
        invoices=invoices(("i", "A", "2026-01-01", "2026-01-31", 10_000)),
        allocations=facts("allocation", ("i", "2026-01-30", 10_000), lag=10),
    )
    seen = [
        late_labels(ledger, horizons=(0,), cutoff=day(cutoff), margin_days=0)["late_over_0"].iloc[0]
        for cutoff in ("2026-02-09", "2026-02-10")
    ]
    assert seen == [1.0, 0.0]


def labels_of(
    ledger: Ledger, *moments: str, cutoff: str = "2026-12-31", config: OutcomeConfig = CONFIG
) -> pd.DataFrame:
    snapshots = pd.DataFrame({"customer_id": "A", "as_of": [day(m) for m in moments]})
    return default_labels(ledger, snapshots, D90, cutoff=day(cutoff), config=config, currencies=Currencies.read())


def unpaid(amount: int = 50_000, **tables: pd.DataFrame) -> Ledger:
    """Due on 31 January 2026: 90 days past due on 1 May."""
    return Ledger.of(invoices=invoices(("i", "A", "2026-01-01", "2026-01-31", amount)), **tables)


def test_the_window_starts_at_the_snapshot_and_ends_with_its_last_day() -> None:
    # a window of 180 days from 2 November is observed in full by 1 May 00:00, its last day is 30 April
    found = labels_of(unpaid(), "2025-11-02", "2025-11-03", "2026-05-01", "2026-05-02")
    assert found["label"].tolist()[:3] == [0.0, 1.0, 1.0]
    assert found["excluded"].tolist() == ["", "", "", "IN_EVENT"]


def test_a_window_that_is_not_over_has_no_label_even_where_the_event_already_came() -> None:
    found = labels_of(unpaid(), "2026-03-01", cutoff="2026-07-01")
    assert np.isnan(found["label"].iloc[0])
    assert found["excluded"].tolist() == ["IMMATURE"]


@pytest.mark.parametrize(("residual", "label"), [(10_000, 0.0), (10_001, 1.0)])
def test_an_immaterial_residual_is_no_default(residual: int, label: float) -> None:
    paid = facts("allocation", ("i", "2026-02-15", 50_000 - residual))
    assert labels_of(unpaid(allocations=paid), "2026-03-01")["label"].tolist() == [label]


def test_materiality_is_also_a_share_of_what_the_customer_owes_that_day() -> None:
    large = invoices(
        ("big", "A", "2026-04-30", "2026-08-31", 6_000_000), ("i", "A", "2026-01-01", "2026-01-31", 50_000)
    )
    paid = facts("allocation", ("big", "2026-08-30", 6_000_000))
    assert labels_of(Ledger.of(invoices=large, allocations=paid), "2026-03-01")["label"].tolist() == [0.0]
    # the same invoice issued a day later weighs nothing on 1 May if it was issued on 2 May
    later = large.assign(issued_on=large["issued_on"] + pd.Timedelta(days=2))
    assert labels_of(Ledger.of(invoices=later, allocations=paid), "2026-03-01")["label"].tolist() == [1.0]


def test_materiality_is_judged_in_the_reporting_currency() -> None:
    # 12,000 yen are some 65 EUR, whatever the digits look like
    yen = Ledger.of(invoices=invoices(("i", "A", "2026-01-01", "2026-01-31", 12_000), currency="JPY"))
    assert labels_of(yen, "2026-03-01")["label"].tolist() == [0.0]


def test_what_was_paid_in_parts_leaves_no_cent_of_rounding_open() -> None:
    # 3.75 USD are 3.20 EUR, three times 1.25 USD are three times 1.06 EUR
    every_cent = replace(CONFIG, materiality=Materiality(0, 0.0))
    for parts, part in ((3, 125), (10, 4)):
        paid = facts("allocation", *(("i", "2026-02-15", part) for _ in range(parts)), currency="USD")
        sold = invoices(("i", "A", "2026-01-01", "2026-01-31", parts * part), currency="USD")
        found = labels_of(Ledger.of(invoices=sold, allocations=paid), "2026-03-01", config=every_cent)
        assert found["label"].tolist() == [0.0], (parts, part)


def test_a_customer_leaves_the_event_when_the_invoice_is_cleared() -> None:
    paid = facts("allocation", ("i", "2026-05-20", 50_000))
    found = labels_of(unpaid(allocations=paid), "2026-05-02", "2026-05-20", "2026-05-21")
    assert found["excluded"].tolist() == ["IN_EVENT", "IN_EVENT", ""]
    assert found["label"].tolist()[2] == 0.0


def test_a_write_off_and_an_insolvency_are_events() -> None:
    given_up = facts("write_off", ("i", "2026-03-10", 50_000))
    found = labels_of(unpaid(write_offs=given_up), "2026-03-01", "2026-03-11", "2026-06-09")
    assert found["label"].tolist()[0] == 1.0
    assert found["excluded"].tolist() == ["", "IN_EVENT", ""]
    filing = pd.DataFrame({"customer_id": ["A"], "filed_on": [day("2026-03-10")], "known_at": [day("2026-03-20")]})
    found = labels_of(unpaid(insolvencies=filing), "2026-03-01", "2026-03-11", "2026-07-01")
    assert found["label"].tolist()[0] == 1.0
    assert found["excluded"].tolist() == ["", "IN_EVENT", "IN_EVENT"]


def test_an_event_known_after_the_cutoff_is_not_seen() -> None:
    filing = pd.DataFrame({"customer_id": ["A"], "filed_on": [day("2026-03-10")], "known_at": [day("2026-09-02")]})
    paid = facts("allocation", ("i", "2026-02-01", 50_000))
    ledger = unpaid(insolvencies=filing, allocations=paid)
    assert labels_of(ledger, "2026-03-01", cutoff="2026-09-01")["label"].tolist() == [0.0]
    assert labels_of(ledger, "2026-03-01", cutoff="2026-09-02")["label"].tolist() == [1.0]


def test_the_first_event_with_enough_outcomes_is_chosen_and_none_is_an_error_that_counts() -> None:
    strict = EventRule("default_12m", "default", 90, 365, minimum_events=3, minimum_customers=2)
    weaker = EventRule("serious_delinquency_1m", "serious delinquency", 30, 30, minimum_events=2, minimum_customers=2)
    two = pd.DataFrame({"customer_id": ["A", "B", "C"], "label": [1.0, 1.0, np.nan]})
    assert choose_event([(strict, two), (weaker, two)])[0] is weaker
    with pytest.raises(NotEnoughDataError, match=r"default_12m: 2 events of 2 customers; needed 3 events, 2 customers"):
        choose_event([(strict, two)])


def test_the_configured_events_go_from_strong_to_weak() -> None:
    events = OutcomeConfig.read().events
    assert next(event.name for event in events) == "default_12m"
    strength = [(-event.days_past_due, -event.horizon_days) for event in events]
    assert strength == sorted(strength)
    assert all((event.label == "default") == (event.days_past_due >= 90) for event in events)


def random_ledger(rng: np.random.Generator, customers: int = 12, rows: int = 240) -> Ledger:
    """Invoices over a year with payments in parts, credit notes, write-offs and filings at random."""
    issued = day("2026-01-01") + pd.to_timedelta(rng.integers(0, 330, rows), unit="D")
    names = [f"C{i}" for i in rng.integers(0, customers, rows)]
    ids = [f"I{i}" for i in range(rows)]
    frame = invoices(
        *(
            (i, c, str(d.date()), str((d + pd.Timedelta(days=30)).date()), 40_000)
            for i, c, d in zip(ids, names, issued, strict=True)
        )
    )

    def later(kind: str, share: float, amounts: list[int], mean: float) -> pd.DataFrame:
        chosen = frame[rng.random(rows) < share]
        on = chosen["issued_on"] + pd.to_timedelta(rng.exponential(mean, len(chosen)).astype(int), unit="D")
        made = facts(
            kind, *((i, str(d.date()), int(rng.choice(amounts))) for i, d in zip(chosen["invoice_id"], on, strict=True))
        )
        lag = pd.to_timedelta(rng.integers(0, 9, len(made)), unit="D")
        return made.assign(known_at=made["known_at"] + lag, customer_id=chosen["customer_id"].to_numpy())

    first, second = later("allocation", 0.9, [40_000, 25_000], 40), later("allocation", 0.5, [15_000], 60)
    filings = pd.DataFrame({"customer_id": ["C1", "C2"], "filed_on": [day("2026-05-05"), day("2026-11-01")]})
    return Ledger.of(
        invoices=frame,
        allocations=pd.concat([first, second.assign(line=2)]),
        credit_notes=later("credit_note", 0.05, [40_000, 1_000], 20),
        write_offs=later("write_off", 0.05, [40_000], 150),
        insolvencies=filings.assign(known_at=end_of_day(filings["filed_on"])),
    )


def scrambled_after(ledger: Ledger, cutoff: pd.Timestamp, rng: np.random.Generator) -> Ledger:
    """The ledger with every fact that became known after `cutoff` given another amount or day, or dropped."""
    frames = {}
    for name, frame in ledger.frames.items():
        after = (frame["known_at"] > cutoff).to_numpy()
        late = frame[after].sample(frac=0.7, random_state=int(rng.integers(1 << 30)))
        for column in (
            "amount_minor",
            "customer_id",
            "cleared_on",
            "credited_on",
            "written_off_on",
            "filed_on",
            "due_on",
        ):
            if column in late:
                late[column] = rng.permutation(late[column].to_numpy())
        if "amount_minor" in late:
            late["amount_minor"] = late["amount_minor"] * 3 + 1
        frames[name] = pd.concat([frame[~after], late], ignore_index=True)
    return Ledger.of(**frames)


@pytest.mark.parametrize("seed", range(8))
def test_scrambling_what_became_known_after_the_cutoff_leaves_every_label_unchanged(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ledger = random_ledger(rng)
    cutoff = day("2026-01-01") + pd.Timedelta(days=int(rng.integers(150, 330)))
    changed = scrambled_after(ledger, cutoff, rng)
    event = EventRule("e", "serious delinquency", 30, 60)
    months = pd.date_range("2026-01-15", periods=6, freq="30D").astype("datetime64[us]")
    snapshots = pd.DataFrame([(f"C{i}", m) for i in range(12) for m in months], columns=["customer_id", "as_of"])

    def both(source: Ledger) -> tuple[pd.DataFrame, pd.DataFrame]:
        late = late_labels(source, horizons=(0, 5, 30), cutoff=cutoff, margin_days=2)
        return late, default_labels(source, snapshots, event, cutoff=cutoff, config=CONFIG)

    (late, default), (late_after, default_after) = both(ledger), both(changed)
    pd.testing.assert_frame_equal(late, late_after)
    pd.testing.assert_frame_equal(default, default_after)
    assert late["late_over_0"].nunique() == 2
    assert default["label"].nunique() == 2
    # the scrambling is real: without the cut-off it shows
    with pytest.raises(AssertionError):
        pd.testing.assert_frame_equal(
            settlements(ledger, as_of=day("2027-06-01")), settlements(changed, as_of=day("2027-06-01"))
        )


def test_default_labels_equal_a_slow_reading_of_the_definition() -> None:
    ledger = random_ledger(np.random.default_rng(5), customers=4, rows=100)
    event, cutoff = EventRule("e", "serious delinquency", 30, 60), day("2026-12-01")
    months = pd.date_range("2026-01-15", periods=10, freq="25D").astype("datetime64[us]")
    snapshots = pd.DataFrame([(f"C{i}", m) for i in range(4) for m in months], columns=["customer_id", "as_of"])
    found = default_labels(ledger, snapshots, event, cutoff=cutoff, config=CONFIG)
    spans = {f"C{i}": _slow_spans(ledger.known(cutoff), f"C{i}", event) for i in range(4)}
    slow = [_slow_label(spans[c], m, event) for c, m in snapshots.itertuples(index=False)]
    np.testing.assert_array_equal(found["label"].to_numpy(), np.array(slow))
    assert 0 < found["label"].mean() < 1


Span = tuple[pd.Timestamp, pd.Timestamp]


def _slow_spans(known: Ledger, customer: str, event: EventRule) -> list[Span]:
    """When the customer was in the event's state, one invoice at a time."""
    state = settlements(known, as_of=day("2026-12-01"))
    mine = list(state[state["customer_id"] == customer].itertuples())
    dates = {"allocations": "cleared_on", "credit_notes": "credited_on", "write_offs": "written_off_on"}
    cleared: dict[str, list[tuple[pd.Timestamp, int]]] = {row.invoice_id: [] for row in state.itertuples()}
    for table, column in dates.items():
        for fact in known[table].itertuples():
            cleared[fact.invoice_id].append((getattr(fact, column), fact.amount_minor))

    def residual(row: Any, on: pd.Timestamp) -> int:
        return int(row.amount_minor - sum(amount for when, amount in cleared[row.invoice_id] if when <= on))

    spans: list[Span] = []
    for row in mine:
        reached = row.due_on + pd.Timedelta(days=event.days_past_due)
        owed = sum(residual(other, reached) for other in mine if other.issued_on <= reached)
        if reached <= row.observed_until and residual(row, reached) > max(10_000, 0.01 * owed):
            spans.append((reached, row.settled_on))
    losses, filings = (known[t][known[t]["customer_id"] == customer] for t in ("write_offs", "insolvencies"))
    spans += [(lost_on, lost_on + pd.Timedelta(days=90)) for lost_on in losses["written_off_on"]]
    return spans + [(filed_on, pd.NaT) for filed_on in filings["filed_on"]]


def _slow_label(spans: list[Span], moment: pd.Timestamp, event: EventRule) -> float:
    end = moment + pd.Timedelta(days=event.horizon_days)
    if any(begin < moment and not finish < moment for begin, finish in spans) or end > day("2026-12-01"):
        return float("nan")
    return float(any(moment <= begin < end for begin, _ in spans))
