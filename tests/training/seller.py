"""A simulated seller and one complete training run on it, made once per process: training takes seconds."""

from __future__ import annotations

import datetime as dt
import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from receivables.outcomes import OutcomeConfig
from receivables.simulation.config import SimulationConfig
from receivables.simulator import Simulated, simulate
from receivables.store import open_store
from training.dataset import cutoff_after
from training.fit import Settings
from training.run import Trained, train

#: Last day of the ledger, and last day that the models may know: eleven months to learn from, two to judge.
END = dt.date(2026, 11, 19)
AS_OF = dt.date(2026, 9, 19)
CUTOFF = cutoff_after(AS_OF)
TRAINED_AT = dt.datetime(2026, 11, 20, 3, 12, 40, tzinfo=dt.UTC)
#: The whole path with small trees that learn fast.
SETTINGS = Settings(
    late_seeds=1,
    rounds=((20, 40, 60),),
    default_seeds=1,
    late_params={"learning_rate": 0.4, "num_leaves": 6, "min_data_in_leaf": 200, "max_bin": 31},
    default_params={"num_iterations": 40, "max_bin": 31},
)


#: What MLflow warns about in itself, on this release of SQLAlchemy and with our loader.
MLFLOW_NOISE = (
    "ignore:The ``noload`` loader strategy is deprecated",
    "ignore:.*Any type hint is inferred as AnyType:UserWarning",
)


@contextmanager
def quiet_mlflow() -> Iterator[None]:
    """The same for fixtures, which a test's marks do not reach."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated")
        warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType", UserWarning)
        yield


@dataclass(frozen=True)
class Seller:
    """The simulated ledger, where it is stored, the state folder of the run, and what the run said."""

    simulated: Simulated
    ledger_file: str
    home: Path
    trained: Trained


def train_again(simulated: Simulated, home: Path, *, promote: bool = False) -> Trained:
    """A training run with the settings of all tests."""
    with quiet_mlflow():
        return train(
            simulated.ledger,
            cutoff=CUTOFF,
            folder=home,
            trained_at=TRAINED_AT,
            settings=SETTINGS,
            config=OutcomeConfig.read(),
            promote=promote,
            trained_by="anna",
            approved_by="ben",
        )


@functools.cache
def make_seller(folder: Path) -> Seller:
    """A hundred customers over fourteen months, stored in `folder`, and the champion trained on them."""
    simulated = simulate(100, 14, 11, END, SimulationConfig.read())
    place = folder / "trained seller"
    place.mkdir()
    with open_store(str(place / "ledger.sqlite"), create=True) as store:
        store.load(dict(simulated.ledger.frames), source="simulated", fingerprint="11")
    return Seller(simulated, str(place / "ledger.sqlite"), place / "home", train_again(simulated, place / "home"))


def days_after(days: int) -> pd.Timestamp:
    """So many days after the cut-off."""
    return CUTOFF + pd.Timedelta(days=days)
