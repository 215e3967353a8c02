"""What a credit policy decides on: the order, the credit account, the open items and what the models say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from receivables.money import convert_minor


@dataclass(frozen=True)
class Facts:
    """The facts of one order; null means unknown.

    Money in minor units: the order's in `currency`, the credit account's (`limit_minor`, `exposure_before_minor`) in
    `limit_currency`; `rate` is units of the latter per unit of the former. `late_over` holds the probability that the
    order is paid more than k days late, by k, and is null where no model answered. `average_days_late` is weighted by
    amount over the last year, `overdue_ratio` the share of the open balance that is past due. The last two fields are
    filled in by the policy itself.
    """

    as_of: dt.date
    currency: str
    gross_minor: int
    net_days: int
    legal_form: str
    limit_currency: str
    prepaid_minor: int = 0
    secured_minor: int = 0
    margin_minor: int | None = None
    delivery_on: dt.date | None = None
    segment: str = ""
    country: str = ""
    payment_method: str = ""
    order_type: str = ""
    check_point: str = ""
    limit_minor: int | None = None
    limit_valid_to: dt.date | None = None
    rate: Decimal = Decimal(1)
    exposure_before_minor: int | None = None
    is_blocked: bool = False
    is_insolvent: bool = False
    max_dunning_level: int | None = None
    oldest_overdue_days: int | None = None
    overdue_ratio: float | None = None
    average_days_late: float | None = None
    settled_invoices: int | None = None
    history_days: int | None = None
    late_over: Mapping[int, float] | None = None
    mean_days_late: float | None = None
    event: str = "default_12m"
    event_label: str = "default"
    event_probability: float | None = None
    rating: str | None = None
    risk_class: str | None = None
    blocked_by: str | None = None
    expected_profit_minor: int | None = None

    def changed(self, **values: Any) -> Self:
        """The same facts, those that are named replaced: `dataclasses.replace` at a fraction of its price."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, **values)
        return made

    @property
    def claim_minor(self) -> int:
        """What the order adds to the customer's debt: gross less prepaid, in the order's currency."""
        return self.gross_minor - self.prepaid_minor

    @property
    def unsecured_minor(self) -> int:
        """The part of the claim that no security covers, in the order's currency."""
        return max(self.claim_minor - self.secured_minor, 0)

    @property
    def exposure_after_minor(self) -> int | None:
        """Exposure with the order, in the limit's currency: before + gross - prepaid."""
        if self.exposure_before_minor is None:
            return None
        return self.exposure_before_minor + self.in_limit_currency(self.claim_minor)

    def in_limit_currency(self, minor: int) -> int:
        """An amount of the order's currency in minor units of the limit's."""
        return convert_minor(minor, self.currency, self.limit_currency, self.rate)
