"""An estimator of another's making is judged like ours, and promoted only with explanations that add up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.late import LateModel
from models.law import GRID
from models.numbers import Floats
from models.protocols import OwnModel, load_estimator
from receivables.errors import ArtefactError, ConfigError, InputError
from receivables.outcomes import OutcomeConfig
from tests.training.seller import CUTOFF, MLFLOW_NOISE, SETTINGS, TRAINED_AT, Seller
from training import candidate
from training.dataset import LateData
from training.fit import MODEL, OWN_RATE, SCORECARD, LateFit, fit_late, judged_late
from training.run import train

pytestmark = [pytest.mark.filterwarnings(line) for line in MLFLOW_NOISE]


@pytest.fixture(autouse=True)
def _examples_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))


OWN = replace(SETTINGS, late_estimator="own_estimator:PerDay", origins=1)


class Ours:
    """Another way to learn a model of our own kind."""

    def fit(self, x: Floats, labels: Floats, *, names: Any, grid: Any, seed: int) -> LateModel:
        params = {"num_iterations": 20, "min_data_in_leaf": 200, "max_bin": 31}
        return LateModel.fit(x, labels, names=names, grid=grid, seeds=(seed,), params=params)


def test_the_example_is_trained_judged_beside_the_same_challengers_and_refused_by_the_gate(
    seller: Seller, tmp_path: Path
) -> None:
    made = train(
        seller.simulated.ledger,
        cutoff=CUTOFF,
        folder=tmp_path,
        trained_at=TRAINED_AT,
        settings=OWN,
        config=OutcomeConfig.read(),
        promote=True,
        approved_by="ben",
        trained_by="anna",
    )
    auc = {f.predictor: f.value for f in made.figures if (f.target, f.slice, f.metric) == ("late_over_0", "all", "auc")}
    assert auc[MODEL] > 0.6
    assert {MODEL, OWN_RATE, SCORECARD} <= set(auc)
    assert not made.verdict.promoted
    assert "explanations add up: OwnModel has no exact additive explanation" in made.verdict.reason
    assert not (tmp_path / "champion").exists()
    assert made.versions == {}
    (place,) = tmp_path.glob(f"mlartifacts/*/{made.run_id}/artifacts")
    assert {"promotion.json", "card_late.md", "figures.json"} <= {path.name for path in place.iterdir()}


def test_an_estimator_that_learns_a_model_of_our_kind_goes_all_the_way(
    late_data: LateData, config: OutcomeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.fit_own.load_estimator", lambda path: Ours())
    fit: LateFit = fit_late(late_data, replace(OWN, late_estimator="x:Y"), margin_days=config.maturity_margin_days)
    assert isinstance(fit.model, LateModel)
    assert len(fit.splits) == 1
    predicted = judged_late(late_data, fit).predictors
    assert predicted[MODEL]["late_over_0"].std() > 0.05
    assert fit.model.explain(late_data.x[:50]).values.any()


def test_an_estimator_that_is_not_there_or_has_no_fit_is_named() -> None:
    for path, words in (
        ("own_estimator", "expected package.module:Class"),
        ("own_estimator:Nobody", "AttributeError"),
        ("nowhere:PerDay", "ModuleNotFoundError"),
        ("datetime:date", "TypeError"),
        ("decimal:Decimal", "with fit"),
    ):
        with pytest.raises(ConfigError, match=words):
            load_estimator(path)


def test_margins_of_another_shape_are_refused() -> None:
    class Wrong:
        def margins(self, x: Floats) -> Floats:
            return np.zeros(len(x))

    model = OwnModel(Wrong(), ("a",), ("a",), GRID, ())
    with pytest.raises(InputError, match=r"Wrong\.margins: expected log-odds of shape \(3, "):
        model.margins(np.zeros((3, 1)))


def test_what_has_no_form_on_disk_is_never_written(late_data: LateData) -> None:
    class Fitted:
        late_fit = type("F", (), {"model": object()})()

    with pytest.raises(ArtefactError, match="no form on disk"):
        candidate.storable(Fitted())  # type: ignore[arg-type]
