import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics import highest_density_coverage, uniformity_test
from skabi.exceptions import ShapeError


def coverage_of(simulated, **arguments):
    return highest_density_coverage(simulated.log_prob_draws, simulated.log_prob_y, **arguments)


@pytest.mark.parametrize(("n_draws", "n_parameters"), [(5, 1), (50, 3)])
def test_exact_posterior_covers_its_level_whatever_the_number_of_draws(gaussians, n_draws, n_parameters):
    levels = np.array([0.1, 0.5, 0.8, 0.95])
    result = coverage_of(gaussians(4000, n_draws, n_parameters), levels=levels)
    assert (np.abs(result.coverage - levels) < 4 * np.sqrt(levels * (1 - levels) / 4000)).all()
    assert result.p_value > 1e-4
    assert result.p_value == uniformity_test(result.ranks, n_draws)[0]
    assert result.coverage.shape == result.lower.shape == result.upper.shape == (4,)


@pytest.mark.parametrize("scale", [0.7, 1.4])
def test_wrong_spread_covers_what_theory_says(gaussians, scale):
    levels = np.array([0.5, 0.9])
    result = coverage_of(gaussians(4000, 200, 2, scale=scale), levels=levels)
    expected = stats.chi2.cdf(scale**2 * stats.chi2.ppf(levels, 2), 2)
    assert (np.abs(result.coverage - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000) + 0.003).all()
    assert ((result.coverage > levels) == (scale > 1)).all()
    assert ((result.lower > levels) | (result.upper < levels)).all()
    assert result.p_value < 1e-6


@pytest.mark.parametrize("n_parameters", [1, 2, 5])
def test_spread_that_is_off_by_15_percent_is_rejected_with_a_thousand_data_sets(gaussians, n_parameters):
    p_values = [coverage_of(gaussians(1000, 60, n_parameters, scale=1.15, seed=seed)).p_value for seed in range(20)]
    assert np.mean(np.array(p_values) <= 0.05) >= 0.95


def test_false_alarms_come_as_often_as_they_should(gaussians):
    rejected = sum(coverage_of(gaussians(150, 20, 2, seed=seed)).p_value <= 0.05 for seed in range(100))
    assert stats.binom.isf(0.999, 100, 0.05) <= rejected <= stats.binom.isf(0.001, 100, 0.05)


def test_ranks_count_draws_of_higher_density():
    draws = np.log([[0.4, 0.2, 0.3], [0.1, 0.2, 0.3]])
    result = highest_density_coverage(draws, np.log([0.25, 0.35]), levels=[0.25, 0.5, 0.75])
    np.testing.assert_array_equal(result.ranks, [2, 0])
    # The second truth lies in the first quarter, the first one in the third.
    np.testing.assert_allclose(result.coverage, [0.5, 0.5, 1.0])


def test_truths_outside_the_support_are_covered_last():
    draws = np.random.default_rng(0).normal(size=(200, 50))
    result = highest_density_coverage(draws, np.full(200, -np.inf), levels=[0.5, 0.95])
    np.testing.assert_array_equal(result.ranks, 50)
    np.testing.assert_array_equal(result.coverage, [0.0, 0.0])
    assert result.p_value < 1e-6


def test_equal_densities_are_anywhere_among_their_ranks():
    equal = np.zeros((500, 9)), np.zeros(500)
    result = highest_density_coverage(*equal, levels=[0.3], random_state=0)
    np.testing.assert_allclose(result.coverage, [0.3])
    assert set(result.ranks) == set(range(10))
    np.testing.assert_array_equal(result.ranks, highest_density_coverage(*equal, random_state=0).ranks)
    assert (result.ranks != highest_density_coverage(*equal, random_state=1).ranks).any()


def test_nan_is_refused_with_the_number_of_data_sets():
    draws, y = np.zeros((4, 3)), np.zeros(4)
    draws[[0, 2], 1] = np.nan
    with pytest.raises(ValueError, match=r"log_prob_draws must not be NaN, and is in 2 of 4 data sets"):
        highest_density_coverage(draws, y)
    y[3] = np.nan
    with pytest.raises(ValueError, match=r"log_prob_y must not be NaN, and is in 1 of 4 data sets"):
        highest_density_coverage(np.zeros((4, 3)), y)
    y[3] = np.inf
    with pytest.raises(ValueError, match=r"log_prob_y must not be plus infinity, and is in 1 of 4 data sets"):
        highest_density_coverage(np.zeros((4, 3)), y)


@pytest.mark.parametrize(
    ("draws", "y"), [((4, 3), (3,)), ((4,), (4,)), ((4, 3, 1), (4,)), ((4, 0), (4,)), ((0, 3), (0,))]
)
def test_wrong_shapes(draws, y):
    with pytest.raises(ShapeError, match=r"\(n_datasets, n_draws\) and \(n_datasets,\)"):
        highest_density_coverage(np.zeros(draws), np.zeros(y))


def test_wrong_levels_and_prob():
    with pytest.raises(ValueError, match="levels must"):
        highest_density_coverage(np.zeros((2, 3)), np.zeros(2), levels=[1.0])
    with pytest.raises(ValueError, match="prob must"):
        highest_density_coverage(np.zeros((2, 3)), np.zeros(2), prob=0.0)
