"""Sizes whose logarithm is evenly spread."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skabi.datasets._log_uniform import log_uniform


@pytest.mark.parametrize(("low", "high"), [(1, 500), (20, 30), (7, 7), (1, 1)])
def test_probabilities(low, high):
    distribution, k = log_uniform(low, high), np.arange(low, high + 1)
    expected = np.log((k + 1) / k) / np.log((high + 1) / low)
    assert_allclose(distribution.pmf(k), expected, rtol=1e-10)
    assert_allclose(distribution.pmf(k).sum(), 1)
    assert_array_equal(distribution.support(), (low, high))
    # Halfway up the step of each number.
    assert_array_equal(distribution.ppf(distribution.cdf(k) - expected / 2), k)


def test_draws():
    n = 100_000
    draws = log_uniform(1, 50).rvs(size=n, random_state=np.random.default_rng(0))
    assert draws.min() == 1 and draws.max() == 50
    for k in (1, 2, 10, 50):
        share = log_uniform(1, 50).pmf(k)
        assert abs((draws == k).mean() - share) < 5 * np.sqrt(share * (1 - share) / n)


def test_bad_ranges():
    assert np.isnan(log_uniform(0, 5).mean()) and np.isnan(log_uniform(6, 5).mean())
