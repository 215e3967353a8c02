import datetime as dt
from collections.abc import Callable

import numpy as np
import pytest

from monitoring import Window

MakeWindow = Callable[..., Window]


@pytest.fixture
def make_window() -> MakeWindow:
    """A period of n orders of 400 customers with two features, drawn from `seed`; `shift` moves the scores."""

    def make(
        seed: int,
        n: int = 2_000,
        *,
        customers: int = 400,
        month: int = 1,
        shift: float = 0.0,
        segment: str = "RETAIL",
    ) -> Window:
        rng = np.random.default_rng(seed)
        late = 1 / (1 + np.exp(-rng.normal(shift - 1, 1, n)))
        default = late / 10
        numbers = {f"score/late_over_{k}": late * 0.8**i for i, k in enumerate((0, 5, 15, 30, 60, 90))}
        features = {"payment timing/ewma": rng.gamma(2, 3, n), "calendar/month": np.full(n, float(month))}
        return Window(
            first=dt.date(2026, month, 1),
            last=dt.date(2026, month, 28),
            numbers=numbers | {"score/default_probability": default} | features,
            codes={"master data/segment": np.where(rng.random(n) < 0.5, segment, "WHOLESALE").astype(object)},
            invoice_id=np.array([f"{month}-{i}" for i in range(n)], dtype=object),
            customer_id=np.array([f"C{i % customers:02}" for i in range(n)], dtype=object),
            currency=np.array(["EUR"] * n, dtype=object),
            amount_minor=np.full(n, 100_00),
            risk_class=np.where(default > 0.03, "C", "B"),
        )

    return make
