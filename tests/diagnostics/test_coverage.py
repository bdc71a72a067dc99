import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import central_coverage
from skabi.exceptions import ShapeError


def simulate(n_datasets, n_draws, *, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n_datasets, 1))
    x = y + rng.normal(size=y.shape)
    return x[:, np.newaxis] / 2 + scale * np.sqrt(0.5) * rng.normal(size=(n_datasets, n_draws, 1)), y


@pytest.mark.parametrize("n_draws", [5, 20, 500])
def test_exact_posterior_covers_its_level_whatever_the_number_of_draws(n_draws):
    draws, y = simulate(4000, n_draws)
    levels = np.array([0.1, 0.5, 0.8, 0.95])
    result = central_coverage(draws, y, levels=levels)
    standard_error = np.sqrt(levels * (1 - levels) / 4000)
    assert (np.abs(result.coverage[:, 0] - levels) < 4.5 * standard_error).all()


@pytest.mark.parametrize("scale", [0.6, 1.7])
def test_wrong_spread_covers_what_theory_says(scale):
    draws, y = simulate(4000, 999, scale=scale)
    result = central_coverage(draws, y, levels=[0.5, 0.9])
    expected = 2 * stats.norm.cdf(scale * stats.norm.ppf([0.75, 0.95])) - 1
    assert (np.abs(result.coverage[:, 0] - expected) < 4.5 * np.sqrt(expected * (1 - expected) / 4000) + 0.002).all()
    # Limits that hold the truth and not the nominal level.
    assert ((result.lower[:, 0] > [0.5, 0.9]) | (result.upper[:, 0] < [0.5, 0.9])).all()


def test_coverage_counts_truths_between_quantiles():
    draws = np.tile(np.arange(1.0, 100.0)[:, np.newaxis], (4, 1, 1))
    result = central_coverage(draws, [50.5, 25.5, 24.5, 99.5], levels=[0.5])
    np.testing.assert_allclose(result.coverage, [[0.5]])


def test_truth_at_the_interval_end_counts_in_part():
    # Three draws, four pieces; the interval of level 0.75 takes half of each outer piece.
    draws = np.tile([[1.0], [2.0], [3.0]], (4, 1, 1))
    result = central_coverage(draws, [0.5, 1.5, 2.5, 3.5], levels=[0.75])
    np.testing.assert_allclose(result.coverage, [[0.75]])
    # Ties with all draws: anywhere.
    np.testing.assert_allclose(central_coverage(np.ones((1, 3, 1)), [1.0], levels=[0.75]).coverage, [[0.75]])


def test_monte_carlo_limits_hold_the_level_as_often_as_they_say():
    n_repeats, n_datasets = 400, 60
    rng = np.random.default_rng(1)
    y = np.zeros((n_datasets, n_repeats))
    draws = rng.normal(size=(n_datasets, 9, n_repeats))
    y = rng.normal(size=y.shape)
    # With 9 draws the interval of level 0.8 ends between draws: the count is binomial.
    result = central_coverage(draws, y, levels=[0.8])
    held = ((result.lower <= 0.8) & (result.upper >= 0.8)).mean()
    successes = np.arange(n_datasets + 1)
    low, high = stats.beta.ppf([[0.025], [0.975]], successes + 0.5, n_datasets - successes + 0.5)
    exact = stats.binom.pmf(successes, n_datasets, 0.8)[(low <= 0.8) & (high >= 0.8)].sum()
    assert abs(held - exact) < 4 * np.sqrt(exact * (1 - exact) / n_repeats)
    assert 0.92 < exact < 0.98


def test_limits_reach_zero_and_one_when_none_or_all_are_covered():
    draws = np.tile(np.linspace(0, 1, 99)[:, np.newaxis], (10, 1, 2))
    result = central_coverage(draws, np.tile([0.5, 2.0], (10, 1)), levels=[0.5])
    np.testing.assert_array_equal(result.coverage, [[1.0, 0.0]])
    assert result.upper[0, 0] == 1.0 and result.lower[0, 1] == 0.0
    assert 0 < result.lower[0, 0] < 1 and 0 < result.upper[0, 1] < 1


def test_shapes_and_default_levels():
    draws, y = np.random.default_rng(0).normal(size=(6, 20, 3)), np.zeros((6, 3))
    result = central_coverage(draws, y)
    np.testing.assert_allclose(result.levels, np.arange(1, 20) / 20)
    assert result.coverage.shape == result.lower.shape == result.upper.shape == (19, 3)
    assert (np.diff(result.coverage, axis=0) >= 0).all()


@pytest.mark.parametrize("levels", [[0.0], [1.0], [0.5, np.nan], [], [[0.5]], ["high"]])
def test_wrong_levels(levels):
    with pytest.raises(ValueError, match="levels must"):
        central_coverage(np.zeros((2, 3, 1)), np.zeros(2), levels=levels)


def test_wrong_prob_and_shapes():
    with pytest.raises(ValueError, match="prob must"):
        central_coverage(np.zeros((2, 3, 1)), np.zeros(2), prob=1.0)
    with pytest.raises(ShapeError, match="same n_datasets"):
        central_coverage(np.zeros((2, 3, 1)), np.zeros(3))


def test_nan_is_refused():
    draws, y = np.zeros((3, 4, 2)), np.zeros((3, 2))
    draws[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match="draws must be finite"):
        central_coverage(draws, y)
    y[2] = np.nan
    with pytest.raises(ValueError, match="y must be finite; 2 of its 6 values are NaN"):
        central_coverage(np.zeros((3, 4, 2)), y)
