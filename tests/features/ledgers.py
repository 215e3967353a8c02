"""Small ledgers made to be awkward, and orders at awkward moments, for property tests.

They hold what real ledgers hold at their edges: partial payments, reversals, over-payments, credits, write-offs,
disputes, promises kept and broken, facts booked months late or ahead of their date, payments known before their
invoice, ties at one instant, customers without master data, several currencies with and without dated rates.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from features import Orders
from receivables.ledger import Ledger

CUSTOMERS = ("007", "NA", "c-1", "c-2")
#: Customers as they order: two of them much.
PAYERS = ("007", "007", "007", "NA", "NA", "c-1", "c-2")
STRANGER = "nobody knows me"
SEGMENTS = (None, "A", "B", "A|1")
COUNTRIES = (None, "DE", "US", "XX")
CURRENCIES = ("EUR", "EUR", "USD", "JPY", "KWD")
NET_DAYS = (0, 10, 14, 30, 60, 120)
AMOUNTS = (1, 99, 1000, 123_457, 5_000_000)
#: Day 0 of a ledger; the earlier one makes days and moments negative.
STARTS = (dt.date(2023, 12, 20), dt.date(2023, 12, 20), dt.date(1969, 6, 1))
#: Days from a fact's date to when it is known: mostly the next midnight, sometimes at once, ahead or months later.
LAGS = (1, 1, 1, 1, 0, -3, 2, 45, 200)
#: Microseconds after that midnight.
SHIFTS = (0, 0, 0, 1, 43_200_000_000)
FATES = ("paid", "paid", "paid", "open", "halves", "part", "bounced", "bounced and paid", "over", "credited",
         "credited and paid", "written off", "part written off", "paid twice")  # fmt: skip
DAY_US = 86_400_000_000
#: Microseconds from when something became known to when an order is scored.
DELAYS = (0, 0, -1, 1, 43_200_000_000, 5 * DAY_US, 40 * DAY_US, 333 * DAY_US)


@dataclass
class _Draft:
    """Rows by table, as they are drawn."""

    start: dt.date
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def day(self, offset: int) -> pd.Timestamp:
        return pd.Timestamp(self.start + dt.timedelta(days=offset))

    def known(self, offset: int, lag: int, shift: int) -> pd.Timestamp:
        return self.day(offset + lag) + pd.Timedelta(microseconds=shift)

    def add(self, table: str, **row: Any) -> None:
        self.rows[table].append(row)

    def ledger(self) -> Ledger:
        return Ledger.of(**{name: pd.DataFrame(rows) for name, rows in self.rows.items() if rows})


@dataclass(frozen=True)
class _Series:
    """Invoices of one customer at even distances; tuples are used in turn."""

    customer: str
    first: int
    gap: int
    n: int
    net_days: int
    amount: int
    currency: str
    lateness: tuple[int, ...]
    fates: tuple[str, ...]
    lags: tuple[int, ...]
    shift: int
    run: int

    @classmethod
    def of(cls, r: random.Random) -> Self:
        return cls(
            customer=r.choice(PAYERS),
            first=r.randint(0, 600),
            gap=r.choice((0, 1, 3, 7, 30, 31)),
            n=r.choice((1, 2, 4, 6, 9, 30)),
            net_days=r.choice(NET_DAYS),
            amount=r.choice(AMOUNTS),
            currency=r.choice(CURRENCIES),
            lateness=tuple(r.randint(-15, r.choice((5, 100))) for _ in range(r.randint(1, 4))),
            fates=tuple(r.choice(FATES) for _ in range(r.randint(1, 5))),
            lags=tuple(r.choice(LAGS) for _ in range(r.randint(1, 5))),
            shift=r.choice(SHIFTS),
            run=r.choice((1, 7)),
        )


_EVENT_KINDS = ("disputes", "promises", "dunnings", "credit_notes", "limit_changes", "terms_changes", "insolvencies",
                "disputes", "promises", "promises", "dunnings", "limit_changes", "write_offs")  # fmt: skip


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """A ledger of up to four customers over some two years.

    Hypothesis chooses (and shrinks) how much of everything there is, a seed what it is: a list's start does not depend
    on how long it is.
    """
    seed = draw(st.integers(0, 2**32))
    draft = _Draft(draw(st.sampled_from(STARTS)))

    def several(what: str, *sizes: int) -> Iterator[random.Random]:
        return itertools.repeat(random.Random(f"{what} {seed}"), draw(st.sampled_from(sizes)))

    for r in several("series", 0, 2, 4, 6, 8, 10, 12):
        _add_series(draft, _Series.of(r))
    for customer, r in zip(CUSTOMERS, several("master", 0, 1, 2, 4, 4), strict=False):
        _add_master(draft, customer, r)
    for r in several("event", 0, 5, 10, 20, 40):
        _add_event(draft, r)
    for r in several("rate", 0, 0, 1, 4, 12):
        _add_rate(draft, r)
    return draft.ledger()


def _add_master(draft: _Draft, customer: str, r: random.Random) -> None:
    since = r.choice((None, -400, 0, 300))
    # as early as imports say it: with one of the customer's invoices
    invoices = [row["known_at"] for row in draft.rows["invoices"] if row["customer_id"] == customer]
    known = r.choice([draft.day(-500), draft.day(100), draft.day(400), *r.sample(invoices, min(2, len(invoices)))])
    draft.add("customers", customer_id=customer, segment=r.choice(SEGMENTS), country=r.choice(COUNTRIES),
              customer_since=None if since is None else draft.day(since), known_at=known)  # fmt: skip


def _add_series(draft: _Draft, series: _Series) -> None:
    for i in range(series.n):
        issued = series.first + i * series.gap
        number = len(draft.rows["invoices"])
        lag = series.lags[i % len(series.lags)]
        draft.add(
            "invoices", invoice_id=f"I{number}", customer_id=series.customer, amount_minor=series.amount,
            currency=series.currency, issued_on=draft.day(issued), due_on=draft.day(issued + series.net_days),
            net_days=series.net_days, known_at=draft.known(issued, lag, series.shift),
            observed_until=draft.day(900),
        )  # fmt: skip
        settled = issued + series.net_days + series.lateness[i % len(series.lateness)]
        settled -= settled % series.run  # some customers pay on one day of the week: many ties
        lags = [series.lags[(i + j + 1) % len(series.lags)] for j in range(3)]
        _add_fate(draft, number, series.fates[i % len(series.fates)], settled, lags, series.shift)


def _add_fate(draft: _Draft, number: int, fate: str, day: int, lags: list[int], shift: int) -> None:
    """What became of an invoice: (kind, amount, day) of each clearing."""
    amount = draft.rows["invoices"][number]["amount_minor"]
    half = amount // 2
    clearings: dict[str, list[tuple[str, int, int]]] = {
        "open": [],
        "paid": [("pay", amount, day)],
        "halves": [("pay", half, day - 4), ("pay", amount - half, day)],
        "part": [("pay", half, day)],
        "bounced": [("pay", amount, day), ("pay", -amount, day + 5)],
        "bounced and paid": [("pay", amount, day - 20), ("pay", -amount, day - 15), ("pay", amount, day)],
        "over": [("pay", amount + 50, day)],
        "credited": [("credit", amount, day)],
        "credited and paid": [("credit", half, day - 9), ("pay", amount - half, day)],
        "written off": [("loss", amount, day + 60)],
        "part written off": [("pay", half, day), ("loss", amount - half, day + 40)],
        "paid twice": [("pay", amount, day), ("pay", amount, day + 10)],
    }
    for (kind, minor, on), lag in zip(clearings[fate], lags, strict=False):
        if minor:
            _add_clearing(draft, number, kind, minor, on, draft.known(on, lag, shift))


def _add_clearing(draft: _Draft, number: int, kind: str, minor: int, on: int, known: pd.Timestamp) -> None:
    invoice = draft.rows["invoices"][number]
    own = {"amount_minor": minor, "currency": invoice["currency"], "known_at": known}
    about, day = {name: invoice[name] for name in ("customer_id", "invoice_id")}, draft.day(on)
    if kind == "pay":
        key = f"P{len(draft.rows['payments'])}"
        draft.add("payments", payment_id=key, customer_id=about["customer_id"], paid_on=day, **own)
        draft.add("allocations", payment_id=key, invoice_id=about["invoice_id"], line=1, cleared_on=day, **own)
    elif kind == "credit":
        key = f"G{len(draft.rows['credit_notes'])}"
        draft.add("credit_notes", credit_note_id=key, credited_on=day, **about, **own)
    else:
        key = f"W{len(draft.rows['write_offs'])}"
        draft.add("write_offs", write_off_id=key, written_off_on=day, **about, **own)


def _add_event(draft: _Draft, r: random.Random) -> None:
    kind, lag, shift, flag = r.choice(_EVENT_KINDS), r.choice(LAGS), r.choice(SHIFTS), r.random() < 0.5
    invoices, value, minor = draft.rows["invoices"], r.choice((0, 1, 3, 14, 60)), r.choice((0, *AMOUNTS))
    pick = r.randrange(len(invoices)) if invoices and r.random() < 0.8 else None
    invoice = None if pick is None else invoices[pick]["invoice_id"]
    customer = r.choice(PAYERS) if pick is None else invoices[pick]["customer_id"]
    first = 0 if pick is None else (invoices[pick]["due_on"].date() - draft.start).days
    day = first + r.randint(-30, 120)
    money = {"amount_minor": minor, "currency": "EUR" if pick is None else invoices[pick]["currency"]}
    key, known = f"E{len(draft.rows[kind])}", draft.known(day, lag, shift)
    about = {"customer_id": customer, "known_at": known}
    if kind == "disputes":
        closed = day + value
        draft.add(kind, dispute_id=key, invoice_id=invoice, opened_on=draft.day(day), **about, **money,
                  closed_on=draft.day(closed) if flag else None,
                  closed_known_at=draft.known(closed, max(lag, 0), shift) if flag else None,
                  result="SHARED" if flag else None)  # fmt: skip
    elif kind == "promises":
        paid = [row["cleared_on"] for row in draft.rows["allocations"] if row["invoice_id"] == invoice]
        promised = paid[-1] - pd.Timedelta(days=r.choice((0, 3, 4))) if paid and flag else draft.day(day + value)
        draft.add(kind, promise_id=key, invoice_id=invoice, made_on=draft.day(day), promised_for=promised,
                  **about, **money)  # fmt: skip
    elif kind == "dunnings":
        draft.add(kind, dunning_id=key, invoice_id=invoice, level=value % 4 + 1, dunned_on=draft.day(day), **about)
    elif kind == "credit_notes":
        draft.add(kind, credit_note_id=key, invoice_id=invoice if flag else None, credited_on=draft.day(day),
                  **about, **money)  # fmt: skip
    elif kind == "write_offs" and invoice:
        draft.add(kind, write_off_id=key, invoice_id=invoice, written_off_on=draft.day(day), **about, **money)
    elif kind == "insolvencies" and not any(row["customer_id"] == customer for row in draft.rows[kind]):
        draft.add(kind, filed_on=draft.day(day), **about)
    elif kind in ("limit_changes", "terms_changes"):
        _add_change(draft, kind, draft.day(day), about, money, value)


def _add_change(draft: _Draft, kind: str, day: pd.Timestamp, about: dict[str, Any], money: dict[str, Any],
                value: int) -> None:  # fmt: skip
    if any((row["customer_id"], row["valid_from"]) == (about["customer_id"], day) for row in draft.rows[kind]):
        return  # one a day
    draft.add(kind, valid_from=day, **about, **(money if kind == "limit_changes" else {"net_days": value}))


def _add_rate(draft: _Draft, r: random.Random) -> None:
    currency, day = r.choice(("USD", "JPY")), r.randint(0, 40) * 14
    pair = r.choice(((currency, "EUR"), ("EUR", currency)))
    rates = draft.rows["exchange_rates"]
    if any((row["currency"], row["base_currency"], row["rate_on"]) == (*pair, draft.day(day)) for row in rates):
        return  # one a day
    known, rate = draft.known(day, r.choice(LAGS) - 1, 0), r.choice(("0.5", "0.87", "1.2", "0.006"))
    names = {"currency": pair[0], "base_currency": pair[1]}
    draft.add("exchange_rates", **names, rate_on=draft.day(day), rate=rate, known_at=known)


def moments_of(ledger: Ledger) -> list[pd.Timestamp]:
    """Every moment at which something became known, sorted."""
    parts = [frame["known_at"] for frame in ledger.frames.values()]
    parts.append(ledger["disputes"]["closed_known_at"].dropna())
    return sorted(set(pd.concat(parts).tolist()))


@st.composite
def orders_of(draw: st.DrawFn, ledger: Ledger, *, most: int = 8) -> Orders:
    """Orders and snapshots at moments when facts became known, just before, just after, and later.

    Deliberately not sorted: an engine that groups or sorts has to put the answers back.
    """
    r = random.Random(f"orders {draw(st.integers(0, 2**32))}")
    known = moments_of(ledger) or [pd.Timestamp("2024-06-01")]
    payers = (*sorted(set(ledger["invoices"]["customer_id"])) * 4, *CUSTOMERS, STRANGER)
    rows = []
    for _ in range(draw(st.sampled_from((1, most // 2, most)))):
        moment = known[max(r.randrange(len(known)), r.randrange(len(known)))]  # rather late: then much is known
        rows.append(order_at(r, r.choice(payers), moment + pd.Timedelta(microseconds=r.choice(DELAYS))))
    return join(rows)


def order_at(r: random.Random, customer: str, moment: pd.Timestamp) -> dict[str, Any]:
    """An order, or now and then a snapshot."""
    is_order, net_days, issued = r.random() < 0.75, r.choice(NET_DAYS), moment.normalize()
    christmas = pd.Timestamp(issued.year, 12, 25)
    due = christmas if r.random() < 0.2 else issued + pd.Timedelta(days=net_days + r.randint(-2, 9))
    return {
        "customer_id": customer,
        "as_of": moment,
        "issued_on": issued if is_order else pd.NaT,
        "due_on": due if is_order else pd.NaT,
        "net_days": net_days if is_order else 0,
        "amount_minor": r.choice(AMOUNTS) if is_order else 0,
        "currency": r.choice(CURRENCIES) if is_order else "",
        "country": r.choice(("", "DE", "US")),
        "segment": r.choice(("", "A", "elsewhere")),
    }


def join(rows: list[dict[str, Any]]) -> Orders:
    """Orders of plain rows."""

    def column(name: str, dtype: str) -> np.ndarray[Any, Any]:
        return np.array([row[name] for row in rows], dtype=dtype)

    def days(name: str) -> np.ndarray[Any, Any]:
        return np.array([row[name].to_datetime64() for row in rows], dtype="datetime64[us]").astype("datetime64[D]")

    return Orders(
        customer_id=column("customer_id", "object"),
        as_of=np.array([row["as_of"].to_datetime64() for row in rows], dtype="datetime64[us]"),
        issued_on=days("issued_on"),
        due_on=days("due_on"),
        net_days=column("net_days", "int64"),
        amount_minor=column("amount_minor", "int64"),
        currency=column("currency", "object"),
        country=column("country", "object"),
        segment=column("segment", "object"),
        ids=np.array([str(i) for i in range(len(rows))], dtype=object),
    )
