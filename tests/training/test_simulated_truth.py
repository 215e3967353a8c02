"""The trained model against the true probabilities, which only the simulator knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.simulated_truth import against_truth, cutoff_of, learn
from models.champion import load_champion
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from tests.training.seller import CUTOFF, Seller
from training.fit import Settings


def test_a_hundred_customers_are_enough_to_come_near_the_truth(seller: Seller) -> None:
    """Wide bounds, for small trees have seen eleven months of a hundred customers; the long form has narrow ones."""
    late, *_ = against_truth(seller.simulated, load_champion(seller.home / "champion"), CUTOFF)
    assert late.rows > 300
    assert 0.7 <= late.slope <= 1.3
    assert abs(late.bias) <= 0.06
    assert late.expected_ratio <= 1.25
    assert late.auc > 0.6


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_thousand_customers_and_twelve_months_come_within_five_percent_of_the_oracle(tmp_path: Path) -> None:
    config = SimulationConfig.read()
    simulated = simulate(2000, 14, 1, config.end, config)
    cutoff = cutoff_of(config.end)
    late, *_ = against_truth(simulated, learn(simulated, cutoff, tmp_path, Settings()), cutoff)
    assert 0.9 <= late.slope <= 1.1
    assert late.ratio <= 1.05
