"""Truncated normal distributions against scipy and in far tails."""

import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

from skabi.datasets._truncated_normal import log_mass, sample_truncated_normal, truncated_normal


def test_log_mass_near_the_centre():
    mean = np.linspace(-3, 3, 13)
    expected = np.log(stats.norm.cdf((1.5 - mean) / 0.7) - stats.norm.cdf((-1 - mean) / 0.7))
    assert_allclose(log_mass(mean, 0.7, low=-1.0, high=1.5), expected, rtol=1e-9)


def test_log_mass_in_both_tails():
    # Mills' ratio: the mass beyond z is the density at z over z, less a term of order 1 / z**2.
    expected = stats.norm.logpdf(50.0) - np.log(50.0)
    assert_allclose(log_mass(np.array([-50.0, 51.0]), 1.0, low=0.0, high=1.0), expected, atol=1 / 50.0**2)


def test_draws_follow_scipy():
    mean = np.array([[-4.0, -0.3, 0.4, 6.0]])
    draws = sample_truncated_normal(mean, 0.5, low=-1.0, high=1.0, n_draws=4000, rng=np.random.default_rng(0))
    for j in range(4):
        test = stats.kstest(draws[0, :, j], truncated_normal(mean[0, j], 0.5, low=-1.0, high=1.0).cdf)
        assert test.pvalue > 1e-4


def test_draws_far_outside_the_interval_hug_its_edge():
    mean = np.array([[-60.0, 60.0]])
    draws = sample_truncated_normal(mean, 1.0, low=0.0, high=1.0, n_draws=4000, rng=np.random.default_rng(1))
    assert np.isfinite(draws).all()
    # Nearly exponential with rate 60: mean and standard deviation 1 / 60.
    distance = np.stack([draws[0, :, 0], 1 - draws[0, :, 1]])
    assert_allclose(distance.mean(axis=1), 1 / 60, rtol=5 / np.sqrt(4000))


def test_an_exact_zero_share_gives_an_end():
    class Zero:
        def random(self, shape):
            return np.zeros(shape)

    draws = sample_truncated_normal(np.array([[0.0]]), 1.0, low=-2.0, high=2.0, n_draws=1, rng=Zero())
    assert_allclose(draws, -2.0)
