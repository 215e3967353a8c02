"""The data-quality report of an import: what came in, what stands out, whether the sums agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from receivables.checks import CLEARINGS, Finding
from receivables.ledger import Ledger
from receivables.merging import among
from receivables.money import format_minor, spoken
from receivables.schema import TABLES, empty
from receivables.settlements import settlements_of
from receivables.store import LoadResult


@dataclass(frozen=True)
class Rules:
    """When the report speaks up; meanings in conf/import.toml."""

    mass_multiple: float
    mass_share: float
    mass_minimum: int
    lonely_gap_days: int
    dominant_share: float


@dataclass(frozen=True)
class TableCount:
    """Good rows of one ledger table, and what the load did with them."""

    table: str
    rows: int
    inserted: int
    updated: int
    unchanged: int


@dataclass(frozen=True)
class Balance:
    """Sums of one currency in minor units: `issued` should be `cleared` (paid, credited, written off) and `open`."""

    currency: str
    invoices: int
    issued_minor: int
    cleared_minor: int
    open_minor: int

    @property
    def difference_minor(self) -> int:
        """What the sums disagree by: negative where more is cleared than was issued."""
        return self.issued_minor - self.cleared_minor - self.open_minor


@dataclass(frozen=True)
class Month:
    """The invoices issued in one month; `amounts` in minor units by currency; `open_share` by number, 0 to 1."""

    month: str
    invoices: int
    customers: int
    amounts: Mapping[str, int]
    open_share: float


@dataclass(frozen=True)
class ClearingDay:
    """Clearings of one day: their number, share of all, and multiple of the median day's."""

    day: str
    clearings: int
    share: float
    multiple: float
    mass: bool


@dataclass(frozen=True)
class Largest:
    """The customer with most invoices, and its share of them, 0 to 1."""

    customer_id: str
    invoices: int
    share: float


@dataclass(frozen=True)
class Quality:
    """Everything that the report states; counts are rows unless they say otherwise."""

    name: str
    mapping: str
    fingerprint: str
    observed_until: str | None
    batch: int | None
    rows_read: int
    duplicates: int
    quarantined: int
    by_reason: Mapping[str, int]
    tables: tuple[TableCount, ...]
    findings: tuple[Finding, ...]
    balances: tuple[Balance, ...]
    months: tuple[Month, ...]
    clearing_days: tuple[ClearingDay, ...]
    largest: Largest | None
    rules: Rules
    warnings: tuple[str, ...]

    @property
    def rows_good(self) -> int:
        """Rows that are in the ledger after the import, repeats of other rows aside."""
        return self.rows_read - self.quarantined - self.duplicates

    @property
    def mass_clearings(self) -> tuple[ClearingDay, ...]:
        """The days with unusually many clearings."""
        return tuple(day for day in self.clearing_days if day.mass)

    @property
    def stem(self) -> str:
        """Name of the report's and the quarantine's files, without ending."""
        return f"{self.name.partition('.')[0]}-{self.fingerprint[:8]}"


def assess(
    frames: Mapping[str, pd.DataFrame], result: LoadResult, rules: Rules, *, warnings: tuple[str, ...],
    observed_until: pd.Timestamp | None, **facts: Any,
) -> Quality:  # fmt: skip
    """The report on an import's good rows; `facts` are the fields of `Quality` that the importer counted itself."""
    settled = settlements_of(Ledger({t.name: frames[t.name] if t.name in frames else empty(t.name) for t in TABLES}))
    months = _months(settled)
    days = _clearing_days(frames, rules)
    largest = _largest(settled)
    made = Quality(
        **facts,
        observed_until=None if observed_until is None else str(observed_until.date()),
        batch=result.batch,
        tables=_tables(frames, result),
        balances=_balances(frames, settled),
        months=months,
        clearing_days=days,
        largest=largest,
        rules=rules,
        warnings=(),
    )
    return Quality(**{**vars(made), "warnings": (*warnings, *_warnings(made))})


def _tables(frames: Mapping[str, pd.DataFrame], result: LoadResult) -> tuple[TableCount, ...]:
    loads = result.tables
    return tuple(
        TableCount(name, len(frame), loads[name].inserted, loads[name].updated, loads[name].unchanged)
        for name, frame in frames.items()
    )


def _balances(frames: Mapping[str, pd.DataFrame], settled: pd.DataFrame) -> tuple[Balance, ...]:
    """Per currency, summed from the clearings themselves and not from what the invoices make of them."""
    clearings = pd.concat([_of_invoices(frames, name, settled) for name in CLEARINGS])
    cleared = clearings.groupby("currency")["amount_minor"].sum().to_dict()
    sums = settled.groupby("currency")[["amount_minor", "residual_minor"]].sum()
    counts = settled["currency"].value_counts().to_dict()
    issued, residual = (dict(zip(sums.index, sums[name].tolist(), strict=True)) for name in sums)
    ordered = sorted(counts, key=lambda code: (-counts[code], str(code)))
    return tuple(Balance(str(c), counts[c], issued[c], int(cleared.get(c, 0)), residual[c]) for c in ordered)


def _of_invoices(frames: Mapping[str, pd.DataFrame], name: str, settled: pd.DataFrame) -> pd.DataFrame:
    frame = frames[name] if name in frames else empty(name)
    return frame.loc[among(frame["invoice_id"], settled["invoice_id"]), ["currency", "amount_minor"]]


def _months(settled: pd.DataFrame) -> tuple[Month, ...]:
    month = pd.Series(settled["issued_on"].to_numpy().astype("datetime64[M]").astype("int64"), index=settled.index)
    amounts: dict[int, dict[str, int]] = defaultdict(dict)
    sums = settled.groupby([month.rename("month"), "currency"], as_index=False)["amount_minor"].sum()
    for number, code, minor in zip(*(sums[name].tolist() for name in sums), strict=True):
        amounts[number][code] = minor
    rows = settled.assign(is_open=settled["settled_on"].isna()).groupby(month)
    invoices, customers = rows.size().to_dict(), rows["customer_id"].nunique().to_dict()
    open_share = rows["is_open"].mean().to_dict()
    return tuple(
        Month(str(np.datetime64(number, "M")), invoices[number], customers[number], held, open_share[number])
        for number, held in sorted(amounts.items())
    )


def _clearing_days(frames: Mapping[str, pd.DataFrame], rules: Rules) -> tuple[ClearingDay, ...]:
    """Clearings by value date; which days count as mass clearings is said in conf/import.toml."""
    allocations = frames["allocations"] if "allocations" in frames else empty("allocations")
    counts = allocations["cleared_on"].value_counts().sort_index()
    if counts.empty:
        return ()
    share, multiple = counts / counts.sum(), counts / counts.median()
    mass = (
        (multiple >= rules.mass_multiple) & (share >= rules.mass_share) & (counts >= rules.mass_minimum)
    ).to_numpy(bool)  # fmt: skip
    cells = zip(counts.index, counts.to_numpy(), share.to_numpy(), multiple.to_numpy(), mass, strict=True)
    return tuple(ClearingDay(str(d.date()), int(n), float(s), float(m), bool(flag)) for d, n, s, m, flag in cells)


def _largest(settled: pd.DataFrame) -> Largest | None:
    counts = settled["customer_id"].value_counts()
    if counts.empty:
        return None
    # of several with the same number the first by id, so that the report is the same every time
    name = min(counts.index[counts == counts.iloc[0]])
    return Largest(str(name), int(counts.iloc[0]), float(counts.iloc[0] / counts.sum()))


def _warnings(quality: Quality) -> list[str]:
    rules = quality.rules
    out = [
        f"mass clearing on {day.day}: {day.clearings} clearings, {day.share:.1%} of all, {day.multiple:.1f} times the "
        f"median day's: after a migration or bulk posting, dates show the posting and not the payment"
        for day in quality.mass_clearings
    ]
    out += [
        f"{each.currency}: issued and cleared plus open differ by {spoken(each.difference_minor, each.currency)}: "
        f"invoices are cleared beyond their amount"
        for each in quality.balances
        if each.difference_minor
    ]
    if quality.largest and quality.largest.share > rules.dominant_share:
        out.append(f"one customer has {quality.largest.share:.1%} of the invoices: read figures with and without it")
    missing = _missing_months([month.month for month in quality.months])
    if missing:
        shown = f"{', '.join(missing[:12])}{' ...' if len(missing) > 12 else ''}"
        out.append(f"no invoices in {shown}: was the extract complete?")
    return out


def _missing_months(present: list[str]) -> list[str]:
    """Months without invoices between the first and the last.

    >>> _missing_months(["2025-11", "2026-02"])
    ['2025-12', '2026-01']
    """
    if not present:
        return []
    span = np.arange(np.datetime64(present[0], "M"), np.datetime64(present[-1], "M"))
    return [str(month) for month in span if str(month) not in present]


def document(quality: Quality) -> dict[str, Any]:
    """The report for machines: money as decimal strings with their currency, shares from 0 to 1."""
    return {
        "name": quality.name,
        "mapping": quality.mapping,
        "fingerprint": quality.fingerprint,
        "batch": quality.batch,
        "observed_until": quality.observed_until,
        "rows": {
            "read": quality.rows_read,
            "good": quality.rows_good,
            "duplicates": quality.duplicates,
            "quarantined": quality.quarantined,
        },
        "quarantined_by_reason": dict(quality.by_reason),
        "tables": {each.table: {k: v for k, v in vars(each).items() if k != "table"} for each in quality.tables},
        "findings": [dict(vars(finding)) for finding in quality.findings],
        "balances": [_balance_document(balance) for balance in quality.balances],
        "months": [_month_document(month) for month in quality.months],
        "mass_clearing_rule": dict(vars(quality.rules)),
        "mass_clearings": [dict(vars(day)) for day in quality.mass_clearings],
        "largest_customer": None if quality.largest is None else dict(vars(quality.largest)),
        "warnings": list(quality.warnings),
    }


def _balance_document(balance: Balance) -> dict[str, Any]:
    amounts = ("issued", "cleared", "open", "difference")
    texts = {name: format_minor(getattr(balance, f"{name}_minor"), balance.currency) for name in amounts}
    return {"currency": balance.currency, "invoices": balance.invoices, **texts}


def _month_document(month: Month) -> dict[str, Any]:
    amounts = {code: format_minor(minor, code) for code, minor in month.amounts.items()}
    return {**vars(month), "amounts": amounts}
