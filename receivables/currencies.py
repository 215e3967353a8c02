"""One reporting currency for amounts in many: dated rates of the ledger, indicative rates of the configuration behind.

A rate counts for a day only if it was valid on that day and known before the day began, so what an amount converts to
never depends on anything learnt later. Amounts stay whole minor units and are rounded once, half to even.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from receivables.config import conf_dir, load
from receivables.errors import ConfigError
from receivables.ledger import Ledger
from receivables.money import exponent

_DAY = "datetime64[D]"


@dataclass(frozen=True)
class Currencies:
    """conf/currencies.toml: the reporting currency, and indicative `rates` in `pivot` units per unit of a currency.

    Rates are decimal text, never floats. They are used for days on which the ledger holds no rate.
    """

    reporting_currency: str
    pivot: str
    rates_on: dt.date
    source: str
    rates: dict[str, str]

    @classmethod
    def read(cls, path: Path | None = None) -> Currencies:
        """The configured currencies; raises ConfigError where the file is absent or wrong."""
        return load(cls, path or conf_dir() / "currencies.toml")

    def rate(self, currency: str, base: str) -> Decimal:
        """Indicative units of `base` for one unit of `currency`; raises ConfigError where either has none.

        >>> made = Currencies("EUR", "EUR", dt.date(2026, 1, 1), "example", {"USD": "0.8", "GBP": "1.2"})
        >>> made.rate("GBP", "USD")
        Decimal('1.5')
        """
        per_pivot = {self.pivot: "1", **self.rates}
        missing = sorted({currency, base} - set(per_pivot))
        if missing:
            raise ConfigError(
                f"conf/currencies.toml: no rate for {', '.join(missing)}, needed to convert {currency} to {base}; "
                f"add it there or load dated rates into the ledger's exchange_rates"
            )
        return Decimal(per_pivot[currency]) / Decimal(per_pivot[base])


@dataclass(frozen=True, order=True)
class Fallback:
    """An indicative rate that stood in for one the ledger does not hold: units of `base` per unit of `currency`."""

    currency: str
    base: str
    rate: Decimal
    rates_on: dt.date
    source: str


@dataclass(frozen=True)
class Quotes:
    """A currency's rates from the ledger: `days` (datetime64[D], rising) from which each counts, and the `rates`."""

    days: np.ndarray
    rates: tuple[Decimal, ...]


@dataclass(frozen=True)
class Rates:
    """Converts into `base`; `fallbacks` are the indicative rates that the ledger's own invoices needed."""

    base: str
    conf: Currencies
    quotes: Mapping[str, Quotes] = field(repr=False)
    fallbacks: tuple[Fallback, ...] = ()

    @classmethod
    def of(cls, ledger: Ledger, conf: Currencies, *, base: str | None = None) -> Rates:
        """The rates of a ledger into `base`, by default the configured reporting currency."""
        base = base or conf.reporting_currency
        exponent(base)
        bare = cls(base, conf, _quotes(ledger["exchange_rates"], base))
        invoices = ledger["invoices"]
        needed = bare.indicative(invoices["currency"].to_numpy(), invoices["issued_on"].to_numpy())
        return cls(base, conf, bare.quotes, needed)

    def convert(self, minor: np.ndarray, currency: np.ndarray, on: np.ndarray) -> np.ndarray:
        """`minor` units of `currency` on days `on` as int64 minor units of `base`; three arrays of one length.

        `on` is datetime64 without NaT. Raises ConfigError for a currency without any rate.
        """
        minor, on = np.asarray(minor, np.int64), np.asarray(on).astype(_DAY)
        out = minor.copy()
        currency = np.asarray(currency, object)
        if (currency == self.base).all():
            return out
        for code in sorted(set(currency.tolist()) - {self.base}):
            of_code = np.flatnonzero(currency == code)
            position = self._positions(code, on[of_code])
            for p in np.unique(position):
                chosen = of_code[position == p]
                rate = self.quotes[code].rates[p] if p >= 0 else self.conf.rate(code, self.base)
                out[chosen] = _times(minor[chosen], rate, exponent(self.base) - exponent(code))
        return out

    def convert_one(self, minor: int, currency: str, day: int) -> int:
        """`convert` of one amount, `day` counted from 1970-01-01: without the price of making arrays."""
        if currency == self.base:
            return minor
        key = currency, day
        if key not in self._ratios:
            self._ratios[key] = self._ratio(currency, day)
        numerator, denominator = self._ratios[key]
        whole, rest = divmod(minor * numerator, denominator)
        return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))

    @cached_property
    def _ratios(self) -> dict[tuple[str, int], tuple[int, int]]:
        """Ratios that `convert_one` has worked out, by currency and day."""
        return {}

    def _ratio(self, currency: str, day: int) -> tuple[int, int]:
        on = np.array([day]).astype(_DAY)
        position = int(self._positions(currency, on)[0])
        rate = self.quotes[currency].rates[position] if position >= 0 else self.conf.rate(currency, self.base)
        return rate.scaleb(exponent(self.base) - exponent(currency)).as_integer_ratio()

    def indicative(self, currency: np.ndarray, on: np.ndarray) -> tuple[Fallback, ...]:
        """The indicative rates that `convert` would use for these currencies and days."""
        currency, on = np.asarray(currency, object), np.asarray(on).astype(_DAY)
        codes = sorted(set(currency.tolist()) - {self.base})
        used = [code for code in codes if (self._positions(code, on[currency == code]) < 0).any()]
        conf = self.conf
        return tuple(Fallback(c, self.base, conf.rate(c, self.base), conf.rates_on, conf.source) for c in used)

    def _positions(self, code: str, on: np.ndarray) -> np.ndarray:
        """Which of the currency's rates counts on each day; -1 where none does."""
        if code not in self.quotes:
            return np.full(len(on), -1)
        return np.searchsorted(self.quotes[code].days, on, side="right") - 1


def _quotes(rates: pd.DataFrame, base: str) -> dict[str, Quotes]:
    """Quotes into `base` by currency; a rate quoted the other way round is inverted, other pairs are left out."""
    direct = rates["base_currency"] == base
    inverse = (rates["currency"] == base) & ~direct
    quoted = [Decimal(text) for text in rates["rate"]]
    values = [1 / rate if turned else rate for rate, turned in zip(quoted, inverse, strict=True)]
    frame = rates.assign(
        code=rates["currency"].where(direct, rates["base_currency"]),
        value=pd.Series(values, index=rates.index, dtype=object),
        # known before the day began: the first midnight at or after known_at
        usable=rates["known_at"].dt.ceil("D").where(lambda known: known > rates["rate_on"], rates["rate_on"]),
        turned=inverse,
    )[direct | inverse]
    # of two quotes of one day the direct one counts, in whatever order the rows come
    frame = frame.sort_values(["usable", "rate_on", "turned"], ascending=[True, True, False])
    made = {}
    for code, group in frame.groupby("code"):
        # a rate for an earlier day that became known late does not replace the newer one
        newest = group[group["rate_on"] >= group["rate_on"].cummax()]
        made[str(code)] = Quotes(newest["usable"].to_numpy().astype(_DAY), tuple(newest["value"]))
    return made


def _times(minor: np.ndarray, rate: Decimal, shift: int) -> np.ndarray:
    """`minor` x `rate` x 10^`shift`, rounded half to even, in Python's unbounded integers so that nothing overflows."""
    numerator, denominator = rate.scaleb(shift).as_integer_ratio()
    scaled = minor.astype(object) * numerator
    whole, rest = scaled // denominator, scaled % denominator
    up = (2 * rest > denominator) | ((2 * rest == denominator) & (whole % 2 == 1))
    rounded: np.ndarray = (whole + up.astype(bool)).astype(np.int64)
    return rounded
