"""The mixture's posterior, inside and at the edge of the box."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skabi.datasets import GaussianMixture


def test_simulations_have_the_right_moments():
    X = GaussianMixture().simulate_from(np.tile([3.0, -8.0], (40_000, 1)), random_state=0)
    variance, fourth_moment = (1 + 0.1**2) / 2, 3 * (1 + 0.1**4) / 2
    assert_allclose(X.mean(axis=0), [3.0, -8.0], atol=5 * np.sqrt(variance / 40_000))
    assert_allclose(X.var(axis=0), variance, atol=5 * np.sqrt((fourth_moment - variance**2) / 40_000))
    # Both columns come from the same component: their squares are correlated.
    squares = (X - [3.0, -8.0]) ** 2
    covariance = (1 + 0.1**4) / 2 - variance**2
    assert_allclose(np.cov(squares.T)[0, 1], covariance, atol=5 * np.sqrt(fourth_moment**2 / 40_000))


@pytest.mark.parametrize(("x", "n"), [([0.0, 0.0], 400), ([9.95, -10.4], 800)])
def test_evidence_and_posterior_by_quadrature(x, n, grid):
    simulator = GaussianMixture()
    theta, area = grid(-10.0, 10.0, n)
    X = np.tile(x, (len(theta), 1))
    evidence = np.exp(simulator.log_likelihood(X, theta=theta)).sum() * area / 400
    assert_allclose(simulator.log_evidence([x]), np.log(evidence), atol=2e-3)
    weight = np.exp(simulator.log_posterior(X, theta)) * area
    assert_allclose(weight.sum(), 1.0, atol=2e-3)
    # The share of the narrow component among the draws.
    draws = simulator.sample_posterior([x], 20_000, random_state=0)[0]
    share = np.mean(np.abs(draws - x).max(axis=1) < 0.525)
    near = np.abs(theta - x).max(axis=1) < 0.525
    assert_allclose(share, weight[near].sum(), atol=5 * 0.5 / np.sqrt(20_000) + 5e-3)


def test_draws_are_calibrated(assert_calibrated):
    assert_calibrated(GaussianMixture())
