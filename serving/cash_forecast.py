"""Expected cash by day from the open invoices, by the payment-time law.

An invoice that is open d days after its due date is paid on a later day k with the law's probability of that day,
given that it was not paid by d. The law is that of the day of issue, as the model learnt it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features import History, Orders, build_features
from models.champion import Champion
from models.law import PaymentLaw
from models.numbers import Floats, Ints
from receivables.aging import Book, aged
from receivables.ledger import Ledger

#: Probability mass of the interval around an expected amount.
LEVEL: Final = 0.8
#: The standard normal quantile that belongs to it.
_WIDTH: Final = 1.2815515655446004
#: Below this probability of being open so late the law knows nothing of it: nothing is expected.
_UNHEARD_OF: Final = 1e-9


@dataclass(frozen=True)
class CashForecast:
    """Minor units of one currency: `paid` (n, days) is the probability that invoice i is paid on day j after the day.

    The interval takes the invoices of one customer to be paid or not paid together, and customers to be independent.
    """

    open_minor: int
    invoices: int
    paid: Floats
    residual: Ints
    customer: Ints

    @property
    def after_minor(self) -> int:
        """What is expected after the last day, or never."""
        return self.open_minor - round(float((self.paid.sum(axis=1) * self.residual).sum()))

    def span(self, first: int, last: int) -> dict[str, int]:
        """Expected amount on the days after `first` up to `last`, and the interval around it."""
        p = self.paid[:, first:last].sum(axis=1)
        expected = float((p * self.residual).sum())
        spread = np.sqrt(np.clip(p * (1.0 - p), 0.0, None)) * self.residual
        by_customer = np.bincount(self.customer, spread) if len(spread) else np.zeros(1)
        width = _WIDTH * float(np.sqrt((by_customer**2).sum()))
        most = float(self.residual.sum())
        return {
            "expected": round(expected),
            "low": round(max(expected - width, 0.0)),
            "high": round(min(expected + width, most)),
        }


def cash_forecast(known: Ledger, book: Book, champion: Champion, on: dt.date, *, days: int) -> CashForecast:
    """The forecast for `days` days after `on`; `known` is the ledger as of the end of that day."""
    items = aged(book, on)
    law = law_of_open(known, items, champion)
    residual = items["base_minor"].to_numpy(np.int64)
    customer = pd.factorize(items["customer_id"])[0].astype(np.int64)
    paid = paid_by_day(law, items["days_past_due"].to_numpy(np.int64), days)
    return CashForecast(int(residual.sum()), len(items), paid, residual, customer)


def law_of_open(known: Ledger, items: pd.DataFrame, champion: Champion) -> PaymentLaw:
    """The law of the open invoices in `items` (as from `aged`), each as of its issue."""
    orders = Orders.of_invoices(known)
    place = pd.Index(orders.ids).get_indexer(pd.Index(items["invoice_id"]))
    x = build_features(History.of(known), orders.take(place.astype(np.int64)), champion.priors)
    return champion.late.law(x)


def paid_by_day(law: PaymentLaw, days_past_due: Ints, days: int) -> Floats:
    """(n, days) probability of being paid on each of the next days, given that an invoice is open today."""
    daily, first = law.daily(), int(law.days[0])
    ahead = np.arange(days + 1)
    at = np.clip(days_past_due[:, None] + ahead[None, :] - first, 0, daily.shape[1] - 1)
    survival = np.take_along_axis(daily, at, axis=1)
    # before the law's first day every invoice is open
    survival = np.where(days_past_due[:, None] + ahead[None, :] < first, 1.0, survival)
    now = survival[:, :1]
    open_still = np.divide(survival, now, out=np.ones_like(survival), where=now > _UNHEARD_OF)
    return np.asarray(open_still[:, :-1] - open_still[:, 1:])
