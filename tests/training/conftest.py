"""What the tests of training share: a small seller with a complete training run, and its data sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from receivables.outcomes import OutcomeConfig
from tests.training.seller import CUTOFF, SETTINGS, Seller, make_seller
from training.dataset import Known, LateData
from training.fit import LateFit, fit_late


@pytest.fixture(scope="session")
def seller(tmp_path_factory: pytest.TempPathFactory) -> Seller:
    """A hundred simulated customers over fourteen months, and the champion trained on their first twelve."""
    return make_seller(tmp_path_factory.getbasetemp())


@pytest.fixture
def home(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> Path:
    """OTCRISK_HOME with the trained champion."""
    monkeypatch.setenv("OTCRISK_HOME", str(seller.home))
    return seller.home


@pytest.fixture(scope="session")
def config() -> OutcomeConfig:
    return OutcomeConfig.read()


@pytest.fixture(scope="session")
def late_data(seller: Seller) -> LateData:
    """The invoices that the champion was trained on."""
    return LateData.of(Known.at(seller.simulated.ledger, CUTOFF))


@pytest.fixture(scope="session")
def late_fit(late_data: LateData, config: OutcomeConfig) -> LateFit:
    """The payment-time model fitted once more, with the settings and the seed of the run."""
    return fit_late(late_data, SETTINGS, margin_days=config.maturity_margin_days)
