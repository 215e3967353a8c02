"""Exact money: decimal strings in, integer minor units of an ISO 4217 currency inside, decimal strings out."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

from receivables.errors import InputError

#: Minor-unit digits that differ from two (ISO 4217:2015, table A.1, and its amendments).
_OTHER_EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    "CLF": 4,
    "UYW": 4,
}
#: Currencies in circulation with two minor-unit digits.
_TWO_DIGITS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP "
    "CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES "
    "KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK "
    "NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB "
    "TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG BGN ANG HRK"
).split()
EXPONENTS: dict[str, int] = {**dict.fromkeys(_TWO_DIGITS, 2), **_OTHER_EXPONENTS}

_PLAIN = re.compile(r"[+-]?\d{1,15}(\.\d{1,6})?\Z", re.ASCII)
#: The largest amount that is accepted, in minor units: a sum of nine million of these still fits 64 bits.
MAX_MINOR = 10**12


def exponent(currency: str) -> int:
    """Number of minor-unit digits of an ISO 4217 currency.

    >>> exponent("EUR"), exponent("JPY"), exponent("KWD")
    (2, 0, 3)
    """
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise InputError(f"currency: expected an ISO 4217 code such as EUR, got {currency!r}") from None


@lru_cache(maxsize=4_096)
def parse_minor(text: str, currency: str) -> int:
    """The amount in minor units; raises InputError where it is not a plain, finite decimal that fits the currency.

    >>> parse_minor("49980.00", "EUR"), parse_minor("120", "JPY"), parse_minor("1.005", "KWD")
    (4998000, 120, 1005)
    """
    digits = exponent(currency)
    if not _PLAIN.match(text):
        raise InputError(f"amount: expected a plain decimal such as 1234.56, got {text[:40]!r}")
    scaled = Decimal(text).scaleb(digits)
    minor = int(scaled)
    if scaled != minor:
        raise InputError(f"amount: {currency} has {digits} decimal places, got {text[:40]!r}")
    if abs(minor) > MAX_MINOR:
        raise InputError(f"amount: beyond {format_minor(MAX_MINOR, currency)} {currency}, got {text[:40]!r}")
    return minor


def format_minor(minor: int, currency: str) -> str:
    """The amount as a decimal string with exactly the currency's digits.

    >>> format_minor(4998000, "EUR"), format_minor(-5, "EUR"), format_minor(120, "JPY")
    ('49980.00', '-0.05', '120')
    """
    digits = exponent(currency)
    sign, whole = ("-", -int(minor)) if minor < 0 else ("", int(minor))
    if digits == 0:
        return f"{sign}{whole}"
    return f"{sign}{whole // 10**digits}.{whole % 10**digits:0{digits}d}"


def spoken(minor: int, currency: str) -> str:
    """The amount as people read it.

    >>> spoken(2130000, "EUR")
    '21,300.00 EUR'
    """
    text = format_minor(abs(int(minor)), currency)
    whole, _, rest = text.partition(".")
    return f"{'-' if minor < 0 else ''}{int(whole):,}{'.' if rest else ''}{rest} {currency}"


def convert_minor(minor: int, from_currency: str, to_currency: str, rate: Decimal) -> int:
    """`minor` of one currency in minor units of another, at `rate` units of `to` per unit of `from`, half to even.

    >>> convert_minor(10000, "CAD", "USD", Decimal("0.75"))
    7500
    """
    if from_currency == to_currency and rate == 1:
        return int(minor)
    shift = exponent(to_currency) - exponent(from_currency)
    return int((Decimal(int(minor)) * rate).scaleb(shift).to_integral_value(rounding="ROUND_HALF_EVEN"))
