"""An adversary of every score: it destroys and falsifies whatever became known after a moment.

`assert_blind(score, ledger, moments)` takes any `score(ledger, orders) -> bytes`: features, a champion's probabilities,
anything that claims to know only what was known at an order's moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd

from features import Orders
from receivables.falsify import CURRENCIES, falsify, forget
from receivables.ledger import Ledger

Score = Callable[[Ledger, Orders], bytes]
__all__ = ["Score", "assert_blind", "belated", "falsify", "forget", "moments_of", "orders_at"]


def assert_blind(score: Score, ledger: Ledger, moments: Iterable[pd.Timestamp], *, seed: int = 0) -> None:
    """Fails where a score of an order depends on anything that became known after the order's moment."""
    for moment in moments:
        rng = np.random.default_rng([seed, abs(moment.value)])
        orders = orders_at(ledger, moment, rng)
        seen = score(ledger, orders)
        falsified = [("a falsified future", falsify(ledger, moment, rng)) for _ in range(2)]
        for what, other in (("no future at all", forget(ledger, moment)), *falsified):
            assert score(other, orders) == seen, f"{moment}: {what} changed the score: it saw what was learnt later"


def orders_at(ledger: Ledger, moment: pd.Timestamp, rng: np.random.Generator) -> Orders:
    """For every customer that there ever is, and a stranger: an order or a snapshot at the moment."""
    frames = (frame["customer_id"] for frame in ledger.frames.values() if "customer_id" in frame)
    customers = [*sorted(set(pd.concat(list(frames)))), "nobody knows me"]
    n = len(customers)
    snapshots = Orders.snapshots(customers, np.full(n, moment.to_datetime64(), dtype="datetime64[us]"))
    today, is_order = np.datetime64(moment.date(), "D"), rng.random(n) < 0.7
    net_days = rng.choice([0, 10, 15, 30, 45, 60], n)
    order_days = {"issued_on": np.full(n, today), "due_on": today + net_days.astype("timedelta64[D]")}
    days = {name: np.where(is_order, of, np.datetime64("NaT")) for name, of in order_days.items()}
    amounts = np.where(is_order, rng.integers(1, 10**7, n), 0)
    currency = np.where(is_order, rng.choice(CURRENCIES, n), "").astype(object)
    fields = {**days, "net_days": net_days, "amount_minor": amounts, "currency": currency}
    return Orders(**{**vars(snapshots), **fields})


def moments_of(ledger: Ledger, n: int, seed: int) -> Iterator[pd.Timestamp]:
    """Random moments: some at which something became known, to the microsecond, some in between."""
    rng = np.random.default_rng(seed)
    known = pd.concat([frame["known_at"] for frame in ledger.frames.values()]).sort_values(ignore_index=True)
    for i, at in enumerate(rng.integers(len(known) // 4, len(known), n)):
        yield known[int(at)] + pd.Timedelta(microseconds=int(rng.integers(1, 10**11)) if i % 2 else 0)


def belated(ledger: Ledger, seed: int, *, share: float = 0.25) -> Ledger:
    """The ledger as a sloppy seller would have kept it: a share of all facts became known up to 60 days later."""
    rng = np.random.default_rng(seed)

    def later(moments: pd.Series) -> pd.Series:
        days = np.where(rng.random(len(moments)) < share, rng.integers(1, 60, len(moments)), 0)
        return moments + pd.to_timedelta(days, unit="D").as_unit("us")

    frames = {name: frame.assign(known_at=later(frame["known_at"])) for name, frame in ledger.frames.items()}
    disputes = frames["disputes"]
    closed = later(disputes["closed_known_at"])
    frames["disputes"] = disputes.assign(
        closed_known_at=closed.mask(closed < disputes["known_at"], disputes["known_at"])
    )
    return Ledger(frames)
