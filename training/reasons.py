"""Why each invoice of a portfolio was scored as it was, chunk by chunk, so that memory does not grow with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pandas as pd

from features import History, Orders, build_features
from models.champion import Champion
from models.numbers import Floats
from models.ranked import Ranked
from training.scoring import CHUNK


def reasons(
    history: History,
    orders: Orders,
    champion: Champion,
    *,
    track: Callable[[Iterable[int]], Iterable[int]] = lambda chunks: chunks,
) -> Iterator[pd.DataFrame]:
    """Frames of one row per order, as `reasons_of` gives them."""
    for start in track(range(0, len(orders), CHUNK)):
        chunk = orders.take(slice(start, start + CHUNK))
        yield reasons_of(chunk, build_features(history, chunk, champion.priors), champion)


def reasons_of(orders: Orders, x: Floats, champion: Champion) -> pd.DataFrame:
    """One row per order: its ids, then for both models reference, value, the largest reasons with points, the rest.

    `late_` columns explain being late at all, in log-odds (positive = adverse); `default_` columns the credit score
    before it is kept within the bounds of its scale, in points (negative = adverse). reference + points + other =
    value exactly, as in the service's answer. Code and points are null where nothing that counts is left.
    """
    ids = pd.DataFrame({"invoice_id": orders.ids, "customer_id": orders.customer_id})
    late = Ranked.of(champion.late.explain(x), effects=champion.late_effects).frame("late")
    parts, scale = champion.default.explain(x), champion.scale
    default = Ranked.of(parts, scale=scale, effects=champion.default_effects).frame("default")
    return pd.concat([ids, late, default], axis=1)
