"""Room in a credit limit that approved orders have taken and invoices do not show yet.

An approval reserves what the order adds to the customer's debt, until its invoice arrives or the approval runs out. So
two orders that come in together cannot both take the last of a limit: a reservation is only written where nothing has
been reserved on the account since the order was decided on.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from receivables.decision import moment_text

TABLE: Final = """
CREATE TABLE IF NOT EXISTS reservations (
    change       INTEGER PRIMARY KEY AUTOINCREMENT,
    account      TEXT NOT NULL,
    customer_id  TEXT NOT NULL,
    sales_order  TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency     TEXT NOT NULL,
    made_at      TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    released_at  TEXT
) STRICT
"""
INDEX: Final = "CREATE INDEX IF NOT EXISTS reservations_account ON reservations (account, released_at)"
HELD: Final = "SELECT * FROM reservations WHERE account = ? AND released_at IS NULL"
NEWEST: Final = "SELECT coalesce(max(change), 0) FROM reservations WHERE account = ?"
_RELEASE: Final = """
UPDATE reservations SET released_at = ? WHERE customer_id = ? AND sales_order = ? AND released_at IS NULL
"""
_INSERT: Final = """
INSERT INTO reservations (account, customer_id, sales_order, amount_minor, currency, made_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
#: How far the clocks of two callers may be apart.
CLOCKS: Final = dt.timedelta(minutes=5)
#: From when on an ERP that states its open orders is taken to include an order that was approved.
BOOKED_AFTER: Final = dt.timedelta(minutes=15)


@dataclass(frozen=True)
class Reservation:
    """What an approved order has taken of the limit of `account`, in minor units of `currency`, from when until when.

    Moments are `moment_text`.
    """

    account: str
    customer_id: str
    sales_order: str
    amount_minor: int
    currency: str
    made_at: str
    expires_at: str


@dataclass(frozen=True)
class Reserved:
    """The reservations on an account, and the number of the newest change, by which a later one is noticed."""

    held: tuple[Reservation, ...] = ()
    change: int = 0

    def counting(
        self, as_of: dt.datetime, *, customer_id: str, sales_order: str, orders_are_stated: bool
    ) -> tuple[Reservation, ...]:
        """Those that an order at a moment must leave room for: not its own, not expired.

        Where the caller states its open orders, only those are counted that it may not have booked yet.
        """
        latest, now = moment_text(as_of + CLOCKS), moment_text(as_of)
        booked = moment_text(as_of - BOOKED_AFTER)
        return tuple(
            held
            for held in self.held
            if held.made_at <= latest
            and held.expires_at > now
            and (held.customer_id, held.sales_order) != (customer_id, sales_order)
            and not (orders_are_stated and held.made_at <= booked)
        )


@dataclass(frozen=True)
class Claim:
    """What a decision does to reservations: takes one, or gives back what its order had.

    `seen` is the `Reserved.change` that it was made on.
    """

    account: str
    customer_id: str
    sales_order: str
    taken: Reservation | None
    seen: int


class OutdatedError(Exception):
    """Something was reserved on the account since the order was decided on: it must be decided on again."""


def reserved_of(rows: Iterable[sqlite3.Row], change: int) -> Reserved:
    """The reservations in rows of the table."""
    return Reserved(tuple(Reservation(*tuple(row)[1:8]) for row in rows), change)


def newest(connection: sqlite3.Connection, account: str) -> int:
    """The number of the newest change on an account; 0 for one that nothing was ever reserved on."""
    return int(connection.execute(NEWEST, (account,)).fetchone()[0])


def settle(connection: sqlite3.Connection, claim: Claim, now: str) -> None:
    """Writes the claim within the caller's transaction; raises OutdatedError where it must not be."""
    if claim.taken is not None and newest(connection, claim.account) != claim.seen:
        raise OutdatedError
    release(connection, claim.customer_id, claim.sales_order, now)
    if claim.taken is not None:
        taken = claim.taken
        connection.execute(
            _INSERT,
            (taken.account, taken.customer_id, taken.sales_order, taken.amount_minor, taken.currency, taken.made_at,
             taken.expires_at),
        )  # fmt: skip


def release(connection: sqlite3.Connection, customer_id: str, sales_order: str, now: str) -> None:
    """Gives back what an order had reserved: its invoice is there, or it is not approved any more."""
    connection.execute(_RELEASE, (now, customer_id, sales_order))
