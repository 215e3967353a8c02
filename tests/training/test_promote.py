"""A new model takes over only where it did better on orders that neither model has learnt from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.calibration import Calibration
from models.champion import Champion, load_champion
from tests.training.seller import Seller
from training.dataset import LateData
from training.fit import LateFit
from training.promote import compare, current_champion, decide


@pytest.fixture
def older(seller: Seller, late_fit: LateFit) -> Champion:
    """The champion as if it had been trained at the first origin: what came after is new to it."""
    champion = load_champion(seller.home / "champion")
    return replace(champion, manifest={**champion.manifest, "training_cutoff": late_fit.splits[0].cutoff.isoformat()})


@pytest.fixture
def worse(older: Champion) -> Champion:
    """The same with log-odds shifted by four."""
    return replace(older, late=older.late.calibrated(Calibration("intercept", intercept=4.0)))


def test_without_a_champion_the_first_is_promoted(tmp_path: Path, late_data: LateData, late_fit: LateFit) -> None:
    verdict = decide(*current_champion(tmp_path / "champion"), late_data, late_fit, asked=False)
    assert verdict.promoted
    assert verdict.reason == "there is no champion yet"


def test_a_damaged_champion_is_replaced_and_the_verdict_says_why(
    tmp_path: Path, late_data: LateData, late_fit: LateFit
) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    verdict = decide(*current_champion(tmp_path), late_data, late_fit, asked=False)
    assert verdict.promoted
    assert "cannot be used" in verdict.reason


def test_a_better_model_is_promoted_when_asked(worse: Champion, late_data: LateData, late_fit: LateFit) -> None:
    verdict = decide(worse, "", late_data, late_fit, asked=True)
    assert verdict.promoted
    assert all(found.value < 0 for found in verdict.differences.values())


def test_a_better_model_stays_a_challenger_when_not_asked(
    worse: Champion, late_data: LateData, late_fit: LateFit
) -> None:
    verdict = decide(worse, "", late_data, late_fit, asked=False)
    assert not verdict.promoted
    assert "--promote" in verdict.reason


def test_a_model_that_is_not_better_stays_a_challenger(older: Champion, late_data: LateData, late_fit: LateFit) -> None:
    # the champion has in truth learnt these very orders, so nothing beats it on them
    verdict = decide(older, "", late_data, late_fit, asked=True)
    assert not verdict.promoted
    assert "not lower" in verdict.reason


def test_only_orders_since_the_champions_cut_off_are_compared(
    worse: Champion, late_data: LateData, late_fit: LateFit
) -> None:
    everything = compare(worse, late_data, late_fit)
    held = late_data.orders.as_of[late_fit.heldout.rows]
    later = replace(worse, manifest={"training_cutoff": str(np.sort(held)[len(held) // 2])})
    assert compare(later, late_data, late_fit)["late_over_0"].value != everything["late_over_0"].value
    assert compare(replace(worse, manifest={"training_cutoff": "2027-01-01"}), late_data, late_fit) == {}
