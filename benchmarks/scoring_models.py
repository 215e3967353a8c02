"""What the scoring benchmark needs: a ledger, a champion of the reference size, the bodies that are sent."""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.scoring_peers import BOOSTERS, save_pyfunc
from features import NAMES, VERSION
from features.reasons import VERSION as REASONS_VERSION
from models.artefact import Facts
from models.asked import ASKED_DAYS
from models.champion import Champion, load_champion, save_champion
from models.default import DefaultModel
from models.event import Event
from models.inputs import inputs_for
from models.late import LateModel
from models.law import GRID
from receivables.signature import SIGNING, SIGNING_FILE, TRUSTED, TRUSTED_FILE, make_pair
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from receivables.store import open_store
from training.dataset import Known, LateData, cutoff_after

_END: Final = dt.date(2026, 11, 19)
#: The size at which the bars are stated.
_SIZE: Final = {"num_iterations": 300, "num_leaves": 31, "min_data_in_leaf": 10}


def prepare(folder: Path, *, bodies: int) -> dict[str, list[bytes]]:
    """Fills the folder with ledger.sqlite, champion/, models/ and pyfunc/; returns request bodies by service.

    `contract` are requests that state the open position, ask for alternatives and are recorded.
    """
    _sign_with_a_key_of_its_own(folder / "keys")
    ledger = simulate(60, 14, 11, _END, SimulationConfig.read()).ledger
    with open_store(str(folder / "ledger.sqlite"), create=True) as store:
        store.load(dict(ledger.frames), source="simulated", fingerprint="11")
    known = Known.at(ledger, cutoff_after(_END))
    data = LateData.of(known)
    _save(folder / "champion", known, data)
    champion = load_champion(folder / "champion")
    _export(champion, folder)
    rng = np.random.default_rng(1)
    payers = ledger["invoices"]["customer_id"].value_counts().index[:50].tolist()
    orders = [_order(str(rng.choice(payers)), i, rng) for i in range(bodies)]
    rows = [data.x[i : i + 1] for i in rng.integers(0, len(data.x), bodies)]
    plain, ready = [_bytes(order) for order in orders], [_ready(champion, row) for row in rows]
    return {
        "ours": plain,
        "bare_asgi": plain,
        "contract": [_bytes(_contract(order)) for order in orders],
        "mlflow": [_frame(row["late"]) for row in ready],
        **{name: [_bytes(row) for row in ready] for name in ("bentoml_empty", "fastapi_contrib", "bentoml_shap")},
    }


def _frame(row: list[float]) -> bytes:
    return _bytes({"dataframe_split": {"columns": list(range(len(row))), "data": [row]}})


def renamed(bodies: Sequence[bytes], turn: int) -> list[bytes]:
    """The bodies with request ids that were not used before: a log that knows an id repeats its answer."""
    return [body.replace(b'"request_id": "', f'"request_id": "{turn}-{i}-'.encode()) for i, body in enumerate(bodies)]


def _sign_with_a_key_of_its_own(keys: Path) -> None:
    make_pair(keys)
    os.environ[SIGNING], os.environ[TRUSTED] = str(keys / SIGNING_FILE), str(keys / TRUSTED_FILE)


def _save(place: Path, known: Known, data: LateData) -> None:
    labels = data.labels(GRID, cutoff=known.cutoff, margin_days=2)
    late_names, default_names = inputs_for("late"), inputs_for("default")
    late = LateModel.fit(data.x, labels, names=NAMES, inputs=late_names, params=_SIZE, seeds=(1,), max_pairs=40_000)
    # only the size of the model counts here: what it learns is whether an invoice was paid late
    outcomes = np.nan_to_num(labels[:, GRID.index(0)])
    event = Event("default_12m", "default", 90, 365, True)
    default = DefaultModel(event=event, names=NAMES, inputs=default_names, params=_SIZE, seeds=(1,), raw=False)
    facts = Facts(
        name="otc-payment-risk", feature_set_version=VERSION, version="1", run_id="0" * 32,
        trained_at="2026-11-20T03:12:40Z", training_cutoff=_END.isoformat(), calibration_version="cal-1",
        reason_catalog_version=REASONS_VERSION, metrics={"score_percentiles": list(range(400, 804, 4))},
    )  # fmt: skip
    priors = known.priors.at(np.datetime64(known.cutoff))
    save_champion(place, late=late, default=default.fit(data.x, outcomes), priors=priors, facts=facts)


def _export(champion: Champion, folder: Path) -> None:
    """Both models as LightGBM's text: the late one as it is explained, cut at day 0."""
    (folder / "models").mkdir()
    forests = (champion.late.forest.at(ASKED_DAYS, 0.0), champion.default.core_)
    for name, forest in zip(BOOSTERS, forests, strict=True):
        (folder / "models" / f"{name}.txt").write_text(forest.text(), encoding="ascii")  # type: ignore[union-attr, attr-defined]
    save_pyfunc(folder / "models", folder / "pyfunc")


def _ready(champion: Champion, x: np.ndarray) -> dict[str, list[float]]:
    """The columns of both models, nulls as zeros: peers' JSON has no null among numbers."""
    widths = {"late": len(champion.late.forest.names), "default": len(champion.default.inputs_)}
    row = np.nan_to_num(x[0])
    return {name: np.resize(row, width).tolist() for name, width in widths.items()}


def _order(payer: str, number: int, rng: np.random.Generator) -> dict[str, Any]:
    """An order of which nothing is recorded and no alternatives are wanted."""
    return {
        "request_id": f"bench-{number}", "as_of": "2026-11-20T09:14:05Z", "check_point": "SALES_ORDER",
        "order": {"sales_order": str(number), "order_date": "2026-11-20", "currency": "EUR",
                  "requested_delivery_date": "2026-11-24", "gross_amount": f"{rng.integers(100, 50_000)}.00",
                  "contribution_margin_amount": "60.00", "payment_terms": {"net_days": int(rng.choice([14, 30, 60]))}},
        "customer": {"payer": payer, "legal_form": "LEGAL_PERSON", "country": "DE", "customer_since": "2019-03-04"},
        "credit_account": {"currency": "EUR", "credit_limit_amount": "150000.00",
                           "credit_limit_valid_to": "2027-03-31"},
        "options": {"counterfactuals": False, "dry_run": True},
    }  # fmt: skip


def _contract(order: dict[str, Any]) -> dict[str, Any]:
    """The same with the ERP's open position, alternatives and a record."""
    made = copy.deepcopy(order)
    dates = (("2026-09-10", "2026-10-10", 2), ("2026-10-22", "2026-11-21", 0), ("2026-11-06", "2026-12-06", 0))
    items = [
        {"document_number": f"90007712{i}", "posting_date": posted, "due_date": due, "amount": "2130.00",
         "open_amount": "2130.00", "currency": "EUR", "dunning_level": level}
        for i, (posted, due, level) in enumerate(dates)
    ]  # fmt: skip
    made["open_items"] = {"complete": True, "read_at": "2026-11-20T09:14:02Z", "items": items}
    made["options"] = {"timeout_ms": 400}
    return made


def _bytes(document: object) -> bytes:
    return json.dumps(document).encode()
