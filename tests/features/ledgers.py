"""Small ledgers made to be awkward, and orders at awkward moments, for property tests.

They hold what real ledgers hold at their edges: partial payments, reversals, over-payments, credits, write-offs,
disputes, promises kept and broken, facts booked months late or ahead of their date, payments known before their
invoice, ties at one instant, customers without master data, several currencies with and without dated rates.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from features import Orders
from receivables.ledger import Ledger

CUSTOMERS = ("007", "NA", "c-1", "c-2")
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
    """Invoices of one customer at even distances; lists are used in turn."""

    customer: str
    first: int
    gap: int
    n: int
    net_days: int
    amount: int
    currency: str
    lateness: list[int]
    fates: list[str]
    lags: list[int]
    shift: int


_SERIES = st.builds(
    _Series,
    customer=st.sampled_from(CUSTOMERS),
    first=st.integers(0, 700),
    gap=st.sampled_from((0, 1, 3, 7, 30, 31)),
    n=st.sampled_from((1, 2, 3, 5, 8, 30)),
    net_days=st.sampled_from(NET_DAYS),
    amount=st.sampled_from(AMOUNTS),
    currency=st.sampled_from(CURRENCIES),
    lateness=st.lists(st.integers(-15, 100), min_size=1, max_size=4),
    fates=st.lists(st.sampled_from(FATES), min_size=1, max_size=4),
    lags=st.lists(st.sampled_from(LAGS), min_size=1, max_size=5),
    shift=st.sampled_from(SHIFTS),
)
_EVENT_KINDS = ("disputes", "promises", "dunnings", "credit_notes", "limit_changes", "terms_changes", "insolvencies",
                "disputes", "promises", "write_offs")  # fmt: skip
_EVENTS = st.tuples(
    st.sampled_from(_EVENT_KINDS),
    st.sampled_from(CUSTOMERS),
    st.integers(0, 60),  # which invoice; beyond the last: none
    st.integers(0, 800),  # day
    st.sampled_from(LAGS),
    st.sampled_from(SHIFTS),
    st.sampled_from((0, *AMOUNTS)),
    st.sampled_from((0, 1, 3, 14, 60)),  # days to the end, level, net days
    st.booleans(),
)
_MASTER = st.tuples(
    st.sampled_from(SEGMENTS),
    st.sampled_from(COUNTRIES),
    st.sampled_from((None, -400, 0, 300)),
    st.sampled_from((-500, -1, 100, 400)),
)
_RATES = st.tuples(
    st.sampled_from(("USD", "JPY")),
    st.booleans(),
    st.integers(0, 60).map(lambda n: n * 14),
    st.sampled_from(LAGS),
    st.sampled_from(("0.5", "0.87", "1.2", "0.006")),
)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """A ledger of up to four customers over some two years."""
    draft = _Draft(draw(st.sampled_from(STARTS)))
    for customer, master in zip(CUSTOMERS, draw(st.lists(_MASTER, max_size=4)), strict=False):
        _add_master(draft, customer, *master)
    for series in draw(st.lists(_SERIES, max_size=6)):
        _add_series(draft, series)
    for event in draw(st.lists(_EVENTS, max_size=12)):
        _add_event(draft, *event)
    for rate in draw(st.lists(_RATES, max_size=6, unique_by=lambda r: (r[0], r[1], r[2]))):
        _add_rate(draft, *rate)
    return draft.ledger()


def _add_master(draft: _Draft, customer: str, segment: str | None, country: str | None, since: int | None,
                known: int) -> None:  # fmt: skip
    draft.add("customers", customer_id=customer, segment=segment, country=country, known_at=draft.day(known),
              customer_since=None if since is None else draft.day(since))  # fmt: skip


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
    customer, invoice_id, day = invoice["customer_id"], invoice["invoice_id"], draft.day(on)
    if kind == "pay":
        key = f"P{len(draft.rows['payments'])}"
        draft.add("payments", payment_id=key, customer_id=customer, paid_on=day, **own)
        draft.add("allocations", payment_id=key, invoice_id=invoice_id, line=1, cleared_on=day, **own)
    elif kind == "credit":
        key = f"G{len(draft.rows['credit_notes'])}"
        draft.add("credit_notes", credit_note_id=key, customer_id=customer, invoice_id=invoice_id, credited_on=day, **own)
    else:
        key = f"W{len(draft.rows['write_offs'])}"
        draft.add("write_offs", write_off_id=key, customer_id=customer, invoice_id=invoice_id, written_off_on=day, **own)


def _add_event(draft: _Draft, kind: str, customer: str, pick: int, day: int, lag: int, shift: int, minor: int,
               value: int, flag: bool) -> None:  # fmt: skip
    invoices = draft.rows["invoices"]
    invoice = invoices[pick]["invoice_id"] if pick < len(invoices) else None
    customer = invoices[pick]["customer_id"] if invoice else customer
    money = {"amount_minor": minor, "currency": invoices[pick]["currency"] if invoice else "EUR"}
    key, known = f"E{len(draft.rows[kind])}", draft.known(day, lag, shift)
    about = {"customer_id": customer, "known_at": known}
    if kind == "disputes":
        closed = day + value
        draft.add(kind, dispute_id=key, invoice_id=invoice, opened_on=draft.day(day), **about, **money,
                  closed_on=draft.day(closed) if flag else None,
                  closed_known_at=draft.known(closed, max(lag, 0), shift) if flag else None,
                  result="SHARED" if flag else None)  # fmt: skip
    elif kind == "promises":
        draft.add(kind, promise_id=key, invoice_id=invoice, made_on=draft.day(day),
                  promised_for=draft.day(day + value), **about, **money)  # fmt: skip
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


def _add_rate(draft: _Draft, currency: str, direct: bool, day: int, lag: int, rate: str) -> None:
    pair = (currency, "EUR") if direct else ("EUR", currency)
    draft.add("exchange_rates", currency=pair[0], base_currency=pair[1], rate_on=draft.day(day), rate=rate,
              known_at=draft.known(day, lag - 1, 0))  # fmt: skip


def moments_of(ledger: Ledger) -> list[pd.Timestamp]:
    """Every moment at which something became known, sorted."""
    parts = [frame["known_at"] for frame in ledger.frames.values()]
    parts.append(ledger["disputes"]["closed_known_at"].dropna())
    return sorted(set(pd.concat(parts).tolist()))


@st.composite
def orders_of(draw: st.DrawFn, ledger: Ledger, *, most: int = 6) -> Orders:
    """Orders and snapshots at moments when facts became known, just before, just after, and far away."""
    known = moments_of(ledger) or [pd.Timestamp("2024-06-01")]
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from((*CUSTOMERS, STRANGER)),
                st.integers(0, len(known) - 1),
                st.sampled_from((0, 0, -1, 1, 5 * DAY_US, 40 * DAY_US, 333 * DAY_US)),
                st.booleans(),
                st.sampled_from(NET_DAYS),
                st.integers(-2, 9),
                st.sampled_from(AMOUNTS),
                st.sampled_from(CURRENCIES),
                st.sampled_from(("", "DE", "US")),
                st.sampled_from(("", "A", "elsewhere")),
            ),
            min_size=1,
            max_size=most,
        )
    )
    # deliberately not sorted: an engine that groups or sorts has to put the answers back
    return join([_order(known[at] + pd.Timedelta(microseconds=shift), *rest) for _, at, shift, *rest in rows],
                [row[0] for row in rows])  # fmt: skip


def _order(moment: pd.Timestamp, is_order: bool, net_days: int, baseline: int, minor: int, currency: str, country: str,
           segment: str) -> dict[str, Any]:  # fmt: skip
    issued = moment.normalize()
    due = issued + pd.Timedelta(days=net_days + baseline)
    return {
        "as_of": moment,
        "issued_on": issued if is_order else pd.NaT,
        "due_on": due if is_order else pd.NaT,
        "net_days": net_days if is_order else 0,
        "amount_minor": minor if is_order else 0,
        "currency": currency if is_order else "",
        "country": country,
        "segment": segment,
    }


def join(rows: list[dict[str, Any]], customers: list[str]) -> Orders:
    """Orders of plain rows."""

    def column(name: str, dtype: str) -> np.ndarray[Any, Any]:
        return np.array([row[name] for row in rows], dtype=dtype)

    def days(name: str) -> np.ndarray[Any, Any]:
        return np.array([np.datetime64(row[name], "D") for row in rows], dtype="datetime64[D]")

    return Orders(
        customer_id=np.array(customers, dtype=object),
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
