import datetime as dt
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from receivables.errors import InputError
from receivables.outcomes import EventRule, Materiality, OutcomeConfig, default_labels, late_labels
from receivables.settlements import settlements
from receivables.simulation.config import SimulationConfig
from receivables.simulation.export import export
from receivables.simulator import Simulated, simulate

HORIZONS = (0, 5, 15, 30, 60, 90)
END = dt.date(2026, 10, 31)
CUTOFF = pd.Timestamp(END) + pd.Timedelta(days=1)
#: Facts become known up to four days late; a label then is what happened.
MARGIN = 5


@pytest.fixture(scope="module")
def config() -> SimulationConfig:
    return SimulationConfig.read()


@pytest.fixture(scope="module")
def seller(config: SimulationConfig) -> Simulated:
    """The size that docs/simulator.md states its figures for."""
    return simulate(2000, 18, 1, END, config)


@pytest.fixture(scope="module")
def small(config: SimulationConfig) -> Simulated:
    """Enough customers for every kind of event."""
    return simulate(400, 18, 1, END, config)


@pytest.fixture(scope="module")
def labelled(seller: Simulated) -> pd.DataFrame:
    """The truth of every invoice that was not cancelled beside its label from the ledger."""
    labels = late_labels(seller.ledger, horizons=HORIZONS, cutoff=CUTOFF, margin_days=MARGIN)
    return seller.truth[~seller.truth["cancelled"]].merge(labels, on="invoice_id", validate="one_to_one")


def off_by(frame: pd.DataFrame, horizon: int) -> float:
    """How far labels are from their true probabilities in standard errors; invoices of a customer fail together."""
    known = frame.dropna(subset=[f"late_over_{horizon}"])
    residual = known[f"late_over_{horizon}"] - known[f"p_late_over_{horizon}"]
    by_customer = residual.groupby(known["customer_id"]).sum()
    return float(by_customer.sum() / math.sqrt((by_customer**2).sum()))


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_truth_foretells_what_the_ledger_shows(labelled: pd.DataFrame, horizon: int) -> None:
    assert abs(off_by(labelled, horizon)) < 4
    deciles = pd.qcut(labelled[f"p_late_over_{horizon}"].rank(method="first"), 10, labels=False)
    expected = labelled.groupby(deciles)[f"p_late_over_{horizon}"].sum()
    # fewer than 20 expected events are no normal sum
    assert all(abs(off_by(part, horizon)) < 4 for d, part in labelled.groupby(deciles) if expected[d] > 20)


@pytest.mark.parametrize("split", ["segment", "behaviour", "stress", "p_dispute"])
def test_the_truth_holds_within_every_group(labelled: pd.DataFrame, split: str) -> None:
    key = pd.qcut(labelled[split], 4, labels=False) if split == "p_dispute" else labelled[split]
    for name, part in labelled.groupby(key):
        assert abs(off_by(part, 0)) < 4, name
        assert abs(off_by(part, 15)) < 4, name


def test_as_many_invoices_are_disputed_as_the_truth_says(seller: Simulated) -> None:
    kept = seller.truth[~seller.truth["cancelled"] & (seller.truth["issued_on"] < CUTOFF - pd.Timedelta(days=200))]
    disputed = kept["invoice_id"].isin(seller.ledger["disputes"]["invoice_id"]).sum()
    p = kept["p_dispute"]
    assert abs(disputed - p.sum()) < 4 * math.sqrt((p * (1 - p)).sum())


def test_the_truth_of_an_invoice_is_one_coherent_law(seller: Simulated) -> None:
    law = seller.truth[[f"p_late_over_{k}" for k in HORIZONS] + ["p_never"]].to_numpy()
    assert law.min() >= 0
    assert law.max() <= 1
    assert (np.diff(law, axis=1) <= 1e-12).all()
    assert seller.truth["expected_days_late"].between(-30, 180).all()


def test_default_truth_foretells_the_events_of_the_ledger(seller: Simulated) -> None:
    months = np.sort(seller.default_truth["as_of"].unique())[[4, 10]]  # windows of 180 days that do not overlap
    snapshots = seller.default_truth[seller.default_truth["as_of"].isin(months)].reset_index(drop=True)
    trifles = Materiality(200, 0.0)  # converting the parts of an invoice may leave some cents
    rules = OutcomeConfig(**{**vars(OutcomeConfig.read()), "materiality": trifles})
    event = EventRule("default_6m", "default", 90, 180)
    labels = default_labels(seller.ledger, snapshots, event, cutoff=CUTOFF, config=rules)
    known = snapshots.assign(label=labels["label"]).dropna(subset=["label", "p_default_180d"])
    assert known["label"].sum() > 40
    for low, high in ((0.0, 1.0), (0.0, 0.02), (0.02, 0.3), (0.3, 1.0)):
        part = known[known["p_default_180d"].between(low, high)]
        p = part["p_default_180d"]
        assert abs(part["label"].sum() - p.sum()) < 4 * math.sqrt((p * (1 - p)).sum())
    assert (known["p_default_365d"] >= known["p_default_180d"]).all()


def test_the_shape_is_that_of_a_real_extract(seller: Simulated) -> None:
    kept = seller.truth[~seller.truth["cancelled"]]
    late = kept["days_late"].fillna(999)
    published = {0: 0.43, 5: 0.10, 15: 0.04, 30: 0.027, 60: 0.007, 90: 0.002}
    tolerance = {0: 0.04, 5: 0.02, 15: 0.015, 30: 0.012, 60: 0.004, 90: 0.002}
    for k, share in published.items():
        assert (late > k).mean() == pytest.approx(share, abs=tolerance[k]), k
    quantiles = kept["days_late"].quantile([0.05, 0.25, 0.5, 0.75, 0.95, 0.99])
    assert (np.abs(quantiles.to_numpy() - [-7, -3, 0, 2, 9, 43]) <= [1, 1, 1, 1, 4, 6]).all()
    assert 0.0002 < kept["days_late"].isna().mean() < 0.004


def test_money_comes_in_on_the_weekdays_of_a_real_extract(seller: Simulated) -> None:
    shares = seller.ledger["allocations"]["cleared_on"].dt.weekday.value_counts(normalize=True)
    published = np.array([3708, 3482, 2547, 2562, 3449]) / 15827
    assert shares.reindex(range(5)).to_numpy() == pytest.approx(published, abs=0.05)
    assert shares.reindex([5, 6]).sum() < 0.02


def test_one_customer_dominates_and_the_others_order_a_few_times_a_month(seller: Simulated) -> None:
    invoices = seller.ledger["invoices"]
    counts = invoices["customer_id"].value_counts()
    assert 0.20 <= counts.iloc[0] / len(invoices) <= 0.25
    assert 1.5 <= counts.median() / 18 <= 2.5
    assert 3.5 <= len(invoices) / 2000 / 18 <= 4.8
    assert invoices["net_days"].mode().tolist() == [15]
    assert invoices["currency"].nunique() >= 4


def test_outcomes_are_uncertain_but_a_customers_history_tells_much(labelled: pd.DataFrame) -> None:
    known = labelled.dropna(subset=["late_over_0"]).sort_values("issued_on")
    y = known["late_over_0"]
    past = y.groupby(known["customer_id"])
    history = (past.cumsum() - y + 3 * y.mean()) / (past.cumcount() + 3)
    recent = known["issued_on"] >= pd.Timestamp(END) - pd.DateOffset(months=5)

    def log_loss(p: pd.Series) -> float:
        p = p[recent].clip(1e-6, 1 - 1e-6)
        return float(-np.where(y[recent] == 1, np.log(p), np.log(1 - p)).mean())

    oracle = log_loss(known["p_late_over_0"])
    assert 0.38 < oracle < 0.47
    assert 1.05 < log_loss(history) / oracle < 1.25
    assert log_loss(pd.Series(y.mean(), index=y.index)) / oracle > 1.4


def test_settlements_of_the_ledger_are_the_outcomes_that_were_drawn(small: Simulated) -> None:
    found = settlements(small.ledger, as_of=CUTOFF).merge(small.truth, on="invoice_id", suffixes=("", "_drawn"))
    settled = found[found["settled_on"].notna() & ~found["cancelled"] & (found["written_off_minor"] == 0)]
    assert (settled["days_late"] == settled["days_late_drawn"]).all()
    due_before = found["due_on"] + pd.to_timedelta(found["days_late_drawn"], unit="D") < CUTOFF - pd.Timedelta(days=9)
    assert found.loc[due_before, "settled_on"].notna().all()


def test_nothing_from_after_the_end_is_in_the_ledger(small: Simulated) -> None:
    for name, frame in small.ledger.frames.items():
        assert len(frame), name
        assert (frame["known_at"] <= CUTOFF).all(), name
        for column in frame.columns[frame.columns.str.endswith("_on") & (frame.columns != "due_on")]:
            assert (frame[column].dropna() < CUTOFF).all(), f"{name}.{column}"
    assert (small.ledger["invoices"]["observed_until"] == pd.Timestamp(END)).all()
    assert small.ledger["disputes"]["closed_on"].isna().any()


def test_some_facts_become_known_days_after_they_happened(small: Simulated) -> None:
    wait = small.ledger["payments"]["known_at"] - small.ledger["payments"]["paid_on"]
    assert (wait >= pd.Timedelta(days=1)).all()
    assert 0.005 < (wait > pd.Timedelta(days=1)).mean() < 0.05


def test_every_reference_resolves_and_every_sum_fits(small: Simulated) -> None:
    ledger = small.ledger
    for name, frame in ledger.frames.items():
        assert frame.get("invoice_id", pd.Series(dtype="str")).dropna().isin(ledger["invoices"]["invoice_id"]).all()
        assert frame.get("customer_id", pd.Series(dtype="str")).isin(ledger["customers"]["customer_id"]).all(), name
    allocated = ledger["allocations"].groupby("payment_id")["amount_minor"].sum()
    received = ledger["payments"].set_index("payment_id")["amount_minor"]
    assert allocated.sort_index().equals(received.sort_index())
    state = settlements(ledger, as_of=CUTOFF)
    assert (state["residual_minor"] >= 0).all()
    parents = ledger["customers"]["parent_id"].dropna()
    assert len(parents)
    assert parents.isin(ledger["customers"]["customer_id"]).all()


def test_payment_ends_with_insolvency_and_never_comes_before_the_invoice(small: Simulated) -> None:
    ledger = small.ledger
    filed = ledger["insolvencies"].set_index("customer_id")["filed_on"]
    assert len(filed)
    for table, column in (("invoices", "issued_on"), ("payments", "paid_on"), ("promises", "made_on")):
        day = ledger[table][column]
        assert not (day >= ledger[table]["customer_id"].map(filed)).any(), table
    issued = ledger["invoices"].set_index("invoice_id")["issued_on"]
    for table, column in (("allocations", "cleared_on"), ("disputes", "opened_on"), ("dunnings", "dunned_on")):
        assert (ledger[table][column] > ledger[table]["invoice_id"].map(issued)).all(), table


def test_every_kind_of_behaviour_is_there(small: Simulated) -> None:
    ledger = small.ledger
    assert ledger["allocations"]["invoice_id"].duplicated().any()  # partial payments
    assert ledger["allocations"]["payment_id"].duplicated().any()  # one payment for several invoices
    assert set(ledger["dunnings"]["level"]) == {1, 2, 3, 4}
    assert set(ledger["credit_notes"]["reason"]) == {"DISPUTE", "RETURN", "CANCELLATION"}
    assert {"SELLER_RIGHT", "SHARED", "CUSTOMER_RIGHT"} <= set(ledger["disputes"]["result"].dropna())
    assert ledger["limit_changes"]["customer_id"].duplicated().any()
    assert ledger["terms_changes"]["customer_id"].duplicated().any()
    first_day = ledger["invoices"]["issued_on"].min()
    assert 0.05 < (ledger["customers"]["customer_since"] > first_day).mean() < 0.20  # cold starts
    drawn = small.truth[["invoice_id", "days_late"]].merge(ledger["invoices"], on="invoice_id")
    kept = ledger["promises"].merge(drawn, on="invoice_id")
    paid = kept["due_on"] + pd.to_timedelta(kept["days_late"], unit="D")
    assert 0.4 < (paid <= kept["promised_for"]).mean() < 0.85


def test_customers_pay_later_before_they_fail(small: Simulated) -> None:
    late = small.truth.groupby("stress")["p_late_over_5"].mean()
    assert late["HEALTHY"] < late["STRAINED"] < late["WEAK"] < late["FAILING"]


def test_one_seed_gives_the_same_bytes_and_another_seed_others(config: SimulationConfig, tmp_path: Path) -> None:
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        made = simulate(30, 6, seed, END, config)
        export(tmp_path / name, made.ledger, made.truth, made.default_truth)
    files = sorted(path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*.csv"))
    assert len(files) > 10
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    changed = [f for f in files if (tmp_path / "first" / f).read_bytes() != (tmp_path / "other" / f).read_bytes()]
    assert Path("invoices.csv") in changed


def test_any_end_date_and_any_size_give_a_ledger(config: SimulationConfig) -> None:
    for customers, months, end in ((2, 1, dt.date(2024, 2, 29)), (5, 30, dt.date(2025, 7, 9)), (40, 3, END)):
        made = simulate(customers, months, 0, end, config)
        assert (made.ledger["invoices"]["issued_on"] <= pd.Timestamp(end)).all()
        assert len(made.truth) == len(made.ledger["invoices"])


def test_progress_is_told_of_every_chunk(config: SimulationConfig) -> None:
    seen: list[int] = []

    def watch(chunks: Sequence[int]) -> Sequence[int]:
        seen.extend(chunks)
        return chunks

    simulate(60, 24, 1, END, config, progress=watch)
    assert len(seen) >= 2


@pytest.mark.parametrize(("customers", "months", "seed"), [(0, 12, 1), (10, 0, 1), (10, 12, -1), (10**6, 12, 1)])
def test_impossible_sizes_are_refused(config: SimulationConfig, customers: int, months: int, seed: int) -> None:
    with pytest.raises(InputError, match="expected a whole number from"):
        simulate(customers, months, seed, END, config)
