"""The payment-time model learnt by two Dask workers is as good as the one that this process learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features import NAMES
from features.portfolio import build_portfolio
from models.inputs import directions, inputs_for
from models.late import LateModel
from models.numbers import log_loss
from models.pairs import matured_counts, offsets_of
from receivables.errors import InputError, NotEnoughDataError
from receivables.outcomes import OutcomeConfig
from receivables.partitions import write_partitions
from tests.dask_cluster import cluster
from tests.training.seller import CUTOFF, SETTINGS, Seller
from training.cluster import fit_late_on_cluster
from training.dataset import LateData
from training.fit import GRID

ROUNDS = 40


@pytest.fixture(scope="module")
def folders(seller: Seller, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The seller's ledger in partitions, and the features of its invoices."""
    place = tmp_path_factory.mktemp("partitions")
    source = write_partitions(seller.simulated.ledger, place / "ledger", partitions=5)
    build_portfolio(source, place / "features")
    return source.folder, place / "features"


def test_two_workers_learn_what_one_process_learns(
    folders: tuple[Path, Path], late_data: LateData, config: OutcomeConfig, tmp_path: Path
) -> None:
    margin = config.maturity_margin_days
    with cluster(tmp_path, workers=2) as address:
        made = fit_late_on_cluster(
            *folders, scheduler=address, cutoff=CUTOFF, margin_days=margin, rounds=ROUNDS, params=SETTINGS.late_params
        )
        with pytest.raises(NotEnoughDataError, match="later cut-off"):
            fit_late_on_cluster(
                *folders, scheduler=address, cutoff=CUTOFF.replace(year=2020), margin_days=margin, rounds=ROUNDS
            )
    labels = late_data.labels(GRID, cutoff=CUTOFF, margin_days=margin)
    inputs = inputs_for("late")
    alone = LateModel.fit(
        late_data.x, labels, names=NAMES, inputs=inputs, grid=GRID, monotone=directions(inputs),
        params={**SETTINGS.late_params, "num_iterations": ROUNDS}, seeds=[1],
    )  # fmt: skip
    assert made.habit == alone.habit
    known = ~np.isnan(labels)
    losses = [float(log_loss(labels[known], model.margins(late_data.x)[known]).mean()) for model in (made, alone)]
    constant = float(log_loss(labels[known], np.broadcast_to(alone.habit.offsets, labels.shape)[known]).mean())
    assert abs(losses[0] - losses[1]) < 0.05 * (constant - losses[1])
    assert LateModel.from_files(NAMES, made.to_files()).to_files() == made.to_files()


def test_counts_of_parts_add_up_to_the_offsets_of_the_whole(late_data: LateData, config: OutcomeConfig) -> None:
    labels = late_data.labels(GRID, cutoff=CUTOFF, margin_days=config.maturity_margin_days)
    parts = np.array_split(labels, 7)
    assert np.array_equal(sum(map(matured_counts, parts)), matured_counts(labels))
    assert np.isfinite(offsets_of(matured_counts(labels))).all()
    assert np.isfinite(offsets_of(matured_counts(labels[:0]))).all()


def test_features_of_another_ledger_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected features of 5 partitions, got 0"):
        fit_late_on_cluster(folders[0], tmp_path, scheduler="tcp://x:1", cutoff=CUTOFF, margin_days=2, rounds=5)
    with pytest.raises(InputError, match="address of a Dask scheduler"):
        fit_late_on_cluster(*folders, scheduler=None, cutoff=CUTOFF, margin_days=2, rounds=5)
