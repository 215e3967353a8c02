"""Every feature equals what plain Python works out from the words of the feature table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import NAMES, History, Orders, Priors, build_features
from receivables.currencies import Currencies, Rates
from receivables.errors import InputError
from receivables.ledger import Ledger
from tests.features.conftest import examples
from tests.features.ledgers import ledgers, orders_of
from tests.features.oracle import Number, features_of

CURRENCIES = {base: replace(Currencies.read(), reporting_currency=base) for base in ("EUR", "JPY", "KWD")}


def _agrees(got: float, want: Number | float) -> bool:
    """Counts and days to the last bit, ratios to twelve digits."""
    if want is None or math.isnan(got):
        return want is None and math.isnan(got)
    return got == want if isinstance(want, int) else math.isclose(got, want, rel_tol=1e-12, abs_tol=1e-12)


def differences(ledger: Ledger, orders: Orders, base: str = "EUR") -> Iterator[str]:
    """Where the engine and the oracle disagree, one line each; amounts in the reporting currency `base`."""
    currencies = CURRENCIES[base]
    matrix = build_features(History.of(ledger, Rates.of(ledger, currencies)), orders, Priors.of(ledger))
    for row in range(len(orders)):
        wanted = features_of(ledger, orders, row, currencies)
        assert sorted(wanted) == sorted(NAMES)
        for name, got in zip(NAMES, matrix[row], strict=True):
            if not _agrees(got, wanted[name]):
                yield f"order {row}: {name} is {got!r}, the oracle says {wanted[name]!r}"


@examples(80)
@given(st.data())
def test_every_feature_is_what_its_meaning_says_on_any_ledger(data: st.DataObject) -> None:
    ledger = data.draw(ledgers(), label="ledger")
    orders = data.draw(orders_of(ledger), label="orders")
    base = data.draw(st.sampled_from(sorted(CURRENCIES)), label="reporting currency")
    assert list(differences(ledger, orders, base)) == []


def test_every_feature_is_what_its_meaning_says_on_a_simulated_ledger(simulated: Ledger) -> None:
    orders = Orders.of_invoices(simulated)
    some = orders.take(np.linspace(0, len(orders) - 1, 6).astype(np.int64))
    assert list(differences(simulated, some)) == []


def test_an_empty_ledger_answers_with_the_published_start() -> None:
    ledger = Ledger.of()
    moment = np.array(["2026-03-02"], dtype="datetime64[us]")
    assert list(differences(ledger, Orders.snapshots(["nobody"], moment))) == []


def test_amounts_that_would_not_add_up_exactly_are_refused_with_the_customer_named() -> None:
    day = pd.Timestamp("2026-01-05")
    days = dict.fromkeys(("issued_on", "due_on", "known_at", "observed_until"), day)
    row = {"customer_id": "C1", "amount_minor": 10**12, "currency": "EUR", "net_days": 0, **days}
    most = int(2**63 / 36_525 / 10**12)
    fits = Ledger.of(invoices=pd.DataFrame([row | {"invoice_id": f"I{i}"} for i in range(most)]))
    assert len(History.of(fits).invoices.known) == most
    beyond = Ledger.of(invoices=pd.DataFrame([row | {"invoice_id": f"I{i}"} for i in range(most + 1)]))
    with pytest.raises(InputError, match="customer C1"):
        History.of(beyond)
