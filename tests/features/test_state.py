"""A customer's state, fed fact by fact in any order, answers as the whole ledger does, bit for bit."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from features import INDEX, History, Orders, Priors, build_features
from features.state import TABLES, CustomerState, OneOrder
from receivables.currencies import Currencies, Rates
from receivables.errors import InputError
from receivables.ledger import Ledger
from receivables.schema import BY_NAME
from tests.features.conftest import examples
from tests.features.ledgers import join, ledgers, moments_of, order_at

Fact = tuple[str, dict[str, Any]]
CUSTOMERS = ("a", "b")
_CLOSING = {"closed_on": None, "closed_known_at": None, "result": None}


def facts_of(ledger: Ledger, customer: str) -> list[Fact]:
    """The customer's rows; a dispute that was closed comes twice, first open."""
    own = ledger.of_customers([customer])
    found: list[Fact] = []
    for table in TABLES:
        for row in own[table].to_dict("records"):
            if table == "disputes" and not pd.isna(row["closed_known_at"]):
                found.append((table, {**row, **_CLOSING}))
            found.append((table, dict(row)))
    return found


def ledger_of(facts: list[Fact], whole: Ledger, customer: str) -> Ledger:
    """The facts as a ledger of one customer, with all exchange rates; of two rows with one key the later counts."""
    rows: dict[str, dict[Any, dict[str, Any]]] = {table: {} for table in TABLES}
    for table, row in facts:
        key = tuple(row[name] for name in BY_NAME[table].key)
        named = {"customer_id": customer} if "customer_id" in row else {}
        rows[table][key] = {**row, **named}
    frames = {table: pd.DataFrame(list(found.values())) for table, found in rows.items() if found}
    return Ledger.of(**frames, exchange_rates=whole["exchange_rates"])


def answer(state: CustomerState, orders: Orders, row: int, priors: Priors) -> np.ndarray:
    """The state's features of one of the orders."""
    due = orders.due_on[row]
    order = None
    if not np.isnat(due):
        order = OneOrder(
            int(orders.issued_on[row].astype(int)), int(due.astype(int)), int(orders.net_days[row]),
            int(orders.amount_minor[row]), orders.currency[row],
        )  # fmt: skip
    as_of = int(orders.as_of[row].astype("datetime64[us]").astype(int))
    return state.features(as_of, order, priors, country=orders.country[row], segment=orders.segment[row])


class States(RuleBasedStateMachine):
    """Facts of two customers arrive in any order, some twice; the customers are merged and taken apart again."""

    @initialize(ledger=ledgers(), seed=st.integers(0, 2**32))
    def begin(self, ledger: Ledger, seed: int) -> None:
        self.random = random.Random(seed)
        self.ledger, self.rates = ledger, Rates.of(ledger, Currencies.read())
        ids = sorted({str(c) for name in TABLES if "customer_id" in ledger[name] for c in ledger[name]["customer_id"]})
        self.customers = [*ids, "nobody", "no one"][:2]
        self.priors = Priors.of(ledger)
        self.moments = [*moments_of(ledger), pd.Timestamp("2025-06-01")]
        self.states = {c: CustomerState(self.rates) for c in self.customers}
        self.waiting = {c: facts_of(ledger, c) for c in self.customers}
        self.told: dict[str, list[Fact]] = {c: [] for c in self.customers}
        for c in self.customers:
            self.random.shuffle(self.waiting[c])

    @precondition(lambda self: any(self.waiting.values()))
    @rule(count=st.integers(1, 12))
    def tell(self, count: int) -> None:
        for _ in range(count):
            customer = self.random.choice(self.customers)
            if self.waiting[customer]:
                table, row = self.waiting[customer].pop()
                if table == "disputes" and pd.isna(row["closed_known_at"]) and self._is_told(customer, row):
                    continue  # it is closed already
                assert self.states[customer].apply(table, row)
                self.told[customer].append((table, row))

    def _is_told(self, customer: str, dispute: dict[str, Any]) -> bool:
        return any(row.get("dispute_id") == dispute["dispute_id"] for _, row in self.told[customer])

    @precondition(lambda self: any(self.told.values()))
    @rule()
    def tell_again(self) -> None:
        customer = self.random.choice([c for c in self.customers if self.told[c]])
        table, row = self.random.choice(self.told[customer])
        if table != "disputes":
            assert not self.states[customer].apply(table, dict(row))

    @rule()
    def ask(self) -> None:
        for customer in self.customers:
            self._compare(self.states[customer], self.told[customer], customer)

    @rule()
    def merge_and_take_apart(self) -> None:
        # master data is that of the first customer who has any
        merged = CustomerState.merged([self.states[c] for c in self.customers])
        first = next((c for c in self.customers if any(t == "customers" for t, _ in self.told[c])), None)
        told = [f for c in self.customers for f in self.told[c] if f[0] != "customers" or c == first]
        self._compare(merged, told, "merged")
        self.ask()

    def _compare(self, state: CustomerState, told: list[Fact], customer: str) -> None:
        history = History.of(ledger_of(told, self.ledger, customer), self.rates)
        orders = join([order_at(self.random, customer, moment) for moment in self.random.choices(self.moments, k=3)])
        wanted = build_features(history, orders, self.priors)
        for row in range(len(orders)):
            assert answer(state, orders, row, self.priors).tobytes() == wanted[row].tobytes()


def test_a_state_is_the_ledger_whatever_the_order_of_events() -> None:
    run_state_machine_as_test(States, settings=settings(examples(10), stateful_step_count=20))


def simple() -> tuple[Ledger, Rates]:
    """One invoice of one customer."""
    day = pd.Timestamp("2026-01-05")
    row = {"invoice_id": "I1", "customer_id": "a", "amount_minor": 10_000, "currency": "EUR", "issued_on": day,
           "due_on": day + pd.Timedelta(days=30), "net_days": 30, "known_at": day + pd.Timedelta(days=1),
           "observed_until": day}  # fmt: skip
    ledger = Ledger.of(invoices=pd.DataFrame([row]))
    return ledger, Rates.of(ledger, Currencies.read())


def test_a_fact_that_contradicts_an_earlier_one_is_refused_with_the_column_named() -> None:
    ledger, rates = simple()
    state = CustomerState.of(ledger, rates)
    row = dict(ledger["invoices"].iloc[0])
    assert not state.apply("invoices", row)
    with pytest.raises(InputError, match="invoices I1: another amount_minor"):
        state.apply("invoices", row | {"amount_minor": 1})
    assert not state.apply("invoices", row)


def test_a_table_without_features_is_refused() -> None:
    ledger, rates = simple()
    with pytest.raises(KeyError, match="exchange_rates"):
        CustomerState.of(ledger, rates).apply("exchange_rates", {})


def test_a_payment_that_comes_before_its_invoice_waits_for_it() -> None:
    ledger, rates = simple()
    row = dict(ledger["invoices"].iloc[0])
    paid = {"payment_id": "P1", "invoice_id": "I1", "line": 1, "amount_minor": 10_000, "currency": "EUR",
            "cleared_on": pd.Timestamp("2026-02-10"), "known_at": pd.Timestamp("2026-02-11")}  # fmt: skip
    early, late = CustomerState(rates), CustomerState(rates)
    early.apply("allocations", paid)
    early.apply("invoices", row)
    late.apply("invoices", row)
    late.apply("allocations", paid)
    moment, priors = (
        int(pd.Timestamp("2026-03-01").to_datetime64().astype("datetime64[us]").astype(int)),
        Priors.of(ledger),
    )
    assert early.features(moment, None, priors).tobytes() == late.features(moment, None, priors).tobytes()
    assert early.features(moment, None, priors)[INDEX["last_days_late"]] == 6


@pytest.mark.parametrize("changes_first", [False, True])
def test_a_copy_and_its_original_go_on_apart(changes_first: bool) -> None:
    ledger, rates = simple()
    row, priors, moment = dict(ledger["invoices"].iloc[0]), Priors.of(ledger), 1_780_000_000_000_000
    paid = {"payment_id": "P1", "invoice_id": "I1", "line": 1, "amount_minor": 10_000, "currency": "EUR",
            "cleared_on": pd.Timestamp("2026-02-10"), "known_at": pd.Timestamp("2026-02-11")}  # fmt: skip
    reminded = {"dunning_id": "D1", "customer_id": "a", "invoice_id": "I1", "level": 1,
                "dunned_on": pd.Timestamp("2026-02-08"), "known_at": pd.Timestamp("2026-02-09")}  # fmt: skip
    earlier = row | {"invoice_id": "I0", "known_at": row["known_at"] - pd.Timedelta(days=1)}
    original = CustomerState.of(ledger, rates)
    original.apply("dunnings", reminded)
    before = original.features(moment, None, priors)
    copied = original.copy()
    changed, kept = (original, copied) if changes_first else (copied, original)
    for table, fact in (("allocations", paid), ("invoices", earlier)):
        changed.apply(table, fact)
        assert changed.features(moment, None, priors).tobytes() != before.tobytes()
        assert kept.features(moment, None, priors).tobytes() == before.tobytes()


def test_no_customers_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="at least one customer"):
        CustomerState.merged([])
