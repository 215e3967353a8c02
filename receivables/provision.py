"""A provision matrix (IFRS 9, 5.5.15): what is open by aging bucket, times the share of it that history says is lost.

The loss rate of a bucket is measured on the ledger itself: of what stood in the bucket at past month ends, the share
that was still unpaid, or had been written off, `HORIZON` days later, times the share of such claims that is lost.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from receivables.aging import BUCKETS, NAMES, Book, aged

#: Days after a month end at which what is still unpaid counts as failed.
HORIZON: Final = 180
#: Month ends that the rates are measured on, at most.
MONTHS: Final = 24


@dataclass(frozen=True)
class ProvisionLine:
    """One aging bucket: open minor units, the share of past amounts that failed, the loss rate, and the provision.

    `observed_minor` is the past amount behind the rate; without any the rate is that of the next younger bucket that
    has some, or 0.
    """

    bucket: str
    open_minor: int
    observed_minor: int
    failed_share: float
    loss_rate: float
    provision_minor: int


@dataclass(frozen=True)
class Provision:
    """The matrix in minor units of `currency`; the open amounts add up to the ledger's open balance."""

    on: dt.date
    currency: str
    month_ends: int
    lines: tuple[ProvisionLine, ...]

    @property
    def open_minor(self) -> int:
        """All that is open."""
        return sum(line.open_minor for line in self.lines)

    @property
    def provision_minor(self) -> int:
        """The whole provision."""
        return sum(line.provision_minor for line in self.lines)


def provision(book: Book, on: dt.date, *, loss_given_default: float) -> Provision:
    """The provision at the end of day `on`; only month ends whose `HORIZON` days have passed by then are used."""
    items = aged(book, on)
    open_minor = _by_bucket(items["bucket"], items["base_minor"])
    ends = _month_ends(book, on)
    stood, failed = np.zeros(len(BUCKETS), np.int64), np.zeros(len(BUCKETS), np.int64)
    for end in ends:
        past, lost = _failed(book, end)
        stood, failed = stood + past, failed + lost
    lines, share = [], 0.0
    for i, name in enumerate(NAMES):
        # an older bucket never looks safer than a younger one: with few amounts in it that would be chance
        share = max(failed[i] / stood[i], share) if stood[i] else share
        rate = share * loss_given_default
        lines.append(ProvisionLine(name, int(open_minor[i]), int(stood[i]), share, rate, round(open_minor[i] * rate)))
    return Provision(on, book.base, len(ends), tuple(lines))


def _month_ends(book: Book, on: dt.date) -> list[dt.date]:
    first = book.invoices["issued_on"].min()
    last = pd.Timestamp(on) - pd.Timedelta(days=HORIZON)
    return [end.date() for end in pd.date_range(first, last, freq="ME")][-MONTHS:] if first <= last else []


def _failed(book: Book, end: dt.date) -> tuple[np.ndarray, np.ndarray]:
    """(buckets,) what stood in each bucket at a month end, and what of it was unpaid or written off later."""
    items = aged(book, end)
    later = end + dt.timedelta(days=HORIZON)
    left = pd.Series(book.residual(later) + _written_off(book, end, later), index=book.invoices["invoice_id"])
    residual = items["residual_minor"].to_numpy()
    share = np.minimum(left.reindex(items["invoice_id"]).to_numpy(), residual) / residual
    lost = np.round(items["base_minor"].to_numpy() * share).astype(np.int64)
    return _by_bucket(items["bucket"], items["base_minor"]), _by_bucket(items["bucket"], lost)


def _written_off(book: Book, after: dt.date, until: dt.date) -> np.ndarray:
    """Written off between two days, per invoice in minor units of its currency."""
    losses, made = book.clearings, np.zeros(len(book.invoices), np.int64)
    within = losses["is_loss"] & (losses["day"] > pd.Timestamp(after)) & (losses["day"] <= pd.Timestamp(until))
    np.add.at(made, losses["row"][within].to_numpy(), losses["minor"][within].to_numpy())
    return made


def _by_bucket(bucket: pd.Series | np.ndarray, minor: pd.Series | np.ndarray) -> np.ndarray:
    return np.bincount(np.asarray(bucket), np.asarray(minor, np.float64), len(BUCKETS)).round().astype(np.int64)
