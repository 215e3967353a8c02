"""Columns that depend on the asked day as well as on the invoice: what is known about paying later than day k.

The payment-time model is asked "later than k days?" once per grid day. Next to the invoice's features it sees k and
what those features say about day due + k: the weekday it falls on, the customer's habit on that weekday, the
customer's own and its peers' late rate at k. At k = 0 each of them repeats a feature; its share of an explanation is
credited to that feature, its home. The asked day itself needs no home: explanations condition on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

import numpy as np

from models.numbers import Floats, Ints

ASKED_DAYS: Final = "asked_days"
#: Names that the feature table gives to what is looked up here.
DUE_WEEKDAY: Final = "due_weekday"
TO_PAY_DAY: Final = "days_from_due_to_pay_day"
PAY_SHARES: Final = tuple(
    f"pay_share_{day}" for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
)
#: A late rate at a horizon: late_over_30_rate, peer_late_over_0_rate, late_over_m5_rate (m = minus), ..._rate_90d.
_RATE: Final = re.compile(r"(?P<before>.*)late_over_(?P<minus>m?)(?P<days>\d+)_rate(?P<after>.*)")


class Asked(Protocol):
    """One asked column."""

    @property
    def name(self) -> str:
        """Its column name."""

    def values(self, x: Floats, days: Ints) -> Floats:
        """(n, g) values for the inputs x (n, m) at each of g asked days; NaN = null."""

    def home(self, day: int) -> str | None:
        """The input that its contribution is credited to at an asked day; None where it contributes nothing."""

    def direction(self, directions: Mapping[str, int]) -> int:
        """Its monotone constraint, given those of the inputs."""


@dataclass(frozen=True)
class AskedDay:
    """The asked day k itself."""

    name: str = ASKED_DAYS

    def values(self, x: Floats, days: Ints) -> Floats:
        """k in every row."""
        return np.broadcast_to(days.astype(np.float64), (len(x), len(days)))

    def home(self, day: int) -> None:
        """Known to whoever asks, so it explains nothing."""

    def direction(self, directions: Mapping[str, int]) -> int:
        """Free: measured better than a constraint, and `PaymentLaw` rearranges anyway."""
        return 0


@dataclass(frozen=True)
class AskedWeekly:
    """A weekly count moved on by k: (source + step * k) modulo 7."""

    name: str
    source: str
    column: int
    step: int

    def values(self, x: Floats, days: Ints) -> Floats:
        """0 to 6."""
        return np.mod(x[:, self.column, None] + self.step * days.astype(np.float64), 7.0)

    def home(self, day: int) -> str:
        """The feature it moves."""
        return self.source

    def direction(self, directions: Mapping[str, int]) -> int:
        """Free: a place in the week has no order."""
        return 0


@dataclass(frozen=True)
class AskedPayShare:
    """The share of the customer's payments that come on the weekday of due + k."""

    weekday: int
    shares: tuple[int, ...]
    source: str
    name: str = "asked_pay_share"

    def values(self, x: Floats, days: Ints) -> Floats:
        """0 to 1; null where there is no due date."""
        due = x[:, self.weekday, None]
        on = np.mod(np.nan_to_num(due) + days.astype(np.float64), 7.0).astype(np.int64)
        share = np.take_along_axis(x[:, list(self.shares)], on, axis=1)
        return np.where(np.isnan(due), np.nan, share)

    def home(self, day: int) -> str:
        """The feature that says how the due date lies to the customer's payment days."""
        return self.source

    def direction(self, directions: Mapping[str, int]) -> int:
        """Free: a payment day may come just before or just after."""
        return 0


@dataclass(frozen=True)
class AskedRate:
    """A late rate at k, linear between the horizons of its features, level beyond the outermost."""

    name: str
    sources: tuple[str, ...]
    columns: tuple[int, ...]
    horizons: tuple[int, ...]

    def values(self, x: Floats, days: Ints) -> Floats:
        """0 to 1; at a horizon exactly the feature."""
        i, share = way_between(self.horizons, tuple(days.tolist()))
        rates = x[:, list(self.columns)]
        lower, upper = rates[:, i], rates[:, i + 1]
        between = lower + share * (upper - lower)
        return np.where(share == 0.0, lower, np.where(share == 1.0, upper, between))

    def home(self, day: int) -> str:
        """The rate at the nearest horizon."""
        return min(zip(self.horizons, self.sources, strict=True), key=lambda pair: abs(pair[0] - day))[1]

    def direction(self, directions: Mapping[str, int]) -> int:
        """That of its features, where they agree."""
        found = {directions.get(source, 0) for source in self.sources}
        return found.pop() if len(found) == 1 else 0


@cache
def way_between(horizons: tuple[int, ...], days: tuple[int, ...]) -> tuple[Ints, Floats]:
    """For each day the horizon before it, and how far it lies on the way to the next one, 0 to 1."""
    knots = np.array(horizons)
    at = np.clip(np.array(days), knots[0], knots[-1])
    i = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    return i, (at - knots[i]) / (knots[i + 1] - knots[i])


def asked_columns(inputs: Sequence[str]) -> tuple[Asked, ...]:
    """The asked columns that `inputs` allow, in a fixed order, the asked day first.

    >>> [column.name for column in asked_columns(["late_over_0_rate", "late_over_30_rate", "due_weekday"])]
    ['asked_days', 'asked_weekday', 'asked_late_rate']
    """
    at = {name: i for i, name in enumerate(inputs)}
    columns: list[Asked] = [AskedDay()]
    if DUE_WEEKDAY in at:
        columns.append(AskedWeekly("asked_weekday", DUE_WEEKDAY, at[DUE_WEEKDAY], 1))
    if TO_PAY_DAY in at:
        columns.append(AskedWeekly("asked_days_to_pay_day", TO_PAY_DAY, at[TO_PAY_DAY], -1))
    if {DUE_WEEKDAY, TO_PAY_DAY, *PAY_SHARES} <= at.keys():
        columns.append(AskedPayShare(at[DUE_WEEKDAY], tuple(at[name] for name in PAY_SHARES), TO_PAY_DAY))
    return (*columns, *_rates(at))


def _rates(at: Mapping[str, int]) -> list[AskedRate]:
    families: dict[str, list[tuple[int, str]]] = {}
    for name in at:
        if match := _RATE.fullmatch(name):
            horizon = int(match["days"]) * (-1 if match["minus"] else 1)
            families.setdefault(f"asked_{match['before']}late_rate{match['after']}", []).append((horizon, name))
    made = []
    for family, members in families.items():
        horizons, sources = zip(*sorted(members), strict=True)
        if len(horizons) > 1:  # a single horizon is the feature itself
            made.append(AskedRate(family, sources, tuple(at[name] for name in sources), horizons))
    return made
