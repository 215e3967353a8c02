"""What tests of features share: the currencies, one simulated ledger, how long property tests look."""

from __future__ import annotations

import datetime as dt
import os

import pytest
from hypothesis import HealthCheck, Phase, settings

from receivables.currencies import Currencies
from receivables.ledger import Ledger
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate

#: OTCRISK_EXAMPLES=3000 looks for hours where the suite looks for seconds.
EXAMPLES = int(os.environ.get("OTCRISK_EXAMPLES", "0"))


def examples(few: int) -> settings:
    """Settings of a property test that tries `few` cases, or as many as OTCRISK_EXAMPLES says."""
    return settings(
        max_examples=EXAMPLES or few,
        deadline=None,
        derandomize=not EXAMPLES,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


@pytest.fixture(scope="session")
def currencies() -> Currencies:
    return Currencies.read()


@pytest.fixture(scope="session")
def simulated() -> Ledger:
    """Sixty customers over fourteen months."""
    return simulate(60, 14, 11, dt.date(2026, 10, 31), SimulationConfig.read()).ledger
