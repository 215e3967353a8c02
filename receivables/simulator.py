"""A seeded seller's ledger with the true probability of every outcome, for demonstrations and for testing models.

`simulate` draws hidden traits of customers, then invoices, then for each invoice an explicit law of its payment, and
samples from that law. The truth is read from the same law (see `receivables.simulation.law`), the ledger holds only
what a seller would see. docs/simulator.md says what is modelled and how it compares with a real extract.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from receivables.errors import InputError
from receivables.ledger import Ledger
from receivables.schema import conform
from receivables.simulation import cash, events, masterdata
from receivables.simulation.book import Book, Texts
from receivables.simulation.conduct import Conduct
from receivables.simulation.config import Behaviour, Segment, SimulationConfig, Stress
from receivables.simulation.days import NEVER, dates
from receivables.simulation.defaults import WINDOWS, Arrivals, default_within, future_failure
from receivables.simulation.law import HORIZONS
from receivables.simulation.orders import monthly_rate
from receivables.simulation.payments import Progress, Settled, settle
from receivables.simulation.streams import Ints, booked_late
from receivables.simulation.world import World, draw_world

MAX_CUSTOMERS, MAX_MONTHS = 200_000, 120


@dataclass(frozen=True)
class Simulated:
    """A simulated ledger and the truth behind it.

    `truth`, one row per invoice of the ledger: invoice_id, customer_id, issued_on, segment, behaviour and stress (both
    hidden, at issue), p_dispute, p_late_over_{0,5,15,30,60,90}, p_never, expected_days_late (if ever paid), and what
    was drawn, beyond the ledger's end too: days_late (null if never paid), cancelled. The probabilities are
    conditional on the invoice not being credited in full.
    `default_truth`, one row per customer and month end: customer_id, as_of, stress, p_default_180d, p_default_365d;
    null where the customer is in default already.
    """

    ledger: Ledger
    truth: pd.DataFrame
    default_truth: pd.DataFrame


def simulate(
    customers: int,
    months: int,
    seed: int,
    end: dt.date,
    config: SimulationConfig,
    progress: Progress | None = None,
) -> Simulated:
    """A ledger of `months` calendar months up to `end`, and its truth; the same arguments give the same bytes.

    Raises InputError where `customers`, `months` or `seed` is out of range.
    """
    _check(customers, months, seed)
    world = draw_world(customers, months, seed, end, config)
    settled = settle(world, progress or (lambda chunks: chunks))
    book = Book(config, world.portfolio, world.orders, settled.fate, _invoices_known(world), world.end, world.streams)
    frames = {name: conform(name, frame) for name, frame in _tables(world, book).items()}
    ledger = Ledger(frames, source=f"simulated, seed {seed}")
    return Simulated(ledger, _invoice_frame(world, book, settled), _default_frame(world, book, settled))


def _check(customers: int, months: int, seed: int) -> None:
    problems = [
        f"{name}: expected a whole number from {low} to {high}, got {value}"
        for name, value, low, high in (
            ("customers", customers, 2, MAX_CUSTOMERS),
            ("months", months, 1, MAX_MONTHS),
            ("seed", seed, 0, 2**63 - 1),
        )
        if not low <= value <= high
    ]
    if problems:
        raise InputError("; ".join(problems))


def _invoices_known(world: World) -> Ints:
    """Day at whose beginning each invoice is known."""
    booking, issued = world.config.events, world.orders.issued
    late = booked_late(
        world.streams("booked invoice"), len(issued), booking.booked_late_share, booking.booked_late_days
    )
    return issued + 1 + late


def _tables(world: World, book: Book) -> dict[str, pd.DataFrame]:
    """The frame of every canonical table."""
    handling = events.handle(book)
    parts = cash.draw_parts(book, world.calendars, handling.credited)
    written_off = events.write_off_days(book)
    return {
        "customers": masterdata.customers(book),
        "invoices": _invoices(book),
        **cash.cash_tables(book, parts),
        "credit_notes": events.credit_notes(book, handling),
        "disputes": events.disputes(book, handling),
        "promises": events.promises(book),
        "dunnings": events.dunnings(book, handling, written_off),
        "limit_changes": masterdata.limit_changes(book, world.path, world.months),
        "terms_changes": masterdata.terms_changes(book),
        "write_offs": events.write_offs(book, written_off, parts.open_minor),
        "insolvencies": masterdata.insolvencies(book, world.filed),
        "exchange_rates": masterdata.exchange_rates(book, world.months),
    }


def _invoices(book: Book) -> pd.DataFrame:
    orders, rows = book.orders, np.flatnonzero(book.visible(book.orders.issued, book.known))
    customer = orders.customer[rows]
    net_days = np.array(book.config.net_days, dtype=np.int64)[orders.net[rows]]
    countries = np.array([country.code for country in book.config.countries], dtype=object)
    return pd.DataFrame(
        {
            "invoice_id": book.invoice_ids[rows],
            "customer_id": book.customer_ids[customer],
            "company_code": countries[book.portfolio.country[customer]] + "01",
            "document_type": "RV",
            "amount_minor": orders.minor[rows],
            "currency": book.currencies[customer],
            "issued_on": dates(orders.issued[rows]),
            "due_on": dates(orders.due[rows]),
            "net_days": net_days,
            "terms_code": np.array([f"N{days:03d}" for days in book.config.net_days], dtype=object)[orders.net[rows]],
            "known_at": dates(book.known[rows]),
            "observed_until": dates(np.full(len(rows), book.end)),
        }
    )


def _invoice_frame(world: World, book: Book, settled: Settled) -> pd.DataFrame:
    config, orders, fate, truth = world.config, world.orders, settled.fate, settled.truth
    rows = np.flatnonzero(book.visible(orders.issued, book.known))
    customer = orders.customer[rows]
    late = np.where(fate.paid < NEVER, fate.paid - orders.due, np.nan)
    frame = {
        "invoice_id": book.invoice_ids[rows],
        "customer_id": book.customer_ids[customer],
        "issued_on": dates(orders.issued[rows]),
        "segment": _codes(config.segments)[world.portfolio.segment[customer]],
        "behaviour": _codes(config.behaviours)[world.portfolio.habits.behaviour[customer]],
        "stress": _codes(config.stress)[world.state[rows]],
        "p_dispute": settled.dispute_share[rows],
        **{f"p_late_over_{k}": truth.late_over[rows, i] for i, k in enumerate(HORIZONS)},
        "p_never": truth.never[rows],
        "expected_days_late": truth.expected[rows],
        "days_late": late[rows],
        "cancelled": fate.cancelled[rows] < NEVER,
    }
    return pd.DataFrame(frame)


def _codes(entries: Sequence[Segment | Behaviour | Stress]) -> Texts:
    return np.array([entry.code for entry in entries], dtype=object)


def _default_frame(world: World, book: Book, settled: Settled) -> pd.DataFrame:
    """Customers that have joined and not filed, at the end of each month that the ledger holds whole."""
    arrivals = arrivals_of(world)
    frames = []
    for month in np.flatnonzero(world.months.starts[1:] - 1 <= world.end):
        as_of, state = int(world.months.starts[month + 1]), world.path[month]
        log_safe, gone = settled.open_invoices.log_safe[month], settled.open_invoices.in_default[month]
        truths = {
            name: default_within(world.chain, world.months, int(month), state, log_safe, arrivals, window)
            for name, window in WINDOWS.items()
        }
        rows = np.flatnonzero((world.portfolio.joined < as_of) & (world.filed >= as_of))
        frame = {
            "customer_id": book.customer_ids[rows],
            "as_of": dates(np.full(len(rows), as_of)),
            "stress": _codes(world.config.stress)[state[rows]],
            **{name: np.where(gone, np.nan, values)[rows] for name, values in truths.items()},
        }
        frames.append(pd.DataFrame(frame))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["customer_id", "as_of", *WINDOWS])


def arrivals_of(world: World) -> Arrivals:
    """What future invoices add to the risk of default, by state of decline."""
    config, portfolio = world.config, world.portfolio
    conduct = Conduct(config, portfolio)
    typical = tuple(conduct.typical(state) for state in range(len(config.stress)))
    net_days = np.array(config.net_days, dtype=np.int64)[portfolio.agreed.terms]
    kept = 1 - config.events.cancelled_share
    rate = kept * np.stack([monthly_rate(config, portfolio, month) for month in range(12)])
    failure = future_failure(typical, net_days, world.calendars, config.volume.weekdays)
    return Arrivals(rate, net_days, failure, config.volume.weekdays)
