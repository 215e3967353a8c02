"""What has become of each invoice, as far as a moment knew: open, paid, credited, written off, and when."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from receivables.ledger import Ledger

_NEVER = np.iinfo(np.int64).min
_CARRIED = ["invoice_id", "customer_id", "currency", "amount_minor", "issued_on", "due_on"]


class Outcome(StrEnum):
    """How an invoice stands."""

    OPEN = "OPEN"  # something is still to be paid
    PAID = "PAID"  # closed, by payment or by payment and credit
    CREDITED = "CREDITED"  # closed wholly by credit notes: no observation of how the customer pays
    WRITTEN_OFF = "WRITTEN_OFF"  # closed by giving (part of) it up: never paid


def settlements(ledger: Ledger, *, as_of: pd.Timestamp) -> pd.DataFrame:
    """One row per invoice known at `as_of`, in the ledger's order, with what had become of it.

    Columns: invoice_id, customer_id, currency, amount_minor, issued_on, due_on, and
    residual_minor, paid_minor, credited_minor, written_off_minor  (int64, the invoice's currency)
    settled_on     latest value date of its clearings once they cover the amount; NaT while open
    observed_until last day whose facts are in: the source's, or the day before `as_of` if that is earlier
    days_late      settled_on - due_on in days, negative = early; NaN while open or where nothing was paid
    days_past_due  the same for every settled invoice; while open, observed_until - due_on
    outcome        see `Outcome`
    """
    return settlements_of(ledger.known(as_of))


def settlements_of(known: Ledger) -> pd.DataFrame:
    """`settlements` of a ledger that already is a view as of some moment."""
    invoices = known["invoices"]
    ids = pd.Index(invoices["invoice_id"])
    paid, paid_on = _cleared(known["allocations"], "cleared_on", ids)
    credited, credited_on = _cleared(known["credit_notes"], "credited_on", ids)
    given_up, given_up_on = _cleared(known["write_offs"], "written_off_on", ids)
    residual = invoices["amount_minor"].to_numpy() - paid - credited - given_up
    settled = residual <= 0
    last = np.maximum(np.maximum(paid_on, credited_on), given_up_on)
    settled_on = pd.Series(np.where(settled, last, _NEVER).view("datetime64[us]"), index=invoices.index)
    out = invoices[_CARRIED].assign(
        residual_minor=np.maximum(residual, 0),
        paid_minor=paid,
        credited_minor=credited,
        written_off_minor=given_up,
        settled_on=settled_on,
        observed_until=invoices["observed_until"],
    )
    late = (settled_on.fillna(out["observed_until"]) - out["due_on"]).dt.days
    return out.assign(
        days_late=late.astype("float64").where(settled & (paid > 0)),
        days_past_due=late.astype("int64"),
        outcome=pd.Series(_outcome(settled, paid, given_up), index=out.index, dtype="str"),
    )


def _cleared(facts: pd.DataFrame, day: str, ids: pd.Index) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Per invoice: the sum of `facts` in minor units, and their latest value date as microseconds."""
    total = np.zeros(len(ids), dtype=np.int64)
    latest = np.full(len(ids), _NEVER, dtype=np.int64)
    row = ids.get_indexer(pd.Index(facts["invoice_id"]))
    seen = row >= 0
    np.add.at(total, row[seen], facts["amount_minor"].to_numpy()[seen])
    np.maximum.at(latest, row[seen], facts[day].to_numpy().view("int64")[seen])
    return total, latest


def _outcome(
    settled: npt.NDArray[np.bool_], paid: npt.NDArray[np.int64], given_up: npt.NDArray[np.int64]
) -> npt.NDArray[np.object_]:
    conditions = [~settled, given_up > 0, paid > 0]
    return np.select(conditions, [Outcome.OPEN, Outcome.WRITTEN_OFF, Outcome.PAID], Outcome.CREDITED).astype(object)
