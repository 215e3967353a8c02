"""Run by a test in a process of its own, with external columns in the configuration: a small seller, learnt and scored.

Prints one JSON document: what was learnt, and whether one order served equals the portfolio to the last bit.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from features import FEATURES, INDEX, NAMES, Orders
from features.docs import features_page
from features.external import site
from features.state import CustomerState, OneOrder
from models import explanation
from models.late import LateModel
from receivables.config import conf_dir
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from training.dataset import Known, LateData, cutoff_after
from training.fit import GRID, Settings, late_model

END = dt.date(2026, 6, 30)
FAST = {"learning_rate": 0.4, "num_leaves": 6, "min_data_in_leaf": 50, "max_bin": 31}


def main() -> None:
    ledger = simulate(20, 8, 11, END, SimulationConfig.read()).ledger
    known = Known.at(ledger, cutoff_after(END))
    _agency(known, conf_dir() / site().sources[0].file)
    data = LateData.of(known)
    labels = data.labels(GRID, cutoff=known.cutoff, margin_days=2)
    model = late_model(data.x, labels, replace(Settings(), late_params=FAST), 30, (1,))
    rated = np.flatnonzero(~np.isnan(data.x[:, INDEX["ext_habit"]]))
    row = int(rated[-1])
    reasons = explanation(model.explain(data.x[row : row + 1]), data.x[row], limit=30)
    document = {
        "names": [name for name in NAMES if name.startswith("ext_")],
        "inputs": [name for name in model.inputs if name.startswith("ext_")],
        "splits": _splits(model, "ext_habit"),
        "rated": len(rated),
        "rows": len(data.x),
        "equal": [_is_equal(data, int(i)) for i in range(0, len(data.x), max(len(data.x) // 30, 1))],
        "reasons": {line.code: line.text for line in reasons.lines},
        "in_page": "`ext_habit`" in features_page(),
        "last": FEATURES[-1].name,
    }
    print("RESULT " + json.dumps(document))


def _agency(known: Known, path: Path) -> None:
    """The agency knows how late each customer's invoices were in the end; two in ten it does not rate."""
    orders = Orders.of_invoices(known.ledger)
    late = LateData(known, orders, np.empty((len(orders), 0))).days_late(margin_days=2)
    lines = ["customer_id,published_at,habit"]
    for i, customer in enumerate(sorted(set(orders.customer_id.tolist()))):
        days = late[(orders.customer_id == customer) & ~np.isnan(late)]
        if i % 5 and len(days):
            lines.append(f"{customer},2025-12-15,{days.mean():.2f}")
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _splits(model: LateModel, name: str) -> int:
    column = model.forest.names.index(name)
    return int(sum((tree.feature == column).sum() for tree in model.forest.trees))


def _is_equal(data: LateData, i: int) -> bool:
    """Whether the order, scored alone from its customer's state, has the features that it has in the portfolio."""
    orders, customer = data.orders, str(data.orders.customer_id[i])
    state = CustomerState.of(data.known.ledger.of_customers([customer]), data.known.history.rates)
    one = OneOrder(
        issued=int(orders.issued_on[i].astype(np.int64)),
        due=int(orders.due_on[i].astype(np.int64)),
        net_days=int(orders.net_days[i]),
        amount_minor=int(orders.amount_minor[i]),
        currency=str(orders.currency[i]),
    )
    moment = int(orders.as_of[i].astype("datetime64[us]").astype(np.int64))
    served = state.features(moment, one, data.known.priors, customer_id=customer)
    return bool(served.tobytes() == data.x[i].tobytes())


if __name__ == "__main__":
    main()
