"""Models are learnt again on whole customers drawn with replacement."""

from __future__ import annotations

import numpy as np

from models.default import DefaultModel
from receivables.outcomes import OutcomeConfig
from tests.training.seller import SETTINGS
from training.dataset import DefaultData, LateData
from training.fit import LateFit
from training.fit_default import fit_default
from training.refits import REFITS, default_refits, drawn_customers, late_refits


def test_customers_are_drawn_whole_and_some_come_twice_and_some_never() -> None:
    customers = np.repeat(np.arange(50).astype(str).astype(object), 4)
    rows = drawn_customers(customers, 3)
    times = np.bincount(rows, minlength=200).reshape(50, 4)
    assert (times == times[:, :1]).all()
    assert times[:, 0].sum() == 50
    assert {0, 1, 2} <= set(times[:, 0].tolist())
    assert not np.array_equal(rows, drawn_customers(customers, 4))


def test_each_draw_teaches_another_model_of_the_same_kind(late_data: LateData, late_fit: LateFit) -> None:
    again = late_refits(late_data, late_fit, SETTINGS)
    x = late_data.x[:200]
    margins = [model.margins(x) for model in again]
    assert len(again) == REFITS
    assert [model.calibrations for model in again] == [late_fit.model.calibrations] * REFITS
    assert np.abs(margins[0] - margins[1]).max() > 0.01
    said = [model.law(x).late_over(0) for model in (*again, late_fit.model)]
    assert np.corrcoef(said)[0, 1] > 0.5


def test_what_is_served_of_the_event_is_what_is_learnt_again(late_data: LateData, config: OutcomeConfig) -> None:
    data = DefaultData.of(late_data.known, config)
    fit = fit_default(data, SETTINGS)
    again = default_refits(data, fit, SETTINGS)
    assert {type(model) for model in again} == {DefaultModel}
    assert {model.inputs_ for model in again} == {fit.model.inputs_}
    assert {model.calibration_ for model in again} == {fit.model.calibration_}
