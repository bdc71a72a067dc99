"""SLCP against scipy's bivariate Gaussian."""

import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

from skabi.datasets import SLCP


def _gaussian(theta):
    first, second = theta[2] ** 2, theta[3] ** 2
    mixed = np.tanh(theta[4]) * first * second
    return stats.multivariate_normal(theta[:2], [[first**2, mixed], [mixed, second**2]])


def test_likelihood():
    simulator = SLCP()
    X, y = simulator.sample(30, random_state=0)
    expected = [_gaussian(t).logpdf(x.reshape(4, 2)).sum() for x, t in zip(X, y.to_numpy(), strict=True)]
    assert_allclose(simulator.log_likelihood(X, theta=y.to_numpy()), expected, rtol=1e-6)


def test_simulations_have_the_right_moments():
    theta = np.array([0.7, -2.9, -1.2, 0.8, 0.6])
    X = SLCP().simulate_from(np.tile(theta, (10_000, 1)), random_state=0)
    points = X.reshape(-1, 2)
    expected = _gaussian(theta)
    sd = np.sqrt(np.diag(expected.cov))
    n = len(points)
    assert_allclose((points.mean(axis=0) - theta[:2]) / sd, 0, atol=5 / np.sqrt(n))
    assert_allclose(points.std(axis=0) / sd, 1, atol=5 / np.sqrt(2 * n))
    assert_allclose(np.corrcoef(points.T)[0, 1], np.tanh(0.6), atol=5 / np.sqrt(n))
    # Points of a data set are independent of each other.
    assert abs(np.corrcoef(X[:, 0], X[:, 2])[0, 1]) < 5 / np.sqrt(10_000)


def test_signs_of_scales_are_not_identified():
    simulator = SLCP()
    X, y = simulator.sample(5, random_state=0)
    flipped = y.to_numpy() * [1, 1, -1, -1, 1]
    assert_allclose(simulator.log_likelihood(X, theta=flipped), simulator.log_likelihood(X, theta=y.to_numpy()))
