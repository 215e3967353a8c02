"""A decision record shaped like the contract's example, and small hand-made ledgers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.table import FEATURES
from receivables.decision import GENESIS, DecisionRecord
from receivables.ledger import Ledger
from receivables.schema import end_of_day

DATA = Path(__file__).parent / "data"


def made_record(request: dict[str, Any], response: dict[str, Any]) -> DecisionRecord:
    """A sealed record with exact features and contributions for every feature of the table."""
    rng = np.random.default_rng(7)
    names = [feature.name for feature in FEATURES]
    features = {n: None if i % 11 == 10 else round(float(rng.gamma(1.5, 1.2)), 4) for i, n in enumerate(names)}
    contributions = {}
    for model, reference in (("late_payment", -0.42), ("default", -3.9)):
        values = {name: float(v) for name, v in zip(names, rng.normal(0, 0.05, len(names)), strict=True)}
        contributions[model] = {"reference": reference, "total": reference + sum(values.values()), "values": values}
    return DecisionRecord(
        score_id=response["score_id"],
        request_id=request["request_id"],
        idempotency_key=request["request_id"],
        customer_id=request["customer"]["payer"],
        as_of=request["as_of"],
        recorded_at=response["scored_at"],
        input_sha256=response["audit"]["input_sha256"],
        request=request,
        response=response,
        features=features,
        contributions=contributions,
        versions={"feature_set": "fs-7", "policy_sha256": "9f2c" * 16},
    ).sealed(GENESIS)


def read(name: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return made


def ledger_of(
    rows: list[tuple[str, str, int, str, str, str, str | None]], *, until: str, **more: pd.DataFrame
) -> Ledger:
    """Rows: invoice, customer, amount_minor, currency, issued, due, paid or None. Everything is observed to `until`."""
    columns = ["invoice_id", "customer_id", "amount_minor", "currency", "issued_on", "due_on", "paid_on"]
    frame = pd.DataFrame(rows, columns=columns)
    for name in columns[4:]:
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    invoices = frame.assign(
        net_days=(frame["due_on"] - frame["issued_on"]).dt.days,
        known_at=end_of_day(frame["issued_on"]),
        observed_until=pd.Timestamp(until),
    )
    paid = frame[frame["paid_on"].notna()]
    known = end_of_day(paid["paid_on"])
    payments = paid.assign(payment_id="P" + paid["invoice_id"], known_at=known)
    allocations = payments.assign(line=1, cleared_on=paid["paid_on"])
    customers = pd.DataFrame({"customer_id": sorted(set(frame["customer_id"])), "known_at": pd.Timestamp("2000-01-01")})
    return Ledger.of(
        **{  # type: ignore[arg-type]  # frames only
            "customers": customers,
            "invoices": invoices,
            "payments": payments,
            "allocations": allocations,
            **more,
        }
    )


def customer_ledger() -> Ledger:
    """Payer 100482: monthly and half-monthly invoices over two years, paid later and later, three still open."""
    rng = np.random.default_rng(3)
    rows: list[tuple[str, str, int, str, str, str, str | None]] = []
    for i, issued in enumerate(pd.date_range("2024-11-05", "2026-09-20", freq="17D")):
        due = issued + pd.Timedelta(days=30)
        late = int(rng.integers(-6, 5) + max(0, i - 25) * 0.9)
        paid = str((due + pd.Timedelta(days=late)).date())
        rows.append(
            (
                f"90007{i:05d}",
                "100482",
                int(rng.integers(8, 60)) * 100_000,
                "EUR",
                str(issued.date()),
                str(due.date()),
                paid,
            )
        )
    rows += [
        ("9000771203", "100482", 2_130_000, "EUR", "2026-09-10", "2026-10-10", None),
        ("9000779918", "100482", 4_410_000, "EUR", "2026-10-22", "2026-11-21", None),
        ("9000783340", "100482", 3_100_000, "EUR", "2026-11-06", "2026-12-06", None),
    ]
    return ledger_of(rows, until="2026-11-19")
