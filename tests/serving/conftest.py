"""A small simulated seller with its ledger in SQLite and a champion trained on it: real parts, small sizes."""

from __future__ import annotations

import atexit
import datetime as dt
import importlib.util
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from features import NAMES, VERSION
from features.reasons import VERSION as REASONS_VERSION
from models.artefact import Facts
from models.champion import load_champion, save_champion
from models.default import DefaultModel
from models.event import Event
from models.inputs import directions, inputs_for
from models.late import LateModel
from models.law import GRID
from models.standby import Standby
from receivables.config import conf_dir
from receivables.currencies import Currencies
from receivables.decision_log import DecisionLog
from receivables.ledger import Ledger
from receivables.outcomes import EventRule, OutcomeConfig
from receivables.policy import load_policy
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from receivables.store import open_store
from serving.payers import Payers
from serving.rates import RateBook
from serving.state import State, Tools
from training.dataset import DefaultData, Known, LateData

#: Last day of the simulated ledger.
END = dt.date(2026, 11, 19)
_SMALL = {"num_iterations": 30, "min_data_in_leaf": 40, "learning_rate": 0.1}


@dataclass(frozen=True)
class Seller:
    """The simulated ledger, where it is stored, and the folders of two champions."""

    ledger: Ledger
    path: Path
    champion: Path
    weaker: Path

    def customers(self) -> list[str]:
        """Customers with invoices, those with most first."""
        return [str(c) for c in self.ledger["invoices"]["customer_id"].value_counts(sort=True).index]


@pytest.fixture(scope="session")
def seller() -> Seller:
    """Sixty customers over fourteen months; one champion for defaults, one for the weaker event."""
    return make_seller()


@cache
def make_seller() -> Seller:
    """The seller of this process, removed at its end; signed with the key that the environment names."""
    folder = Path(tempfile.mkdtemp(prefix="otcrisk-seller-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ledger = simulate(60, 14, 11, END, SimulationConfig.read()).ledger
    with open_store(str(folder / "ledger.sqlite"), create=True) as store:
        store.load(dict(ledger.frames), source="simulated", fingerprint="11")
    known = Known.at(ledger, _midnight_after(END))
    late, standby = _late_model(known), _standby(known)
    events = (
        ("champion", Event("default_12m", "default", 90, 365, True)),
        ("weaker", Event("serious_delinquency_3m", "serious delinquency", 30, 90, False)),
    )
    for name, event in events:
        save_champion(
            folder / name,
            standby=standby,
            late=late,
            default=_default_model(known, event),
            priors=known.priors.at(np.datetime64(known.cutoff)),
            facts=Facts(
                name="otc-payment-risk",
                feature_set_version=VERSION,
                version="1",
                run_id="0" * 32,
                trained_at="2026-11-20T03:12:40Z",
                training_cutoff=END.isoformat(),
                calibration_version="cal-1",
                reason_catalog_version=REASONS_VERSION,
                metrics={"score_percentiles": list(range(400, 804, 4))},
            ),
        )
    return Seller(ledger, folder / "ledger.sqlite", folder / "champion", folder / "weaker")


def _midnight_after(day: dt.date) -> Any:
    import pandas as pd

    return pd.Timestamp(day) + pd.Timedelta(days=1)


def _late_model(known: Known) -> LateModel:
    data = LateData.of(known)
    labels = data.labels(GRID, cutoff=known.cutoff, margin_days=2)
    names = inputs_for("late")
    return LateModel.fit(
        data.x, labels, names=NAMES, inputs=names, monotone=directions(names), params=_SMALL, seeds=(1,)
    )


def _standby(known: Known) -> Standby:
    late, event = LateData.of(known), _default_data(known)
    return Standby.fit(
        (late.x, late.labels(GRID, cutoff=known.cutoff, margin_days=2)),
        (event.x, event.labels(cutoff=known.cutoff)),
        names=NAMES,
        grid=GRID,
        late_inputs=inputs_for("late"),
        event_inputs=inputs_for("default"),
    )


def _default_data(known: Known) -> DefaultData:
    # thirty days past due within ninety days stands for either event: sixty customers do not default often enough
    rule = EventRule("serious_delinquency_3m", "serious delinquency", 30, 90)
    return DefaultData.of(known, OutcomeConfig(**{**vars(OutcomeConfig.read()), "events": (rule,)}))


def _default_model(known: Known, event: Event) -> DefaultModel:
    data = _default_data(known)
    labels = data.labels(cutoff=known.cutoff)
    rows = ~np.isnan(labels)
    names = inputs_for("default")
    model = DefaultModel(
        event=event, names=NAMES, inputs=names, monotone=directions(names), params=_SMALL, seeds=(1,), raw=False
    )
    return model.fit(data.x[rows], labels[rows])


@pytest.fixture(scope="session")
def tools(seller: Seller) -> Tools:
    """What an assessment needs, with the champion for defaults; a busy machine is given time to ask its ledger."""
    policy = load_policy(conf_dir() / "policy.toml")
    patient = replace(policy, fallback=replace(policy.fallback, ledger_patience_ms=20_000))
    return Tools(load_champion(seller.champion), patient, RateBook(Currencies.read()))


@pytest.fixture(scope="session")
def payers(seller: Seller, tools: Tools) -> Iterator[Payers]:
    """The customers' histories, from the store."""
    with open_store(str(seller.path)) as store:
        yield Payers(store, tools.rates)


@pytest.fixture
def state(tools: Tools, payers: Payers, tmp_path: Path) -> Iterator[State]:
    """A serving state with an empty decision log."""
    made = State(tools, DecisionLog(tmp_path / "decisions.sqlite"), payers)
    yield made
    made.journal.close()
    made.log.close()


@pytest.fixture
def contract_request() -> dict[str, Any]:
    """The request of the scoring contract, with time enough on a busy machine."""
    document = _example("contract_request.json")
    document["options"]["timeout_ms"] = 60_000
    return document


@pytest.fixture
def contract_response() -> dict[str, Any]:
    """The response of the scoring contract."""
    return _example("contract_response.json")


def _example(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="session")
def example_client() -> ModuleType:
    """examples/client.py; its `changed` is how a caller sends an order again."""
    place = Path(__file__).resolve().parents[2] / "examples" / "client.py"
    spec = importlib.util.spec_from_file_location("example_client", place)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[made.__name__] = made  # where dataclasses look their module up
    spec.loader.exec_module(made)
    return made
