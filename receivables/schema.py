"""The canonical ledger: which tables and columns exist, and what each means.

Everything that stores, imports, simulates or reads a ledger is driven by `TABLES`.
Every fact has a business date (when it happened) and `known_at` (when the seller knew). Money is a whole number of
minor units of the `currency` in the same row. A date-only source knows a fact at the end of its day (see `end_of_day`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

import pandas as pd

#: Version of the canonical tables; changes with every migration.
SCHEMA_VERSION: Final = 1
#: Dates outside this span are refused.
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2199


class Kind(StrEnum):
    """How a column is stored: in a frame, in SQL and in text."""

    ID = "id"  # text as given, never a number: "007" stays "007", "NA" stays "NA"
    TEXT = "text"  # free or coded text
    DATE = "date"  # calendar day; datetime64[us] at midnight in a frame
    MOMENT = "moment"  # instant in UTC; naive datetime64[us] in a frame
    MONEY = "money"  # int64 minor units of the row's currency
    WHOLE = "whole"  # int64 count
    CURRENCY = "currency"  # ISO 4217 code
    RATE = "rate"  # exact decimal, kept as text


@dataclass(frozen=True)
class Column:
    """One column: name, kind, meaning; `nullable` says whether it may be absent, `values` lists what is allowed."""

    name: str
    kind: Kind
    meaning: str
    nullable: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table: its key, its columns and what one row states."""

    name: str
    key: tuple[str, ...]
    meaning: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def of_kind(self, *kinds: Kind) -> Iterator[Column]:
        """Columns of the given kinds."""
        return (column for column in self.columns if column.kind in kinds)


LEGAL_FORMS: Final = ("LEGAL_PERSON", "NATURAL_PERSON", "PUBLIC_BODY")


def _known(meaning: str = "when the seller knew this, UTC") -> Column:
    return Column("known_at", Kind.MOMENT, meaning)


def _customer(nullable: bool = False) -> Column:
    return Column("customer_id", Kind.ID, "the payer", nullable)


def _money(meaning: str) -> tuple[Column, Column]:
    return Column("amount_minor", Kind.MONEY, meaning), Column("currency", Kind.CURRENCY, "ISO 4217 code of the amount")


TABLES: Final[tuple[Table, ...]] = (
    Table(
        "customers",
        ("customer_id",),
        "a payer and its master data",
        (
            _customer(),
            Column("parent_id", Kind.ID, "head of the group the payer belongs to", True),
            Column("segment", Kind.TEXT, "coded customer segment", True),
            Column("country", Kind.TEXT, "ISO 3166 alpha-2", True),
            Column("industry", Kind.TEXT, "coded industry (NACE, NAICS ...)", True),
            Column("legal_form", Kind.TEXT, "decides which rules protect the customer", True, LEGAL_FORMS),
            Column("customer_since", Kind.DATE, "first business with the customer", True),
            _known(),
        ),
    ),
    Table(
        "invoices",
        ("invoice_id",),
        "an invoice as issued; never edited afterwards",
        (
            Column("invoice_id", Kind.ID, "document number"),
            _customer(),
            Column("company_code", Kind.TEXT, "selling company", True),
            Column("document_type", Kind.TEXT, "ERP document type", True),
            *_money("gross amount, positive"),
            Column("issued_on", Kind.DATE, "posting date"),
            Column("due_on", Kind.DATE, "net due date"),
            Column("net_days", Kind.WHOLE, "days from the payment-terms baseline to the due date"),
            Column("terms_code", Kind.TEXT, "ERP payment-terms key", True),
            _known(),
            Column("observed_until", Kind.DATE, "last day whose facts about this invoice the source holds"),
        ),
    ),
    Table(
        "payments",
        ("payment_id",),
        "money received",
        (
            Column("payment_id", Kind.ID, "payment document"),
            _customer(),
            *_money("amount received; negative for a reversal"),
            Column("paid_on", Kind.DATE, "value date"),
            Column("method", Kind.TEXT, "coded payment method", True),
            _known(),
        ),
    ),
    Table(
        "allocations",
        ("payment_id", "invoice_id", "line"),
        "the part of a payment that clears (part of) an invoice; negative for a reversal",
        (
            Column("payment_id", Kind.ID, "payment that is allocated"),
            Column("invoice_id", Kind.ID, "invoice that is cleared"),
            Column("line", Kind.WHOLE, "running number within payment and invoice"),
            *_money("amount cleared, in the invoice's currency"),
            Column("cleared_on", Kind.DATE, "value date of the clearing"),
            _known(),
        ),
    ),
    Table(
        "credit_notes",
        ("credit_note_id",),
        "an invoice or part of it credited: not a payment, not a failure to pay",
        (
            Column("credit_note_id", Kind.ID, "credit document"),
            _customer(),
            Column("invoice_id", Kind.ID, "invoice that is credited", True),
            *_money("amount credited, positive"),
            Column("credited_on", Kind.DATE, "posting date"),
            Column("reason", Kind.TEXT, "coded reason", True),
            _known(),
        ),
    ),
    Table(
        "disputes",
        ("dispute_id",),
        "a customer contests an invoice",
        (
            Column("dispute_id", Kind.ID, "case number"),
            _customer(),
            Column("invoice_id", Kind.ID, "contested invoice", True),
            *_money("contested amount"),
            Column("opened_on", Kind.DATE, "day the case was opened"),
            _known("when the seller knew of the dispute, UTC"),
            Column("closed_on", Kind.DATE, "day the case was closed; empty while open", True),
            Column("closed_known_at", Kind.MOMENT, "when the seller knew it was closed, UTC", True),
            Column("reason", Kind.TEXT, "coded reason", True),
            Column("result", Kind.TEXT, "who was right", True, ("CUSTOMER_RIGHT", "SELLER_RIGHT", "SHARED")),
        ),
    ),
    Table(
        "promises",
        ("promise_id",),
        "a customer promises to pay an amount by a day",
        (
            Column("promise_id", Kind.ID, "promise number"),
            _customer(),
            Column("invoice_id", Kind.ID, "invoice the promise is about", True),
            *_money("promised amount"),
            Column("made_on", Kind.DATE, "day the promise was made"),
            Column("promised_for", Kind.DATE, "day by which it will be paid"),
            _known(),
        ),
    ),
    Table(
        "dunnings",
        ("dunning_id",),
        "a reminder sent",
        (
            Column("dunning_id", Kind.ID, "reminder number"),
            _customer(),
            Column("invoice_id", Kind.ID, "invoice reminded of", True),
            Column("level", Kind.WHOLE, "dunning level reached, 1 and up"),
            Column("dunned_on", Kind.DATE, "day of the reminder"),
            _known(),
        ),
    ),
    Table(
        "limit_changes",
        ("customer_id", "valid_from"),
        "the credit limit that holds from a day on",
        (
            _customer(),
            Column("valid_from", Kind.DATE, "first day of the limit"),
            *_money("credit limit"),
            _known(),
        ),
    ),
    Table(
        "terms_changes",
        ("customer_id", "valid_from"),
        "the agreed payment terms that hold from a day on",
        (
            _customer(),
            Column("valid_from", Kind.DATE, "first day of the terms"),
            Column("net_days", Kind.WHOLE, "agreed net days"),
            _known(),
        ),
    ),
    Table(
        "write_offs",
        ("write_off_id",),
        "an invoice or part of it given up as uncollectable",
        (
            Column("write_off_id", Kind.ID, "write-off document"),
            _customer(),
            Column("invoice_id", Kind.ID, "invoice written off"),
            *_money("amount written off, positive"),
            Column("written_off_on", Kind.DATE, "posting date"),
            _known(),
        ),
    ),
    Table(
        "insolvencies",
        ("customer_id", "filed_on"),
        "insolvency proceedings opened over a customer",
        (
            _customer(),
            Column("filed_on", Kind.DATE, "day of the filing"),
            _known(),
        ),
    ),
    Table(
        "exchange_rates",
        ("currency", "base_currency", "rate_on"),
        "units of `base_currency` for one unit of `currency`, from a day on",
        (
            Column("currency", Kind.CURRENCY, "currency that is converted"),
            Column("base_currency", Kind.CURRENCY, "currency that it is converted to"),
            Column("rate_on", Kind.DATE, "first day of the rate"),
            Column("rate", Kind.RATE, "exact decimal"),
            _known(),
        ),
    ),
)

BY_NAME: Final[dict[str, Table]] = {table.name: table for table in TABLES}

_DTYPES = {
    Kind.ID: "str",
    Kind.TEXT: "str",
    Kind.CURRENCY: "str",
    Kind.RATE: "str",
    Kind.DATE: "datetime64[us]",
    Kind.MOMENT: "datetime64[us]",
    Kind.MONEY: "int64",
    Kind.WHOLE: "int64",
}


@cache
def empty(name: str) -> pd.DataFrame:
    """A frame of the table with its columns and dtypes and no rows; always the same one, so never to be written to."""
    return conform(name, pd.DataFrame(columns=list(BY_NAME[name].names)))


def conform(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the table's columns in order and in their dtypes; columns that may be null and are absent are null.

    Raises KeyError where a required column is absent and ValueError where a value does not fit its dtype: this is for
    frames that our own code made, outside data goes through `receivables.importer`.
    """
    table = BY_NAME[name]
    out = {}
    for column in table.columns:
        if column.name in frame:
            values = frame[column.name]
        elif column.nullable:
            values = pd.Series([None] * len(frame), index=frame.index, dtype="object")
        else:
            raise KeyError(f"{name}.{column.name}: required column is missing")
        out[column.name] = values.astype(_DTYPES[column.kind])  # type: ignore[call-overload]
    return pd.DataFrame(out, index=frame.index).reset_index(drop=True)


def end_of_day(days: pd.Series) -> pd.Series:
    """The moment at which a fact that carries only a date counts as known: the midnight that ends its day, UTC.

    As of the start of the next day it is visible, during its own day it is not.
    """
    return days.astype("datetime64[us]") + pd.Timedelta(days=1)
