"""The search: blind to the judged period, the same however often it was interrupted, kept trial by trial."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from receivables.errors import ConfigError, InputError
from receivables.ledger import Ledger
from tests.training.seller import CUTOFF, MLFLOW_NOISE, SETTINGS, Seller
from training.fit import LateFit, Settings
from training.settings import read_settings, to_toml
from training.trials import name_of, remarks, tracked
from training.tune import SPACE, Found, Problem, Tried, open_study, proposed, search, with_parameters

pytestmark = [pytest.mark.filterwarnings(line) for line in MLFLOW_NOISE]


@pytest.fixture(scope="module")
def problem(seller: Seller) -> Problem:
    return Problem.before_judgement(seller.simulated.ledger, cutoff=CUTOFF, settings=SETTINGS, margin_days=2)


class Landscape(Problem):
    """A problem whose loss is known: how far the learning rate is from 0.05; the second origin adds the leaves."""

    def losses(self, settings: Settings) -> Any:
        """Two origins."""
        yield abs(np.log(settings.late_params["learning_rate"] / 0.05))
        yield abs(np.log(settings.late_params["learning_rate"] / 0.05)) + settings.late_params["num_leaves"] / 100


@pytest.fixture
def landscape(problem: Problem) -> Landscape:
    return Landscape(problem.data, problem.splits, Settings(), problem.margin_days)


def test_nothing_of_the_judged_period_reaches_the_search(seller: Seller, problem: Problem, late_fit: LateFit) -> None:
    first_judged = late_fit.splits[0].cutoff
    assert problem.data.known.cutoff == first_judged
    assert (problem.data.orders.as_of < first_judged.to_datetime64()).all()
    assert all(split.cutoff < split.until <= first_judged for split in problem.splits)
    # and to the last bit: falsified facts that became known later change nothing
    spoilt = Ledger({**seller.simulated.ledger.frames, **_falsified(seller, first_judged)})
    other = Problem.before_judgement(spoilt, cutoff=CUTOFF, settings=SETTINGS, margin_days=2)
    assert np.array_equal(other.data.x, problem.data.x, equal_nan=True)
    assert name_of(other) == name_of(problem)


def _falsified(seller: Seller, moment: Any) -> dict[str, Any]:
    """Payments and allocations, with the amounts of those known in the judged period doubled."""
    frames = {name: seller.simulated.ledger[name].copy() for name in ("payments", "allocations")}
    for frame in frames.values():
        frame.loc[frame["known_at"] > moment, "amount_minor"] *= 2
    return frames


def test_two_real_trials_are_searched_and_the_first_is_the_settings_as_they_are(problem: Problem) -> None:
    study = open_study("x", None)
    found = search(study, replace(problem, splits=problem.splits[:1]), trials=2)
    first = found.trials[0]
    assert first.parameters["learning_rate"] == pytest.approx(0.15)  # 0.4 of the tests is beyond the space
    assert first.loss == found.loss_before
    assert 0.3 < found.loss <= found.loss_before < 1.2


def test_an_interrupted_search_ends_where_an_uninterrupted_one_does(landscape: Landscape, tmp_path: Path) -> None:
    whole = search(open_study("x", None), landscape, trials=14)
    storage = f"sqlite:///{tmp_path / 'tune.sqlite'}"
    search(open_study("x", storage), landscape, trials=5)
    killed = open_study("x", storage)
    killed.ask()  # a trial that was running when the process was killed
    again = search(open_study("x", storage), landscape, trials=14)
    assert [t.parameters for t in again.trials] == [t.parameters for t in whole.trials]
    assert [t.loss for t in again.trials] == [t.loss for t in whole.trials]
    assert whole.best == again.best
    assert whole.loss < whole.loss_before
    assert {"pruned", "complete"} == {t.state for t in whole.trials}
    assert search(open_study("x", storage), landscape, trials=14).trials == again.trials


def test_another_seed_searches_elsewhere(landscape: Landscape) -> None:
    other = Landscape(landscape.data, landscape.splits, Settings(seed=2), 2)
    found = [search(open_study("x", None), each, trials=3).trials[1].parameters for each in (landscape, other)]
    assert found[0] != found[1]


def test_time_ends_the_search_after_one_trial_at_least(landscape: Landscape) -> None:
    clock = iter(range(0, 1000, 10))
    found = search(open_study("x", None), landscape, seconds=25.0, clock=lambda: float(next(clock)))
    assert len(found.trials) == 3
    found = search(open_study("y", None), landscape, seconds=0.0)
    assert len(found.trials) == 1
    with pytest.raises(InputError, match="needs a limit"):
        search(open_study("z", None), landscape)


def test_every_trial_is_a_run_under_one_parent_also_when_the_search_goes_on(
    landscape: Landscape, tmp_path: Path
) -> None:
    from models.registry import connect

    for trials in (2, 3):
        with tracked(landscape, tmp_path) as (study, note):
            search(study, landscape, trials=trials, each=note)
    client = connect(tmp_path)
    where = client.get_experiment_by_name("otc-risk")
    runs = client.search_runs([where.experiment_id])
    parents = [run for run in runs if run.data.tags["mlflow.runName"] == "tune"]
    children = [run for run in runs if run not in parents]
    assert len(parents) == 1
    assert len(children) == 3
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parents[0].info.run_id}
    assert all(set(SPACE) == set(run.data.params) for run in children)


def test_what_was_found_is_read_back_as_the_same_settings(landscape: Landscape, tmp_path: Path) -> None:
    chosen = {name: high if isinstance(high, int) else low for name, (low, high, _) in SPACE.items()}
    best = with_parameters(Settings(seed=9), chosen)
    found = Found(chosen, 0.7, 0.8, (Tried(0, "complete", chosen, 0.7),))
    path = tmp_path / "settings.toml"
    path.write_text(to_toml(best, remarks(landscape, found)))
    assert read_settings(path) == best
    assert "before the search 0.80000" in path.read_text()
    path.write_text('late_parameters = 1\nseed = "x"\n')
    with pytest.raises(ConfigError, match=r"(?s)late_parameters.*seed"):
        read_settings(path)
    path.write_text("rounds = [[]]\n")
    with pytest.raises(ConfigError, match="positive numbers"):
        read_settings(path)


def test_a_trial_keeps_to_the_space(landscape: Landscape) -> None:
    study = open_study("x", None)
    for _ in range(20):
        made = proposed(study.ask(), landscape.settings)
        chosen = {**made.late_params, "num_iterations": made.rounds[0][0]}
        assert all(low <= chosen[name] <= high for name, (low, high, _) in SPACE.items())
