import numpy as np
import pytest
from scipy import stats

from skabi.diagnostics._pareto import effective_sizes, largest_k, pareto_smoothed, resampled


def test_k_is_the_shape_of_the_tail_of_weights():
    rng = np.random.default_rng(0)
    shapes = np.array([0.2, 0.5, 0.9])
    log_weights = np.log(stats.genpareto(shapes[:, np.newaxis]).rvs(size=(3, 20_000), random_state=rng))
    weights, k = pareto_smoothed(log_weights)
    # The standard error of a generalised Pareto shape from m exceedances is about (1 + k) / sqrt(m).
    np.testing.assert_array_less(np.abs(k - shapes), 4 * (1 + shapes) / np.sqrt(3 * np.sqrt(20_000)))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)


def test_weights_that_are_mostly_zero():
    log_weights = np.full((3, 1000), -np.inf)
    log_weights[1, :5], log_weights[2] = 0.0, 0.0
    weights, k = pareto_smoothed(log_weights)
    assert k.tolist() == [np.inf, np.inf, 0.0]
    np.testing.assert_allclose(weights.sum(axis=1), [0.0, 1.0, 1.0])
    np.testing.assert_allclose(effective_sizes(weights), [0.0, 5.0, 1000.0])
    assert resampled(weights[:0], 10, np.random.default_rng(0)).shape == (0, 10)


def test_draws_come_in_proportion_to_their_weights():
    rng = np.random.default_rng(1)
    weights = np.array([[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]])
    places = resampled(weights, 1000, rng)
    counts = np.stack([np.bincount(row, minlength=3) for row in places])
    np.testing.assert_array_less(np.abs(counts - 1000 * weights), 1.0 + 1e-9)
    assert (np.diff(places[0][:100]) < 0).any()


def test_threshold_grows_with_draws():
    assert largest_k(100) == pytest.approx(0.5)
    assert largest_k(10_000) == 0.7
