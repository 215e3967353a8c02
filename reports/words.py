"""How figures, dates and codes are said to people: one place for every phrase that is not a template."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from receivables.money import exponent, spoken

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: Outcome of a decision: the verdict, and what it means for the order.
OUTCOMES: Final[dict[str, tuple[str, str]]] = {
    "APPROVE": ("Approve", "The order can be released."),
    "APPROVE_WITH_CONDITIONS": (
        "Approve with conditions",
        "The order can be released once the conditions below are met.",
    ),
    "REVIEW": ("Review", "A credit analyst has to look at the order before it is released."),
    "HOLD": ("Hold", "The order must not be released until the points below are resolved."),
}
DECIDED_BY: Final[dict[str, str]] = {
    "MODEL": "the models' probabilities against the policy's thresholds",
    "POLICY": "a rule of the credit policy",
    "LIMIT": "the credit limit",
    "FALLBACK": "a fallback, because a model or its data was not available",
    "HUMAN": "a person",
}
ACTIONS: Final[dict[str, str]] = {
    "REQUEST_PAYMENT_OF_OVERDUE": "Ask the customer to pay what is overdue",
    "REQUEST_PREPAYMENT": "Ask for prepayment",
    "SHORTEN_PAYMENT_TERMS": "Shorten the payment terms",
    "REDUCE_LIMIT": "Reduce the credit limit",
    "REQUEST_SECURITY_OR_INSURANCE": "Ask for security or credit insurance",
    "ROUTE_TO_CREDIT_ANALYST": "Pass the order to a credit analyst",
    "RESOLVE_DISPUTE_FIRST": "Resolve the open dispute first",
    "PRE_DUE_REMINDER": "Send a reminder before the due date",
    "CALL": "Call the customer",
    "SPLIT_DELIVERY": "Split the delivery",
    "OFFER_EARLY_DISCOUNT": "Offer a discount for early payment",
}
CHANGES: Final[dict[str, str]] = {
    "REDUCE_ORDER": "Reduce the order",
    "CLEAR_OPEN_ITEM": "Have open items paid first",
    "PREPAYMENT": "Take a prepayment",
    "SECURE": "Secure the order",
    "SHORTEN_TERMS": "Shorten the payment terms",
    "RAISE_LIMIT": "Raise the credit limit",
}
CHECKS: Final[dict[str, str]] = {
    "CREDIT_LIMIT_UTILISATION": "Exposure after the order against the limit",
    "MAX_DOCUMENT_VALUE": "Amount of a single order",
    "MAX_DUNNING_LEVEL": "Highest reminder level",
    "OLDEST_OPEN_ITEM_AGE": "Oldest open item, days past due",
    "MODEL_P_LATE_30": "Probability of more than 30 days late",
    "MODEL_PD": "Probability of the customer event",
    "RISK_CLASS": "Risk class",
    "CREDIT_LIMIT_VALIDITY": "Credit limit still valid",
    "BLOCKED": "Account blocked in the ERP",
    "INSOLVENCY": "Insolvency known",
    "OVERDUE_RATIO": "Share of the open balance past due",
    "PAYMENT_BEHAVIOUR": "Average days late over the last year",
    "BLOCK_RULE": "Blocks of the policy",
    "EXPECTED_PROFIT": "Expected profit of the order",
}
RISK_CLASSES: Final[dict[str, str]] = {
    "A": "very low risk",
    "B": "low risk",
    "C": "medium risk",
    "D": "high risk",
    "E": "very high risk",
}


def spell(code: object) -> str:
    """A code as words.

    >>> spell("CREDIT_LIMIT_UTILISATION")
    'Credit limit utilisation'
    """
    return str(code).replace("_", " ").strip().capitalize()


def amount(value: str, currency: str) -> str:
    """A decimal amount of the contract as people read it.

    >>> amount("49980.00", "EUR")
    '49,980.00 EUR'
    """
    return spoken(int(Decimal(value).scaleb(exponent(currency))), currency)


def short_money(minor: float, currency: str) -> str:
    """An amount to three figures, for headlines and axes.

    >>> short_money(123456789, "EUR"), short_money(-5000, "EUR"), short_money(98765, "JPY")
    ('1.23m EUR', '-50 EUR', '98.8k JPY')
    """
    return f"{short(minor / 10 ** exponent(currency))} {currency}"


def short(value: float) -> str:
    """A number to three figures with k, m or bn.

    >>> [short(v) for v in (0, 12.5, 999.6, 1234, 2_000_000)]
    ['0', '12.5', '1k', '1.23k', '2m']
    """
    sign, rest = ("-", -value) if value < 0 else ("", value)
    for unit, name in ((1e9, "bn"), (1e6, "m"), (1e3, "k"), (1.0, "")):
        scaled = float(f"{rest / unit:.3g}")
        if scaled >= 1:
            return f"{sign}{scaled:g}{name}"
    return f"{sign}{rest:.3g}" if rest else "0"


def percent(value: float, digits: int = 0) -> str:
    """A share in per cent; a dash where it is unknown. Small shares keep a digit rather than become 0 %.

    >>> percent(0.54), percent(0.034), percent(0.0004), percent(float("nan"))
    ('54%', '3.4%', '0.04%', '—')
    """
    if math.isnan(value):
        return "—"
    needed = 0 if abs(value) >= 0.0995 or value == 0 else 1 if abs(value) >= 0.00995 else 2
    return f"{value:.{max(digits, needed)}%}"


def number(value: float | None, unit: str = "") -> str:
    """A feature's value in its unit; a dash where it is unknown.

    >>> number(0.2214, "share"), number(2818.0, "days"), number(None)
    ('22.1%', '2,818', '—')
    """
    if value is None or math.isnan(value):
        return "—"
    if unit in {"share", "rate"}:
        return f"{value:.1%}"
    whole = f"{value:,.0f}"
    return whole if float(value).is_integer() or abs(value) >= 1000 else f"{value:,.3g}"


def day(value: str | dt.date | pd.Timestamp | None) -> str:
    """A day as 25 Dec 2026; a dash for none.

    >>> day("2026-12-25"), day(dt.date(2026, 1, 2)), day(None)
    ('25 Dec 2026', '2 Jan 2026', '—')
    """
    if value is None or pd.isna(value):
        return "—"
    on = dt.date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return f"{on.day} {_MONTHS[on.month - 1]} {on.year}"


def month(on: dt.date) -> str:
    """A month as Dec 26."""
    return f"{_MONTHS[on.month - 1]} {on.year % 100:02d}"


def moment(value: str | None) -> str:
    """An ISO moment as 25 Dec 2026, 09:14 UTC; a dash for none.

    >>> moment("2026-11-20T09:14:05.118Z")
    '20 Nov 2026, 09:14 UTC'
    """
    if not value:
        return "—"
    at = dt.datetime.fromisoformat(value).astimezone(dt.UTC)
    return f"{day(at.date())}, {at:%H:%M} UTC"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun.

    >>> count(1, "invoice"), count(2100, "invoice")
    ('1 invoice', '2,100 invoices')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def yes_no(value: bool | None) -> str | None:
    """yes, no, or None where it is not known."""
    return None if value is None else "yes" if value else "no"


def event_words(target: str) -> str:
    """What a customer model predicts, in words, from the name of its target.

    >>> event_words("default_12m"), event_words("serious_delinquency_6m")
    ('default within 12 months', 'serious delinquency within 6 months')
    """
    found = re.fullmatch(r"([a-z_]+?)_(\d+)m", target)
    if not found:
        return target.replace("_", " ")
    label, months = found[1].replace("_", " "), int(found[2])
    return f"{label} within {count(months, 'month')}"


def parameters(values: Mapping[str, Any], *, most: int | None = None) -> str:
    """An action's parameters in words; of a list no more than `most` entries, the rest as their number.

    >>> parameters({"document_numbers": ["1", "2", "3"], "net_days": 14}, most=2)
    'document numbers 1, 2 and 1 more; net days 14'
    >>> parameters({"amount": "21300.00", "currency": "EUR"})
    'amount 21,300.00 EUR'
    """
    currency = values.get("currency", "")
    said = {name: value for name, value in values.items() if name != "currency" or len(values) == 1}
    return "; ".join(
        f"{name.replace('_', ' ')} {_parameter(value, str(currency), most)}" for name, value in said.items()
    )


def _parameter(value: object, currency: str, most: int | None) -> str:
    if isinstance(value, list | tuple):
        return listed([str(entry) for entry in value], most)
    text = grouped(str(value))
    return f"{text} {currency}".rstrip() if isinstance(value, str) and "." in value else text


def listed(entries: Sequence[str], most: int | None) -> str:
    """Entries with commas; beyond `most` only how many more there are.

    >>> listed(["a", "b", "c"], 1), listed(["a", "b"], None)
    ('a and 2 more', 'a, b')
    """
    shown = ", ".join(entries[:most])
    return shown if most is None or len(entries) <= most else f"{shown} and {len(entries) - most} more"


def grouped(text: str) -> str:
    """A plain decimal with its thousands set apart; other text as it is.

    >>> grouped("170880.00"), grouped("0.130"), grouped("R06")
    ('170,880.00', '0.130', 'R06')
    """
    whole, dot, rest = text.partition(".")
    return f"{int(whole):,}{dot}{rest}" if re.fullmatch(r"\d{4,}", whole) and re.fullmatch(r"\d*", rest) else text


def is_number_column(rows: Sequence[Sequence[str]], position: int) -> bool:
    """Whether every cell of a column after the first is a number, perhaps with sign, unit, currency or interval.

    >>> rows = [("a", "1,200.00 EUR", "on time"), ("b", "-3.5%", "2 days late")]
    >>> [is_number_column(rows, i) for i in range(3)]
    [False, True, False]
    """
    numeric = re.compile(r"[-+]?[\d,.]+(k|m|bn)?(%| days| [A-Z]{3}| \[[-+]?[\d.]+, [-+]?[\d.]+\])?|—|")
    return position > 0 and bool(rows) and all(numeric.fullmatch(str(row[position])) for row in rows)
