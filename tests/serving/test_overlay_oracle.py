"""The overlay that serves equals the one on data frames, on random requests for customers of the simulated seller."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import numpy as np
import pytest

from features import History, Orders, build_features
from features.state import OneOrder
from serving.account import Account
from serving.overlay import Overlay, overlay
from serving.schemas import ScoreRequest, read_request
from serving.state import Tools
from tests.serving.conftest import END, Seller
from tests.serving.frame_overlay import FrameOverlay, frame_overlay

_EPOCH = dt.date(1970, 1, 1)


def request_for(random_: random.Random, seller: Seller, payer: str) -> ScoreRequest:
    """An order at some moment of the ledger or after it, with items of which the ledger knows some."""
    as_of = dt.datetime.combine(END, dt.time(9), dt.UTC) + dt.timedelta(days=random_.choice((1, 1, 1, -40, -200)))
    invoices = seller.ledger["invoices"]
    own = invoices[invoices["customer_id"] == payer]["invoice_id"].tolist()
    numbers = random_.sample([*own[-12:], *(f"new{i}" for i in range(4))], k=min(6, len(own)))
    items = [item(random_, number, as_of.date()) for number in numbers]
    read_at = as_of - dt.timedelta(days=random_.choice((0, 0, 0, 30)))
    document: dict[str, Any] = {
        "request_id": "r", "as_of": as_of.isoformat(), "check_point": "SALES_ORDER",
        "order": {"sales_order": "1", "order_date": as_of.date().isoformat(), "currency": "EUR",
                  "gross_amount": "4200.00", "payment_terms": {"net_days": random_.choice((0, 14, 30))}},
        "customer": {"payer": payer, "legal_form": "LEGAL_PERSON", "country": "DE"},
        "credit_account": {"currency": "EUR", "credit_limit_amount": "5000.00"},
        "open_items": {"complete": random_.random() < 0.6, "read_at": read_at.isoformat(), "items": items[:4]},
    }  # fmt: skip
    kept = ("document_number", "posting_date", "due_date", "amount", "currency")
    settled = [
        {k: i[k] for k in kept} | {"cleared_on": (as_of.date() - dt.timedelta(days=3)).isoformat()} for i in items
    ]
    if random_.random() < 0.5:
        document["settled_items"] = {"items": settled[3:]}
    return read_request(document)


def item(random_: random.Random, number: str, today: dt.date) -> dict[str, Any]:
    posted = today - dt.timedelta(days=random_.randint(4, 200))
    amount = random_.randint(2, 900)
    return {
        "document_number": number, "posting_date": posted.isoformat(),
        "currency": random_.choice(("EUR", "EUR", "USD")),
        "due_date": (posted + dt.timedelta(days=30)).isoformat(), "amount": f"{amount}.00",
        "open_amount": f"{random_.randint(1, amount)}.00", "dunning_level": random_.choice((0, 0, 1, 3, None)),
        "dispute_status": random_.choice((None, "OPEN", "CLOSED")),
        "promise_to_pay_date": random_.choice((None, today.isoformat(), posted.isoformat())),
    }  # fmt: skip


def features_of(laid: FrameOverlay, request: ScoreRequest, tools: Tools) -> np.ndarray:
    order, customer = request.order, request.customer
    orders = Orders.one(
        customer_id=customer.payer, as_of=request.as_of, issued_on=order.issue_date, due_on=order.due_date,
        net_days=order.payment_terms.net_days, amount_minor=420_000, currency=order.currency,
        country=customer.country or "", segment="",
    )  # fmt: skip
    return build_features(History.of(laid.ledger, tools.rates.into(laid.ledger)), orders, tools.champion.priors)[0]


def features_from_state(laid: Overlay, request: ScoreRequest, tools: Tools) -> np.ndarray:
    order = request.order
    days = [(day - _EPOCH).days for day in (order.issue_date, order.due_date)]
    one = OneOrder(*days, order.payment_terms.net_days, 420_000, order.currency)
    as_of = int(request.as_of.timestamp()) * 1_000_000
    return laid.state.features(as_of, one, tools.champion.priors, country=request.customer.country or "")


@pytest.mark.parametrize("seed", range(4))
def test_the_overlay_on_states_equals_the_one_on_frames_bit_for_bit(seller: Seller, tools: Tools, seed: int) -> None:
    random_ = random.Random(seed)
    stale = 0
    for payer in random_.sample(seller.customers(), 12):
        request = request_for(random_, seller, payer)
        part = seller.ledger.of_customers([payer])
        slow, fast = frame_overlay(part, request), overlay(Account.of(part, tools.rates.into(part)), request)
        assert dict(fast.invoices) == dict(slow.invoices)
        assert (fast.used_open_items, fast.warnings) == (slow.used_open_items, slow.warnings)
        open_disputes = slow.ledger["disputes"][slow.ledger["disputes"]["closed_on"].isna()]
        assert fast.contested == set(open_disputes["invoice_id"].dropna())
        levels = slow.ledger["dunnings"].groupby("invoice_id")["level"].max().to_dict()
        assert dict(fast.levels) == levels
        assert fast.is_insolvent == (len(slow.ledger["insolvencies"]) > 0)
        assert features_from_state(fast, request, tools).tobytes() == features_of(slow, request, tools).tobytes()
        stale += not fast.used_open_items
    assert 0 < stale < 12
