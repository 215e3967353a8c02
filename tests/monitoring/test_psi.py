import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring import Bins, chance_bound, psi


def _normal(seed: int, size: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, size)


def _value(reference: np.ndarray, current: np.ndarray, bins: int = 10) -> float:
    return psi(*_weights(reference, current, bins))


def _weights(reference: np.ndarray, current: np.ndarray, bins: int = 10) -> list[np.ndarray]:
    cut = Bins.of(reference, bins)
    return [
        np.bincount(cut.place(values), minlength=len(cut.edges) + 2).astype(float) for values in (reference, current)
    ]


def test_psi_of_two_histograms_is_the_sum_over_their_shares() -> None:
    before, after = np.array([200, 300, 500]), np.array([300, 300, 400])
    p, q = (before + 0.5) / 1001.5, (after + 0.5) / 1001.5
    assert psi(before, after) == pytest.approx(float(stats.entropy(p, q) + stats.entropy(q, p)))


def test_a_shift_of_a_normal_column_costs_the_square_of_its_size_in_standard_deviations() -> None:
    # Jeffreys divergence of two unit normals 0.3 apart is 0.09; binning loses a little of it
    assert _value(_normal(1, 200_000), _normal(2, 200_000, 0.3)) == pytest.approx(0.09, abs=0.008)


@pytest.mark.parametrize("size", [800, 1_000, 1_001, 5_000, 50_000])
def test_the_same_shift_gives_the_same_verdict_at_every_sample_size(size: int) -> None:
    assert 0.3 < _value(_normal(3, size), _normal(4, size, 0.75)) < 0.75


def test_samples_of_one_population_stay_below_the_chance_bound() -> None:
    beyond = 0
    for seed in range(200):
        reference, current = _normal(2 * seed, 400), _normal(2 * seed + 1, 300)
        before, after = _weights(reference, current)
        beyond += psi(before, after) > chance_bound(before, after, 0.99)
    assert beyond <= 6


@pytest.mark.parametrize("bins", [2, 5, 12, 30])
def test_the_chance_bound_is_a_chi_square_quantile(bins: int) -> None:
    counts = np.full(bins, 50)
    expected = stats.chi2.ppf(0.999, bins - 1) * 2 / counts.sum()
    assert chance_bound(counts, counts, 0.999) == pytest.approx(expected, rel=0.04)


def test_values_beyond_everything_seen_have_bins_of_their_own() -> None:
    places = Bins.of(np.array([1.0, 2.0, 3.0]), 3).place(np.array([-9.0, 1.0, 2.0, 3.0, 9.0, np.nan]))
    assert places.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_constant_column_that_moves_is_seen() -> None:
    assert _value(np.ones(500), np.zeros(500)) > 1


def test_a_column_that_turns_null_is_seen() -> None:
    assert _value(_normal(5, 500), np.full(500, np.nan)) > 1


def test_a_column_without_any_value_in_both_periods_has_not_moved() -> None:
    nothing = np.full(500, np.nan)
    assert _value(nothing, nothing) == 0
    assert chance_bound(*_weights(nothing, nothing), 0.999) == 0


@given(
    st.lists(st.floats(-1e9, 1e9) | st.just(float("nan")), min_size=1),
    st.lists(st.floats(-1e9, 1e9) | st.just(float("nan")), min_size=1),
)
def test_every_value_falls_in_a_bin_and_psi_is_finite_and_not_negative(before: list[float], after: list[float]) -> None:
    reference, current = np.array(before), np.array(after)
    assert _weights(reference, current)[1].sum() == len(current)
    assert np.isfinite(_value(reference, current))
    assert _value(reference, current) >= 0
    assert _value(reference, reference) == 0
