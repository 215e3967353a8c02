"""Tables about customers rather than invoices: master data, limits, terms, insolvencies, and exchange rates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from receivables.money import exponent
from receivables.schema import LEGAL_FORMS
from receivables.simulation.book import Book, Texts
from receivables.simulation.days import NEVER, Months, dates
from receivables.simulation.streams import Floats, Ints

#: A limit covers this many months of usual sales, lowest and highest.
_LIMIT_MONTHS = (1.2, 3.5)
#: What a review makes of a limit.
_REVIEWS = np.array([0.6, 0.8, 1.25, 1.5])
#: State of decline from which on the seller may cut a limit, the share of cases in which it does, and to what.
_ALARMING, _CUT_SHARE, _CUT_TO, _CUT_AFTER = 3, 0.5, 0.5, 20
#: Days from filing to the day at whose beginning the seller knows, at most.
_PUBLICATION = 6


def customers(book: Book) -> pd.DataFrame:
    """The customers table: whoever has done business by the ledger's end."""
    portfolio, config = book.portfolio, book.config
    ids = book.customer_ids
    industries = np.array(config.industries, dtype=object)
    rows = np.flatnonzero(portfolio.joined <= book.end)
    frame = pd.DataFrame(
        {
            "customer_id": ids,
            "parent_id": _parents(book, ids),
            "segment": np.array([s.code for s in config.segments], dtype=object)[portfolio.segment],
            "country": np.array([c.code for c in config.countries], dtype=object)[portfolio.country],
            "industry": industries[book.streams("industry").integers(0, len(industries), portfolio.size)],
            "legal_form": _legal_forms(book),
            "customer_since": dates(portfolio.joined),
            "known_at": dates(portfolio.joined + 1),
        }
    )
    return frame.iloc[rows]


def _parents(book: Book, ids: Texts) -> Texts:
    """Heads of groups stand for themselves; a head is a customer that has business when its members have."""
    rng, count = book.streams("groups"), book.portfolio.size
    member = rng.random(count) < book.config.events.group_share
    heads = np.flatnonzero(~member & (book.portfolio.joined < book.portfolio.joined.max()))[: max(1, count // 25)]
    if not len(heads):
        return np.full(count, None, dtype=object)
    head = heads[rng.integers(0, len(heads), count)]
    known = book.portfolio.joined[head] <= book.portfolio.joined
    return np.asarray(np.where(member & known, ids[head], np.full(count, None, dtype=object)))


def _legal_forms(book: Book) -> Texts:
    legal, natural, public = LEGAL_FORMS
    segments = book.config.segments
    person = np.array([s.natural_person_share for s in segments])[book.portfolio.segment]
    body = np.array([s.public_body for s in segments])[book.portfolio.segment]
    drawn = book.streams("legal form").random(book.portfolio.size) < person
    return np.where(body, public, np.where(drawn, natural, legal)).astype(object)


def limit_changes(book: Book, path: Ints, months: Months) -> pd.DataFrame:
    """The limit_changes table: the first limit, reviews, and cuts of customers that have visibly declined."""
    portfolio, events = book.portfolio, book.config.events
    rng = book.streams("limits")
    factor = rng.uniform(*_LIMIT_MONTHS, portfolio.size)
    first = portfolio.per_month * np.exp(portfolio.log_amount) * factor
    everyone = np.arange(portfolio.size)
    reviewed = np.flatnonzero(rng.random(portfolio.size) < events.limit_change_share)
    review_day = rng.integers(months.starts[0], months.starts[-1], portfolio.size)[reviewed]
    review = first[reviewed] * _REVIEWS[rng.integers(0, len(_REVIEWS), len(reviewed))]
    cut, cut_day = _cuts(path, months, rng)
    customer = np.concatenate([everyone, reviewed, cut])
    day = np.concatenate([portfolio.joined, review_day, cut_day])
    amount = np.concatenate([first, review, first[cut] * _CUT_TO])
    return _dated(book, "limit", customer, day, amount_minor=_rounded(book, customer, amount))


def _cuts(path: Ints, months: Months, rng: np.random.Generator) -> tuple[Ints, Ints]:
    alarming = path >= _ALARMING
    cut = np.flatnonzero(alarming.any(axis=0) & (rng.random(path.shape[1]) < _CUT_SHARE))
    return cut, months.starts[alarming.argmax(axis=0)[cut]] + _CUT_AFTER


def _rounded(book: Book, customer: Ints, base_amount: Floats) -> Ints:
    """Base-currency amounts in minor units of each customer's currency, rounded up to a thousand of its units."""
    rates = {book.config.base_currency: 1.0, **{c.code: c.rate for c in book.config.currencies}}
    rate = np.array([rates[c.currency] for c in book.config.countries])[book.portfolio.country[customer]]
    digits = np.array([10 ** exponent(c.currency) for c in book.config.countries])[book.portfolio.country[customer]]
    return np.asarray(np.ceil(base_amount / rate / 1000).astype(np.int64) * 1000 * digits)


def terms_changes(book: Book) -> pd.DataFrame:
    """The terms_changes table: what was first agreed, and what was agreed later."""
    portfolio = book.portfolio
    net_days = np.array(book.config.net_days, dtype=np.int64)
    changed = np.flatnonzero(portfolio.agreed.changed < NEVER)
    customer = np.concatenate([np.arange(portfolio.size), changed])
    day = np.concatenate([portfolio.joined, portfolio.agreed.changed[changed]])
    agreed = np.concatenate([portfolio.agreed.terms, portfolio.agreed.later[changed]])
    return _dated(book, "terms", customer, day, net_days=net_days[agreed])


def _dated(book: Book, purpose: str, customer: Ints, day: Ints, **columns: Ints) -> pd.DataFrame:
    """Facts about customers valid from a day on, one per customer and day, none before the first business."""
    known = book.booked(purpose, day)
    seen = book.visible(day, known) & (day >= book.portfolio.joined[customer])
    frame = pd.DataFrame(
        {
            "customer_id": book.customer_ids[customer],
            "valid_from": dates(day),
            "currency": book.currencies[customer],
            "known_at": dates(known),
            **columns,
        }
    )[seen]
    return frame.drop_duplicates(["customer_id", "valid_from"]).sort_values(["valid_from", "customer_id"])


def insolvencies(book: Book, filed: Ints) -> pd.DataFrame:
    """The insolvencies table; the seller learns of a filing some days after it."""
    known = filed + 1 + book.streams("publication").integers(0, _PUBLICATION, len(filed))
    rows = np.flatnonzero(book.visible(filed, known) & (book.portfolio.joined <= filed))
    return pd.DataFrame(
        {
            "customer_id": book.customer_ids[rows],
            "filed_on": dates(filed[rows]),
            "known_at": dates(known[rows]),
        }
    )


def exchange_rates(book: Book, months: Months) -> pd.DataFrame:
    """The exchange_rates table: one rate a month from the month before the ledger on, a random walk."""
    first = int(months.starts[0]) - 28
    days = np.concatenate([[first], months.starts[:-1]])
    frames = []
    for currency in book.config.currencies:
        steps = currency.monthly_log_sd * book.streams(f"rate {currency.code}").normal(size=months.count)
        walk = currency.rate * np.exp(np.concatenate([[0.0], np.cumsum(steps)]))
        frames.append(pd.DataFrame({"currency": currency.code, "rate_on": days, "rate": [f"{r:.6f}" for r in walk]}))
    frame = pd.concat(frames, ignore_index=True).sort_values(["rate_on", "currency"])
    day = frame["rate_on"].to_numpy()
    frame = frame.assign(
        base_currency=book.config.base_currency, rate_on=dates(day).to_numpy(), known_at=dates(day).to_numpy()
    )
    return frame[day <= book.end]
