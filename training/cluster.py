"""The payment-time model of a portfolio that no one machine holds, learnt by LightGBM on the workers of a Dask cluster.

Each worker reads its partitions' features and outcomes and expands them; LightGBM adds up the workers' histograms.
How the rows lie on the workers changes the last digits, so a champion that one machine can learn is learnt there
(`training.run`); this is for what does not fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from features import NAMES
from features.cluster import connected
from models.asked import asked_columns
from models.boosting import FIXED
from models.calibration import Calibration
from models.forest import Forest
from models.habit import Habit
from models.inputs import directions, inputs_for
from models.late import PARAMS, LateModel
from models.numbers import Floats, Ints
from models.pairs import MIN_OUTCOMES, expanded_columns, matured_counts, matured_pairs, offsets_of, pair_weights
from receivables.errors import InputError, NotEnoughDataError
from receivables.outcomes import late_column, late_labels
from receivables.partitions import PartitionedLedger
from training.fit import GRID

if TYPE_CHECKING:
    from distributed import Client

_INPUTS: Final = inputs_for("late")
_COLUMNS: Final = expanded_columns(_INPUTS, directions(_INPUTS))


@dataclass(frozen=True)
class _Part:
    """One partition: where its outcomes and features are, and what counts as known."""

    ledger: Path
    features: Path
    number: int
    cutoff: pd.Timestamp
    margin_days: int

    def read(self) -> tuple[Floats, Floats]:
        """Features (n, inputs) of the invoices and their labels (n, g) as known at the cut-off, NaN not matured."""
        ledger = PartitionedLedger.open(self.ledger).read(self.number)
        labels = late_labels(ledger, horizons=GRID, cutoff=self.cutoff, margin_days=self.margin_days)
        table = pq.read_table(self.features / f"part-{self.number:05d}.parquet", columns=["invoice_id", *_INPUTS])
        aligned = labels.set_index("invoice_id").reindex(pd.Index(table["invoice_id"].to_pylist()))
        x = np.column_stack([table[name].to_numpy().astype(np.float64) for name in _INPUTS])
        return x, aligned[[late_column(k) for k in GRID]].to_numpy(dtype=np.float64)


def fit_late_on_cluster(
    ledger: Path,
    features: Path,
    *,
    scheduler: str | None,
    cutoff: pd.Timestamp,
    margin_days: int,
    rounds: int,
    seed: int = 1,
    params: Mapping[str, Any] | None = None,
) -> LateModel:
    """The payment-time model of a partitioned ledger and its folder of features (`otcrisk features`), not calibrated.

    Only outcomes that had matured and were known at `cutoff` are learnt. Raises InputError where the folders do not
    belong together, UnavailableError where the cluster cannot be reached, NotEnoughDataError below `MIN_OUTCOMES`.
    """
    number = len(list(features.glob("part-*.parquet")))
    source = PartitionedLedger.open(ledger)
    if number != source.partitions:
        raise InputError(f"{features}: expected features of {source.partitions} partitions, got {number}")
    parts = [_Part(ledger, features, i, cutoff, margin_days) for i in range(number)]
    with connected(scheduler) as client:
        found = client.gather(client.map(_count, parts, pure=False))
        habit = Habit.of(_INPUTS, GRID, offsets_of(np.sum([counts for counts, _ in found], axis=0)))
        pairs = np.array([outcomes for _, outcomes in found])
        if pairs.sum(axis=0).min() < MIN_OUTCOMES:
            raise NotEnoughDataError(
                f"payment-time model: expected at least {MIN_OUTCOMES} matured outcomes of either kind, got "
                f"{pairs[:, 1].sum()} late and {pairs[:, 0].sum()} in time; choose a later cut-off"
            )
        used = [part for part, n in zip(parts, pairs.sum(axis=1), strict=True) if n]
        sizes = [int(n) for n in pairs.sum(axis=1) if n]
        forest = _grown(client, used, sizes, habit, {**PARAMS, **(params or {}), "num_iterations": rounds}, seed)
    return LateModel(NAMES, _INPUTS, GRID, habit, forest, (Calibration(),) * len(GRID))


def _count(part: _Part) -> tuple[Ints, tuple[int, int]]:
    """Counts for the portfolio's offsets, and matured pairs in time and late."""
    _, labels = part.read()
    return matured_counts(labels), (int((labels == 0).sum()), int((labels == 1).sum()))


def _expanded(part: _Part, habit: Habit) -> tuple[Floats, Floats, Floats, Floats]:
    x, labels = part.read()
    rows, outcomes, pairs = matured_pairs(x, labels, _INPUTS, GRID)
    start = habit.log_odds(x, asked_columns(_INPUTS), np.array(GRID), range(len(GRID)))
    return rows, outcomes, start.ravel()[pairs], pair_weights(pairs, GRID)


def _grown(
    client: Client, parts: list[_Part], sizes: list[int], habit: Habit, params: Mapping[str, Any], seed: int
) -> Forest:
    """The forest that the workers grow together."""
    import dask.array as da
    from dask import delayed
    from lightgbm import DaskLGBMClassifier

    made = [delayed(_expanded, nout=4, pure=False)(part, habit) for part in parts]

    def whole(i: int, *width: int) -> Any:
        pieces = [da.from_delayed(m[i], (n, *width), dtype=np.float64) for m, n in zip(made, sizes, strict=True)]
        return da.concatenate(pieces)

    x, y, start, weight = whole(0, len(_COLUMNS)), whole(1), whole(2), whole(3)
    # waiting for all of it first lets LightGBM find every part on its worker
    x, y, start, weight = client.persist([x, y, start, weight])
    settings = {**params, **FIXED, "seed": seed, "monotone_constraints": list(_COLUMNS.values())}
    learner = DaskLGBMClassifier(client=client, tree_learner="data", **settings)
    with client.as_current(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parameter n_jobs will be ignored")  # its own default: workers say how many
        learner.fit(x, y, sample_weight=weight, init_score=start, feature_name=list(_COLUMNS))
    return Forest.of_lightgbm(learner.booster_.model_to_string())
