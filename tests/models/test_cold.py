"""Cold start: drawn to the peers the more, the less is known; additive, kept in the files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.asked import asked_columns
from models.cold import KNOWN, SHARE, ColdStart
from models.late import LateModel
from models.numbers import Floats, logit
from receivables.errors import ArtefactError

_NAMES = ("late_over_0_rate", "peer_late_over_0_rate", "peer_late_over_5_rate", "n_settled")
_INPUTS = _NAMES[:-1]
_GRID = (-5, 0, 2, 5, 30)


@pytest.fixture(scope="module")
def x() -> Floats:
    r = np.random.default_rng(1)
    own, peers = r.beta(2, 3, 900), r.beta(4, 6, 900)
    return np.column_stack([own, peers, peers / 2, r.integers(0, 6, 900)])


@pytest.fixture(scope="module")
def model(x: Floats) -> LateModel:
    days = np.random.default_rng(2).logistic(12 * x[:, 0] - 5, 3)
    labels = (days[:, None] > np.array(_GRID)).astype(float)
    small = {"num_iterations": 20, "min_data_in_leaf": 20}
    fitted = LateModel.fit(x, labels, names=_NAMES, inputs=_INPUTS, grid=_GRID, params=small, seeds=(1,))
    assert fitted.cold.share == SHARE
    return replace(fitted, cold=ColdStart(0.5))


def test_who_has_never_paid_is_drawn_halfway_to_the_rate_of_its_peers(model: LateModel, x: Floats) -> None:
    plain = replace(model, cold=ColdStart()).margins(x)
    found, none, known = model.margins(x), x[:, 3] == 0, x[:, 3] >= KNOWN
    zero = _GRID.index(0)
    np.testing.assert_allclose(found[none, zero], (plain[none, zero] + logit(x[none, 1])) / 2, atol=1e-12)
    assert found[known].tobytes() == plain[known].tobytes()


def test_beyond_the_days_of_the_peers_rates_the_portfolio_takes_their_place(model: LateModel, x: Floats) -> None:
    peers = model.peers(x)
    assert asked_columns(_INPUTS)[-1].name == "asked_peer_late_rate"
    np.testing.assert_allclose(peers[:, _GRID.index(2)], logit(x[:, 1] + 0.4 * (x[:, 2] - x[:, 1])), atol=1e-12)
    for day in (-5, 30):
        assert (peers[:, _GRID.index(day)] == model.habit.offsets[_GRID.index(day)]).all()


@pytest.mark.parametrize("day", [-5, 0, 5])
def test_contributions_of_a_cold_start_add_up_and_go_to_the_peers(model: LateModel, x: Floats, day: int) -> None:
    found, plain = model.explain(x[:60], day), replace(model, cold=ColdStart()).explain(x[:60], day)
    place = _GRID.index(day)
    np.testing.assert_allclose(found.reference + found.values.sum(axis=1), model.margins(x[:60])[:, place], atol=1e-9)
    none = x[:60, 3] == 0
    own = _NAMES.index("late_over_0_rate")
    np.testing.assert_allclose(found.values[none, own], plain.values[none, own] / 2, atol=1e-12)
    assert model.explained(x[:60], day)[0].survival.tobytes() == model.law(x[:60]).survival.tobytes()


def test_one_order_scores_as_it_does_among_many(model: LateModel, x: Floats) -> None:
    whole = model.margins(x)
    assert all(model.margins(x[i : i + 1]).tobytes() == whole[i : i + 1].tobytes() for i in range(40))


def test_the_files_bring_back_the_share_and_a_wrong_one_is_refused(model: LateModel, x: Floats) -> None:
    files = model.to_files()
    assert LateModel.from_files(_NAMES, files).margins(x[:20]).tobytes() == model.margins(x[:20]).tobytes()
    wrong = files["model.json"].replace(b'"share": 0.5', b'"share": 1.5')
    assert wrong != files["model.json"]
    with pytest.raises(ArtefactError, match="cold start"):
        LateModel.from_files(_NAMES, {**files, "model.json": wrong})
    with pytest.raises(ArtefactError, match="n_settled"):
        replace(model, names=(*_INPUTS, "another"))
