"""Checks across an import's columns, rows and tables: date order, duplicates, references, sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from receivables.mapping import Checks
from receivables.merging import among, compare
from receivables.quarantine import ROW_REASONS, Draft, Quarantine
from receivables.schema import BY_NAME, TABLES, empty

#: Looks up stored rows: table and frame of keys in, rows out.
Find = Callable[[str, pd.DataFrame], pd.DataFrame]
#: An import's drafts by ledger table.
Drafts = dict[str, Draft]


@dataclass(frozen=True)
class Order:
    """`earlier` must not be after `later`; both are columns of `table`, or `earlier` is one of the row's invoice."""

    table: str
    earlier: str
    later: str


@dataclass(frozen=True)
class Check:
    """A check whose severity the mapping sets under its name; `orders` are the date orders that it looks at."""

    name: str
    meaning: str
    orders: tuple[Order, ...] = ()


_OF_INVOICE: Final = "invoice.issued_on"
CHECKS: Final[tuple[Check, ...]] = (
    Check("due_before_issue", "the invoice is due before it was issued", (Order("invoices", "issued_on", "due_on"),)),
    Check(
        "cleared_before_issue",
        "the invoice is paid, credited or written off before it was issued",
        (
            Order("allocations", _OF_INVOICE, "cleared_on"),
            Order("credit_notes", _OF_INVOICE, "credited_on"),
            Order("write_offs", _OF_INVOICE, "written_off_on"),
        ),
    ),
    Check(
        "known_before_event",
        "the fact was known before the day on which it happened",
        (
            Order("invoices", "issued_on", "known_at"),
            Order("payments", "paid_on", "known_at"),
            Order("allocations", "cleared_on", "known_at"),
            Order("credit_notes", "credited_on", "known_at"),
            Order("write_offs", "written_off_on", "known_at"),
        ),
    ),
    Check(
        "closed_before_opened",
        "the dispute is closed before it was opened",
        (Order("disputes", "opened_on", "closed_on"), Order("disputes", "known_at", "closed_known_at")),
    ),
    Check(
        "promised_before_made",
        "the payment is promised for a day before the promise",
        (Order("promises", "made_on", "promised_for"),),
    ),
    Check("after_observation", "the fact is dated after the last observed day"),
    Check("over_allocated", "more is cleared than the invoice's amount"),
)
#: Facts that are in the source once they happened: the latest of them is the last day that was observed.
OBSERVED: Final = (
    ("invoices", "issued_on"),
    ("payments", "paid_on"),
    ("allocations", "cleared_on"),
    ("credit_notes", "credited_on"),
    ("dunnings", "dunned_on"),
    ("write_offs", "written_off_on"),
)
#: Table, column, and the table whose key it must be.
_REFERENCES: Final = tuple(
    (table.name, column, target)
    for table in TABLES
    for column, target in (("customer_id", "customers"), ("invoice_id", "invoices"), ("payment_id", "payments"))
    if column in table.names and table.name != target
)
#: What a row must share with its invoice: column, reason to refuse the row.
_SHARED: Final = {"currency": "other_currency", "customer_id": "other_customer"}
CLEARINGS: Final = ("allocations", "credit_notes", "write_offs")


@dataclass(frozen=True)
class Finding:
    """A check that rows failed although they were loaded."""

    check: str
    table: str
    meaning: str
    rows: int


def check_duplicates(drafts: Drafts, quarantine: Quarantine) -> int:
    """Refuses all but the first of the rows with one key and different content; the number of identical repeats."""
    repeated = {draft.extract.name: np.zeros(len(draft.extract.lines), bool) for draft in drafts.values()}
    fresh = {name: np.zeros_like(mask) for name, mask in repeated.items()}
    for draft in drafts.values():
        if draft.mapped.distinct:
            continue
        frame, table = quarantine.all_good(draft), BY_NAME[draft.table]
        again = frame.duplicated(list(table.key)).to_numpy()
        found = compare(table, frame[~again], frame[again], {}) if again.any() else None
        clashing = np.array([conflict.position for conflict in found.conflicts] if found else [], np.int64)
        quarantine.refuse(draft, clashing, table.key[0], "duplicate_key", ROW_REASONS["duplicate_key"])
        labels = frame.index.to_numpy()
        repeated[draft.extract.name][np.setdiff1d(labels[again], clashing)] = True
        fresh[draft.extract.name][labels[~again]] = True
    # a row that feeds several tables repeats an earlier one only if it brings nothing new to any of them
    return sum(int((mask & ~fresh[name] & quarantine.good_rows(name)).sum()) for name, mask in repeated.items())


def check_orders(drafts: Drafts, quarantine: Quarantine, checks: Checks) -> list[Finding]:
    """Holds the date orders within a row against the drafts: rows are refused, or counted where they only warn."""
    findings = []
    for check, order in _orders(drafts, of_invoice=False):
        frame = quarantine.all_good(drafts[order.table])
        wrong = frame.index[(frame[order.later] < frame[order.earlier]).to_numpy(bool)]
        findings += _dealt_with(check, drafts[order.table], quarantine, checks, wrong, order.later)
    return findings


def check_observation(
    drafts: Drafts, quarantine: Quarantine, checks: Checks, observed_until: pd.Timestamp
) -> list[Finding]:
    """Facts that are dated after the last observed day."""
    findings = []
    for table, column in OBSERVED:
        if table in drafts:
            frame = quarantine.all_good(drafts[table])
            late = frame.index[(frame[column] > observed_until).to_numpy(bool)]
            findings += _dealt_with(_check("after_observation"), drafts[table], quarantine, checks, late, column)
    return findings


def check_references(drafts: Drafts, quarantine: Quarantine, find: Find) -> None:
    """Refuses rows that refer to a customer, invoice or payment that neither the import nor the ledger holds."""
    for name, column, target in _REFERENCES:
        if name not in drafts:
            continue
        values = quarantine.all_good(drafts[name])[column].dropna()
        if target in drafts:
            values = values[~among(values, quarantine.all_good(drafts[target])[column])]
        if not values.empty:
            stored = find(target, pd.DataFrame({column: values.unique()}))[column]
            orphans = values.index[~among(values, stored)].to_numpy()
            expected = f"{ROW_REASONS['unknown_reference']} ({target})"
            quarantine.refuse(drafts[name], orphans, column, "unknown_reference", expected)


def check_against_invoices(drafts: Drafts, quarantine: Quarantine, checks: Checks, find: Find) -> list[Finding]:
    """Holds rows against the invoice that they belong to: its customer and currency, its day of issue, its amount."""
    belonging = [name for name in drafts if name != "invoices" and "invoice_id" in BY_NAME[name].names]
    theirs = {name: _invoices_of(drafts[name], drafts, quarantine, find) for name in belonging}
    for name, invoice in theirs.items():
        for column, reason in _SHARED.items():
            if column in BY_NAME[name].names:
                rows = _differing(quarantine.all_good(drafts[name])[column], invoice[column])
                quarantine.refuse(drafts[name], rows, column, reason, ROW_REASONS[reason])
    findings = []
    for check, order in _orders(drafts, of_invoice=True):
        frame = quarantine.all_good(drafts[order.table])
        issued = theirs[order.table]["issued_on"].loc[frame.index]
        wrong = frame.index[(frame[order.later] < issued).to_numpy(bool)]
        findings += _dealt_with(check, drafts[order.table], quarantine, checks, wrong, order.later)
    for name in (each for each in CLEARINGS if each in theirs):
        over = _over_allocated(quarantine.good(drafts[name]), theirs[name])
        findings += _dealt_with(_check("over_allocated"), drafts[name], quarantine, checks, over, "amount_minor")
    return findings


def _differing(given: pd.Series, of_invoice: pd.Series) -> np.ndarray:
    """Labels of the rows whose value is not their invoice's; a row without an invoice has nothing to differ from."""
    expected = of_invoice.loc[given.index]
    return given.index[(expected.notna() & (expected != given)).to_numpy(bool)].to_numpy()


def _invoices_of(draft: Draft, drafts: Drafts, quarantine: Quarantine, find: Find) -> pd.DataFrame:
    """Customer, currency, issue day and amount of the invoice that each row refers to, null where it refers to none."""
    columns = ["invoice_id", "customer_id", "currency", "issued_on", "amount_minor"]
    ids = quarantine.all_good(draft)["invoice_id"]
    own = quarantine.good(drafts["invoices"])[columns] if "invoices" in drafts else empty("invoices")[columns]
    missing = ids[~among(ids, own["invoice_id"])].dropna().unique()
    held = (
        own if not len(missing) else pd.concat([own, find("invoices", pd.DataFrame({"invoice_id": missing}))[columns]])
    )
    place = pd.Index(held["invoice_id"]).get_indexer(pd.Index(ids))
    return held.drop(columns="invoice_id").reset_index(drop=True).reindex(place).set_axis(ids.index)


def _over_allocated(frame: pd.DataFrame, invoice: pd.DataFrame) -> pd.Index:
    """The clearings of invoices of which the import clears too much; what the ledger holds already is not added."""
    cleared = frame.groupby("invoice_id")["amount_minor"].transform("sum")
    return frame.index[(cleared > invoice["amount_minor"].loc[frame.index]).to_numpy(bool)]


def observed_days(drafts: Drafts, quarantine: Quarantine) -> pd.Series:
    """The days of the facts that show until when the source was observed."""
    days = [quarantine.all_good(drafts[table])[column] for table, column in OBSERVED if table in drafts]
    return pd.concat([pd.Series([], dtype="datetime64[us]"), *days], ignore_index=True)


def _orders(drafts: Drafts, *, of_invoice: bool) -> Iterator[tuple[Check, Order]]:
    for check in CHECKS:
        for order in check.orders:
            if order.table in drafts and (order.earlier == _OF_INVOICE) is of_invoice:
                yield check, order


def _check(name: str) -> Check:
    return next(each for each in CHECKS if each.name == name)


def _dealt_with(
    check: Check, draft: Draft, quarantine: Quarantine, checks: Checks, rows: pd.Index, column: str
) -> list[Finding]:
    """Refuses the rows, or finds them where the mapping only warns."""
    if not len(rows):
        return []
    if getattr(checks, check.name) == "quarantine":
        quarantine.refuse(draft, rows.to_numpy(), column, check.name, check.meaning)
        return []
    return [Finding(check.name, draft.table, check.meaning, len(rows))]
