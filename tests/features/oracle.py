"""Every feature of one order, worked out slowly in plain Python from what the feature table says in words.

Nothing here is shared with the engine but published constants: facts are read from `ledger.known(as_of)` into simple
records, each feature loops over them, money is whole minor units and ratios are fractions until the very end.
None stands for null.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from statistics import median
from typing import Any

import holidays
import numpy as np
import pandas as pd

from features import Orders
from features.kernel import GRACE_DAYS, RECENT
from features.priors import START, TERMS, WEIGHT, WINDOW_DAYS
from features.table import CURVE, CUSTOMER_WEIGHT, WEEKDAY_PRIOR
from receivables.currencies import Currencies
from receivables.ledger import Ledger
from receivables.money import exponent

Number = Fraction | int | None
#: Invoices or payments that the prior of a weekday, or of the same terms, weighs as much as.
SMALL_WEIGHT = 5
EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Order:
    """What is scored; `due` is None for a customer without an order."""

    customer: str
    as_of: pd.Timestamp
    issued: dt.date | None
    due: dt.date | None
    net_days: int
    minor: int
    currency: str
    country: str
    segment: str

    @property
    def today(self) -> dt.date:
        return self.as_of.date()


@dataclass(frozen=True)
class Clearing:
    day: dt.date
    minor: int
    base: int
    kind: str


@dataclass
class Invoice:
    """An invoice and what is known to have cleared it."""

    id: str
    customer: str
    known: pd.Timestamp
    issued: dt.date
    due: dt.date
    minor: int
    base: int
    net_days: int
    segment: str
    clearings: list[Clearing] = field(default_factory=list)

    @property
    def state(self) -> str:
        if sum(c.minor for c in self.clearings) < self.minor:
            return "open"
        if sum(c.minor for c in self.clearings if c.kind == "write-off") > 0:
            return "written off"
        return "settled" if sum(c.minor for c in self.clearings if c.kind == "payment") > 0 else "credited"

    @property
    def settled_on(self) -> dt.date:
        return max(c.day for c in self.clearings)

    @property
    def days_late(self) -> int:
        """Of a settled invoice."""
        return (self.settled_on - self.due).days

    @property
    def residual(self) -> int:
        return max(self.base - sum(c.base for c in self.clearings), 0)

    @property
    def payments(self) -> int:
        return sum(c.kind == "payment" for c in self.clearings)

    def late_over(self, k: int) -> bool:
        """Of an invoice that has had k days to be late in: settled later than that, or not settled yet."""
        return self.state != "settled" or self.days_late > k


@dataclass(frozen=True)
class Event:
    """Any other fact about the customer."""

    day: dt.date
    base: int = 0
    value: Any = None
    is_open: bool = False
    invoice: str | None = None


class Money:
    """Whole minor units of the reporting currency, at the rate of a day."""

    def __init__(self, ledger: Ledger, currencies: Currencies) -> None:
        self.conf = currencies
        self.quotes: list[tuple[str, dt.date, pd.Timestamp, bool, Decimal]] = []
        for row in rows(ledger, "exchange_rates"):
            rate = Decimal(row["rate"])
            if row["base_currency"] == self.conf.reporting_currency:
                self.quotes.append((row["currency"], row["rate_on"].date(), row["known_at"], True, rate))
            elif row["currency"] == self.conf.reporting_currency:
                self.quotes.append((row["base_currency"], row["rate_on"].date(), row["known_at"], False, 1 / rate))

    def convert(self, minor: int, currency: str, day: dt.date) -> int:
        base = self.conf.reporting_currency
        if currency == base:
            return minor
        shift = exponent(base) - exponent(currency)
        exact = Fraction(minor) * Fraction(self._rate(currency, day)) * Fraction(10) ** shift
        return round(exact)  # halves to even

    def _rate(self, currency: str, day: dt.date) -> Decimal:
        """The newest rate that was valid that day and known before it began, else the configured one."""
        midnight = pd.Timestamp(day)
        usable = [
            (rate_on, max(known.ceil("D"), pd.Timestamp(rate_on)), direct, rate)
            for code, rate_on, known, direct, rate in self.quotes
            if code == currency and rate_on <= day and known <= midnight
        ]
        return max(usable)[-1] if usable else self.conf.rate(currency, self.conf.reporting_currency)


def rows(ledger: Ledger, table: str) -> list[dict[str, Any]]:
    """The table's rows, nulls as None."""
    frame = ledger[table]
    columns = {name: [None if pd.isna(v) else v for v in frame[name].tolist()] for name in frame}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


class World:
    """What was known at one moment, as records."""

    def __init__(self, ledger: Ledger, as_of: pd.Timestamp, currencies: Currencies) -> None:
        known = ledger.known(as_of)
        self.money = Money(known, currencies)
        self.master = {row["customer_id"]: row for row in rows(known, "customers")}
        self.invoices = {row["invoice_id"]: self._invoice(row) for row in rows(known, "invoices")}
        for table, day, kind in (
            ("allocations", "cleared_on", "payment"),
            ("credit_notes", "credited_on", "credit"),
            ("write_offs", "written_off_on", "write-off"),
        ):
            for row in rows(known, table):
                if row["invoice_id"] in self.invoices:
                    invoice = self.invoices[row["invoice_id"]]
                    # at the invoice's rate: a change of rates leaves nothing open
                    base = self.money.convert(row["amount_minor"], row["currency"], invoice.known.date())
                    invoice.clearings.append(Clearing(row[day].date(), row["amount_minor"], base, kind))
        self.events = {
            table: [(row["customer_id"], self._event(table, row, day, value)) for row in rows(known, table)]
            for table, day, value in (
                ("disputes", "opened_on", None),
                ("promises", "made_on", "promised_for"),
                ("dunnings", "dunned_on", "level"),
                ("credit_notes", "credited_on", None),
                ("limit_changes", "valid_from", None),
                ("terms_changes", "valid_from", "net_days"),
                ("write_offs", "written_off_on", None),
                ("insolvencies", "filed_on", None),
            )
        }

    def _base(self, row: dict[str, Any]) -> int:
        return self.money.convert(row["amount_minor"], row["currency"], row["known_at"].date())

    def _invoice(self, row: dict[str, Any]) -> Invoice:
        master = self.master.get(row["customer_id"])
        # an invoice belongs to the segment that was known when the invoice was
        segment = master["segment"] if master and master["known_at"] <= row["known_at"] else None
        return Invoice(
            row["invoice_id"], row["customer_id"], row["known_at"], row["issued_on"].date(), row["due_on"].date(),
            row["amount_minor"], self._base(row), row["net_days"], segment or "",
        )  # fmt: skip

    def _event(self, table: str, row: dict[str, Any], day: str, value: str | None) -> Event:
        return Event(
            row[day].date(),
            self._base(row) if "amount_minor" in row else 0,
            row[value] if value else None,
            table == "disputes" and row["closed_known_at"] is None,
            row.get("invoice_id"),
        )

    def peers(self, today: dt.date, k: int, segment: str, bucket: int | None) -> Fraction:
        """Portfolio, drawn to the published start; segment, drawn to that; same terms (if any), drawn to that."""
        everyone = matured(self.invoices.values(), today, WINDOW_DAYS, k)
        alike = [i for i in everyone if i.segment == segment]
        rate = drawn(everyone, k, Fraction(START[k]), WEIGHT)
        rate = drawn(alike, k, rate, WEIGHT)
        if bucket is None:
            return rate
        return drawn([i for i in alike if terms_bucket(i.net_days) == bucket], k, rate, WEIGHT)


def matured(invoices: Iterable[Invoice], today: dt.date, days: int, k: int) -> list[Invoice]:
    """Not wholly credited, due within the last `days`, and more than k days ago."""
    return [i for i in invoices if i.state != "credited" and k < (today - i.due).days <= days]


def drawn(invoices: Sequence[Invoice], k: int, prior: Fraction, weight: float) -> Fraction:
    """The share more than k days late, as if `weight` more invoices had shown the prior's share."""
    late = sum(i.late_over(k) for i in invoices)
    return (late + Fraction(weight) * prior) / (len(invoices) + Fraction(weight))


class Answer:
    """The features of one order."""

    def __init__(self, world: World, order: Order) -> None:
        self.world, self.order = world, order
        self.today = order.today
        master = world.master.get(order.customer, {})
        self.segment = master.get("segment") or order.segment
        self.country = master.get("country") or order.country
        self.since = master.get("customer_since")
        self.invoices = [i for i in world.invoices.values() if i.customer == order.customer]
        self.open = [i for i in self.invoices if i.state == "open"]
        # newest first; of those settled on one day, the one that became known last comes first
        self.settled = sorted(
            (i for i in self.invoices if i.state == "settled"),
            key=lambda i: (i.settled_on, i.known, i.id),
            reverse=True,
        )
        self.newest = self.settled[:RECENT]

    # -- facts of the windows -------------------------------------------------------------------------------------

    def age(self, day: dt.date) -> int:
        return (self.today - day).days

    def settled_in(self, days: int) -> list[Invoice]:
        return [i for i in self.settled if self.age(i.settled_on) <= days]

    def issued_in(self, days: int) -> list[Invoice]:
        return [i for i in self.invoices if self.age(i.issued) <= days]

    def invoiced(self, days: int) -> int:
        return sum(i.base for i in self.issued_in(days))

    def events_in(self, table: str, days: int | None = None) -> list[Event]:
        own = [event for customer, event in self.world.events[table] if customer == self.order.customer]
        return [event for event in own if days is None or self.age(event.day) <= days]

    def latest(self, table: str) -> Event | None:
        """The newest that is not dated after today."""
        own = [event for event in self.events_in(table) if event.day <= self.today]
        return max(own, key=lambda event: event.day, default=None)

    # -- rates ----------------------------------------------------------------------------------------------------

    def peers(self, k: int) -> Fraction:
        bucket = None if self.order.due is None else terms_bucket(self.order.net_days)
        return self.world.peers(self.today, k, self.segment, bucket)

    def own(self, days: int, k: int) -> Fraction:
        return drawn(matured(self.invoices, self.today, days, k), k, self.peers(k), CUSTOMER_WEIGHT)

    def alike(self, k: int, same: Callable[[Invoice], bool]) -> Number:
        """The own rate over the last year's invoices that are like the order, drawn towards the own rate."""
        if self.order.due is None:
            return None
        like = [i for i in matured(self.invoices, self.today, 365, k) if same(i)]
        return drawn(like, k, self.own(365, k), SMALL_WEIGHT)

    # -- groups of features ---------------------------------------------------------------------------------------

    def timing(self) -> dict[str, Number | float]:
        year = self.settled_in(365)
        late = [i for i in year if i.days_late > 0]
        lates = [i.days_late for i in self.newest]
        out: dict[str, Number | float] = {}
        for k in CURVE:
            out[f"late_over_{'m' if k < 0 else ''}{abs(k)}_rate"] = self.own(365, k)
        for k in (0, 5, 30):
            out[f"late_over_{k}_rate_90d"] = self.own(90 + k, k)
        for days in (30, 90, 365):
            out[f"mean_days_late_{days}d"] = mean(i.days_late for i in self.settled_in(days))
        for days in (90, 365):
            window = self.settled_in(days)
            out[f"wadl_{days}d"] = ratio(sum(i.base * i.days_late for i in window), sum(i.base for i in window))
        for half_life in (3, 10):
            weights = [round(2.0 ** (20 - rank / half_life)) for rank in range(len(lates))]
            weighted = sum(w * days for w, days in zip(weights, lates, strict=True))
            out[f"ewma_days_late_{half_life}"] = ratio(weighted, sum(weights))
        out["median_days_late_25"] = Fraction(median(lates)) if lates else None
        out["max_days_late_365d"] = max((i.days_late for i in year), default=None)
        out["days_late_std_365d"] = deviation([i.days_late for i in year])
        out["avg_days_late_if_late_365d"] = mean(i.days_late for i in late)
        out["late_ratio_amount_365d"] = ratio(sum(i.base for i in late), sum(i.base for i in year))
        out["early_pay_ratio_365d"] = ratio(sum(i.days_late < 0 for i in year), len(year))
        out["mean_days_to_pay_365d"] = mean((i.settled_on - i.issued).days for i in year)
        out["last_days_late"] = lates[0] if lates else None
        out["second_last_days_late"] = lates[1] if len(lates) > 1 else None
        out["mean_days_late_last_3"] = mean(lates[:3]) if len(lates) >= 3 else None
        out["mean_days_late_last_10"] = mean(lates[:10]) if len(lates) >= 10 else None
        out["on_time_streak"] = streak(lates, lambda days: days <= 0)
        out["late_streak"] = streak(lates, lambda days: days > 0)
        return out

    def trend(self) -> dict[str, Number]:
        month, year = (mean(i.days_late for i in self.settled_in(days)) for days in (30, 365))
        return {
            # time runs against age, so the slope over time is minus that over age
            "days_late_slope_180d": slope([(-self.age(i.settled_on), i.days_late) for i in self.settled_in(180)]),
            "mean_days_late_30_minus_365": None if month is None or year is None else month - year,
            "late_rate_90_minus_365": self.own(90, 0) - self.own(365, 0),
            "sales_growth_90_365": ratio(Fraction(self.invoiced(90), 90), Fraction(self.invoiced(365), 365)),
        }

    def weekday_shares(self) -> list[Fraction]:
        days = [i.settled_on.weekday() for i in self.settled_in(365)]
        return [
            (days.count(w) + SMALL_WEIGHT * Fraction(prior)) / (len(days) + SMALL_WEIGHT)
            for w, prior in enumerate(WEEKDAY_PRIOR)
        ]

    def pay_days(self) -> dict[str, Number]:
        shares, due = self.weekday_shares(), self.order.due
        names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        distinct = len({i.settled_on for i in self.newest})
        wait = (shares.index(max(shares)) - due.weekday()) % 7 if due else None
        paid = [i.settled_on for i in self.settled if i.settled_on <= self.today]
        span = (self.newest[0].settled_on - self.newest[-1].settled_on).days if self.newest else 0

        def same(i: Invoice) -> bool:
            return due is not None and i.due.weekday() == due.weekday()

        return {
            **{f"pay_share_{name}": share for name, share in zip(names, shares, strict=True)},
            "pay_day_concentration": sum((share * share for share in shares), start=Fraction(0)),
            "days_from_due_to_pay_day": wait if len(self.settled_in(365)) >= 3 else None,
            **{
                f"late_over_{named}_rate_same_due_weekday": self.alike(k, same)
                for k, named in ((-5, "m5"), (-2, "m2"), (0, 0), (2, 2), (5, 5), (8, 8), (15, 15), (30, 30))
            },
            "payment_gap_days": ratio(span, distinct - 1) if distinct > 1 else None,
            "days_since_payment": self.age(max(paid)) if paid else None,
        }

    def position(self) -> dict[str, Number]:
        overdue = [i for i in self.open if self.age(i.due) > 0]
        amount, past_due = (sum(i.residual for i in part) for part in (self.open, overdue))
        known_limit = self.latest("limit_changes")
        limit = known_limit.base if known_limit else None
        order = self.order_base()
        quarter = self.invoiced(90)
        out: dict[str, Number] = {
            "n_open": len(self.open),
            "open_amount": self.major(amount),
            "n_overdue": len(overdue),
            "overdue_amount": self.major(past_due),
            "overdue_ratio_n": ratio(len(overdue), len(self.open)),
            "overdue_ratio": ratio(past_due, amount),
            "oldest_open_item_days": max((self.age(i.due) for i in self.open), default=None),
            "avg_open_days_late": mean(self.age(i.due) for i in overdue),
            "open_age_days": ratio(sum(i.residual * self.age(i.issued) for i in self.open), amount),
            "overdue_to_sales_90d": ratio(past_due, quarter),
            "dso_90d": ratio(amount * 90, quarter),
            "credit_limit": None if limit is None else self.major(limit),
            "utilisation": ratio(amount, limit),
            "utilisation_after": None if order is None else ratio(amount + order, limit),
        }
        for k in (15, 30, 60):
            out[f"overdue_{k}_ratio"] = ratio(sum(i.residual for i in self.open if self.age(i.due) > k), amount)
        return out

    def major(self, minor: int) -> Fraction:
        """Units of the reporting currency."""
        return Fraction(minor, 10 ** exponent(self.world.money.conf.reporting_currency))

    def order_base(self) -> int | None:
        order = self.order
        return None if order.due is None else self.world.money.convert(order.minor, order.currency, self.today)

    def order_features(self) -> dict[str, Number]:
        order, year = self.order_base(), self.issued_in(365)
        amounts = [i.base for i in year]
        issued = [i.issued for i in self.invoices if i.issued <= self.today]
        return {
            "order_amount": None if order is None else self.major(order),
            "order_amount_to_mean": ratio(order, mean(amounts)),
            "order_amount_to_max": ratio(order, max(amounts, default=None)),
            "order_to_open_amount": ratio(order, sum(i.residual for i in self.open)),
            "invoices_30d": len(self.issued_in(30)),
            "order_velocity_ratio": ratio(Fraction(len(self.issued_in(30)), 30), Fraction(len(year), 365)),
            "days_since_invoice": self.age(max(issued)) if issued else None,
            "mean_invoice_amount_365d": ratio(self.major(sum(amounts)), len(amounts)),
        }

    def terms(self) -> dict[str, Number]:
        has_order = self.order.due is not None
        usual = mean(i.net_days for i in self.issued_in(365))
        agreed = self.latest("terms_changes")
        return {
            "net_days": self.order.net_days if has_order else None,
            "days_to_due": (self.order.due - self.today).days if self.order.due else None,
            "terms_vs_own_mean": self.order.net_days - usual if has_order and usual is not None else None,
            "late_rate_same_terms": self.alike(0, lambda i: i.net_days == self.order.net_days),
            "terms_changes_365d": len(self.events_in("terms_changes", 365)),
            "agreed_net_days": agreed.value if agreed else None,
        }

    def calendar(self) -> dict[str, Number]:
        due, issued = self.order.due, self.order.issued
        names = ("due_weekday", "due_day_of_month", "due_month_end", "due_quarter_end", "due_on_holiday",
                 "due_to_working_day", "issue_weekday")  # fmt: skip
        if due is None or issued is None:
            return dict.fromkeys(names)
        left = days_left_in_month(due)
        values = (
            due.weekday(), due.day, int(left < 3), int(due.month in (3, 6, 9, 12) and left < 5),
            int(is_holiday(due, self.country)), days_to_working_day(due, self.country), issued.weekday(),
        )  # fmt: skip
        return dict(zip(names, values, strict=True))

    def friction(self) -> dict[str, Number]:
        invoices, year = len(self.issued_in(365)), self.settled_in(365)
        disputed = [d for d in self.events_in("disputes") if d.is_open]
        promises = self.events_in("promises", 365)
        reminders = self.events_in("dunnings")
        past = [d.day for d in reminders if d.day <= self.today]
        credited = sum(c.base for c in self.events_in("credit_notes", 365))
        return {
            "dispute_ratio_365d": ratio(len(self.events_in("disputes", 365)), invoices),
            "n_open_disputes": len(disputed),
            "open_dispute_share": ratio(sum(d.base for d in disputed), sum(i.residual for i in self.open)),
            "promises_365d": len(promises),
            "broken_promise_ratio_365d": ratio(
                sum(map(self.is_broken, promises)), sum(self.has_come_due(promise) for promise in promises)
            ),
            "dunning_level_max_180d": max((d.value for d in self.events_in("dunnings", 180)), default=None),
            "dunnings_365d": ratio(len(self.events_in("dunnings", 365)), invoices),
            "days_since_dunning": self.age(max(past)) if past else None,
            "partial_payment_ratio_365d": ratio(sum(i.payments > 1 for i in year), len(year)),
            "credit_note_ratio_365d": ratio(credited, self.invoiced(365)),
            "write_offs_ever": len(self.events_in("write_offs")),
            "is_insolvent": int(bool(self.events_in("insolvencies"))),
        }

    def has_come_due(self, promise: Event) -> bool:
        """The days of grace are over."""
        return self.age(promise.value.date()) > GRACE_DAYS

    def is_broken(self, promise: Event) -> bool:
        """The promise has come due and its invoice was not settled (or credited) within the days of grace."""
        invoice = self.world.invoices.get(promise.invoice or "")
        if invoice is None or not self.has_come_due(promise) or invoice.state == "credited":
            return False
        return invoice.state != "settled" or (invoice.settled_on - promise.value.date()).days > GRACE_DAYS

    def depth(self) -> dict[str, Number]:
        first = max((self.age(i.issued) for i in self.invoices), default=None)
        tenures = [days for days in (first, self.age(self.since.date()) if self.since else None) if days is not None]
        return {
            **{f"peer_late_over_{k}_rate": self.peers(k) for k in (0, 2, 5, 15, 30)},
            **{f"peer_late_over_m{k}_rate": self.peers(-k) for k in (2, 5)},
            "distance_to_peers": self.own(365, 0) - self.peers(0),
            "n_settled_365d": len(self.settled_in(365)),
            "n_settled": len(self.settled),
            "history_days": first,
            "tenure_days": max(tenures, default=None),
            "is_cold_start": int(len(self.settled) < 3),
        }

    def features(self) -> dict[str, Number | float]:
        groups = (self.timing(), self.trend(), self.pay_days(), self.position(), self.order_features(), self.terms(),
                  self.calendar(), self.friction(), self.depth())  # fmt: skip
        return {name: value for group in groups for name, value in group.items()}


def terms_bucket(net_days: int) -> int:
    return sum(net_days > end for end in TERMS)


def ratio(part: Number, whole: Number) -> Fraction | None:
    """None where either is unknown or the whole is zero."""
    return None if part is None or not whole else Fraction(part) / whole


def mean(values: Iterable[int]) -> Fraction | None:
    listed = list(values)
    return ratio(sum(listed), len(listed))


def deviation(values: Sequence[int]) -> float | None:
    """Population standard deviation; None below two values."""
    if len(values) < 2:
        return None
    middle = Fraction(sum(values), len(values))
    return math.sqrt(sum((value - middle) ** 2 for value in values) / len(values))


def slope(points: Sequence[tuple[int, int]]) -> Fraction | None:
    """Least-squares slope per 30 days; None below three points or where all are on one day."""
    if len(points) < 3:
        return None
    x, y = (Fraction(sum(column), len(points)) for column in zip(*points, strict=True))
    across = sum((a - x) * (b - y) for a, b in points)
    along = sum((a - x) ** 2 for a, _ in points)
    return ratio(30 * across, along)


def streak(lates: Sequence[int], holds: Callable[[int], bool]) -> int | None:
    """How many from the first on; None without any."""
    if not lates:
        return None
    return next((n for n, days in enumerate(lates) if not holds(days)), len(lates))


def days_left_in_month(day: dt.date) -> int:
    """0 on the last day."""
    left = 0
    while (day + dt.timedelta(days=left + 1)).month == day.month:
        left += 1
    return left


def is_holiday(day: dt.date, country: str) -> bool:
    if country not in holidays.list_supported_countries() or not 1990 <= day.year <= 2060:
        return False
    return day in holidays.country_holidays(country, years=day.year)


def days_to_working_day(day: dt.date, country: str) -> int:
    """0 on a Monday to Friday that is no public holiday."""
    wait = 0
    while (later := day + dt.timedelta(days=wait)).weekday() > 4 or is_holiday(later, country):
        wait += 1
    return wait


def order_at(orders: Orders, row: int) -> Order:
    """One element of the arrays as a record."""
    issued, due = (None if np.isnat(days[row]) else days[row].item() for days in (orders.issued_on, orders.due_on))
    return Order(
        orders.customer_id[row], pd.Timestamp(orders.as_of[row]), issued, due, int(orders.net_days[row]),
        int(orders.amount_minor[row]), orders.currency[row], orders.country[row], orders.segment[row],
    )  # fmt: skip


def features_of(ledger: Ledger, orders: Orders, row: int, currencies: Currencies) -> dict[str, Number | float]:
    """Every feature of one order by name: whole numbers where it counts or dates, None for null."""
    order = order_at(orders, row)
    return Answer(World(ledger, order.as_of, currencies), order).features()
