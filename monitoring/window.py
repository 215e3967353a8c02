"""The orders of a period with their features and scores as of issue: what drift is looked for in."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import FEATURES, History, Orders, build_features
from models import Champion
from monitoring.psi import Floats
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig, late_column

Texts = npt.NDArray[np.object_]

#: What a category may look like in a report: nothing that a browser could take for markup, no free text.
CODE = re.compile(r"[A-Z0-9_]{1,32}")
#: Group under which scores go beside the groups of the feature table.
SCORE = "score"
MASTER_DATA = "master data"


@dataclass(frozen=True)
class Window:
    """Orders issued from `first` to `last`, both included, one row each in every array.

    `numbers` (NaN = null) and `codes` are named "group/name"; `late` is P(more than 0 days late), `default` the
    probability of the default model's event, `risk_class` what it maps to.
    """

    first: dt.date
    last: dt.date
    numbers: Mapping[str, Floats]
    codes: Mapping[str, Texts]
    invoice_id: Texts
    customer_id: Texts
    currency: Texts
    amount_minor: npt.NDArray[np.int64]
    risk_class: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.invoice_id)

    @property
    def name(self) -> str:
        """First and last day, as in FROM_TO."""
        return f"{self.first}_{self.last}"

    @property
    def late(self) -> Floats:
        """(n,) P(more than 0 days late)."""
        return self.numbers[f"{SCORE}/{late_column(0)}"]

    @property
    def default(self) -> Floats:
        """(n,) probability of the default model's event."""
        return self.numbers[f"{SCORE}/default_probability"]


def windows(ledger: Ledger, champion: Champion, *spans: tuple[dt.date, dt.date]) -> list[Window]:
    """One window per span; every order sees only what was known at 00:00 of its issue date."""
    history = History.of(ledger)
    return [_window(ledger, history, champion, first, last) for first, last in spans]


def code(value: object) -> str:
    """A category as a report may show it: capitals, digits and underscores, at most 32.

    >>> code("Key accounts"), code("</script>"), code(None), code(float("nan"))
    ('KEY_ACCOUNTS', '__SCRIPT_', 'NULL', 'NULL')
    """
    if not isinstance(value, str) or not value:
        return "NULL"
    return re.sub(r"[^A-Z0-9_]", "_", value.upper())[:32]


def _window(ledger: Ledger, history: History, champion: Champion, first: dt.date, last: dt.date) -> Window:
    orders = Orders.of_invoices(ledger, first, last)
    x = build_features(history, orders, champion.priors)
    default = champion.default.probability(x)
    features = {f"{feature.group}/{feature.name}": x[:, i] for i, feature in enumerate(FEATURES)}
    return Window(
        first=first,
        last=last,
        numbers={**_scores(x, champion, default), **features},
        codes=_codes(ledger, orders),
        invoice_id=orders.ids,
        customer_id=orders.customer_id,
        currency=orders.currency,
        amount_minor=orders.amount_minor,
        risk_class=champion.scale.risk_classes(default),
    )


def _scores(x: Floats, champion: Champion, default: Floats) -> dict[str, Floats]:
    law = champion.late.law(x)
    late = {f"{SCORE}/{late_column(k)}": law.late_over(k) for k in OutcomeConfig.read().late_horizons_days}
    return {**late, f"{SCORE}/expected_days_late": law.mean(), f"{SCORE}/default_probability": default}


def _codes(ledger: Ledger, orders: Orders) -> dict[str, Texts]:
    customers = ledger["customers"].drop_duplicates("customer_id").set_index("customer_id")
    ids = pd.Index(orders.customer_id)
    master = {
        f"{MASTER_DATA}/{column}": _coded(customers[column].reindex(ids))
        for column in ("segment", "country", "legal_form")
    }
    return {**master, f"{MASTER_DATA}/currency": _coded(pd.Series(orders.currency))}


def _coded(values: pd.Series) -> Texts:
    return np.array([code(value) for value in values], dtype=object)
