"""Two moons: density, evidence and draws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skabi.datasets import TwoMoons
from skabi.datasets._two_moons import _sample_crescent


def test_likelihood_is_a_density(grid):
    theta = np.array([[0.3, -0.5]])
    points, area = grid(-0.2, 0.2, 800)
    X = points + [0.25 - 0.2 / np.sqrt(2), -0.8 / np.sqrt(2)]
    density = np.exp(TwoMoons().log_likelihood(X, theta=np.repeat(theta, len(X), axis=0)))
    assert_allclose(density.sum() * area, 1.0, atol=2e-3)
    # The mean radius tells a density with the polar Jacobian 1 / r from one without: 0.1, against 0.101.
    radius = np.hypot(*points.T)
    assert_allclose(density @ radius / density.sum(), 0.1, atol=2e-4)


def test_simulations_have_the_right_moments():
    X = TwoMoons().simulate_from(np.tile([0.3, -0.5], (20_000, 1)), random_state=0)
    # E cos = 2 / pi, E r = 0.1, E r**2 = 0.0101, E cos**2 = E sin**2 = 1/2.
    assert_allclose(X[:, 0].mean(), 0.25 + 0.2 / np.pi - 0.2 / np.sqrt(2), atol=5 * 0.04 / np.sqrt(20_000))
    assert_allclose(X[:, 1].mean(), -0.8 / np.sqrt(2), atol=5 * 0.0711 / np.sqrt(20_000))
    assert_allclose(X[:, 1].var(), 0.0101 / 2, rtol=5 / np.sqrt(20_000))


@pytest.mark.parametrize("x", [[0.0, 0.0], [0.3, 0.2], [0.26, 1.3], [-1.1, 0.05], [-0.2, -1.0]])
def test_evidence_by_monte_carlo(x):
    simulator = TwoMoons()
    n = 400_000
    first, second = _sample_crescent(n, np.random.default_rng(0))
    u, v = first - x[0], x[1] - second
    share = np.mean((u >= 0) & (u + np.abs(v) <= np.sqrt(2)))
    error = np.sqrt(share * (1 - share) / n)
    assert share > 0.01
    assert_allclose(np.exp(simulator.log_evidence([x]))[0], share / 2, atol=(5 * error + 1e-3) / 2)


def test_evidence_and_posterior_by_quadrature(grid):
    simulator = TwoMoons()
    # The density jumps where abs(theta_1 + theta_2) = 0.2 sqrt(2): turned by 45 degrees the grid has an edge there.
    turned, area = grid(-1.5, 1.5, 1200)
    turned = turned[np.abs(turned).max(axis=1) < 0.5]
    theta = np.column_stack([turned[:, 0] - turned[:, 1], turned[:, 0] + turned[:, 1]]) / np.sqrt(2)
    x = [0.05, -0.1]
    X = np.tile(x, (len(theta), 1))
    evidence = np.exp(simulator.log_likelihood(X, theta=theta)).sum() * area / 4
    assert_allclose(simulator.log_evidence([x]), np.log(evidence), atol=2e-3)
    weight = np.exp(simulator.log_posterior(X, theta)) * area
    assert_allclose(weight.sum(), 1.0, atol=2e-3)
    draws = simulator.sample_posterior([x], 20_000, random_state=0)[0]
    mean = weight @ theta
    covariance = (theta - mean).T @ (weight[:, np.newaxis] * (theta - mean))
    sd = np.sqrt(np.diag(covariance))
    assert_allclose((draws.mean(axis=0) - mean) / sd, 0, atol=5 / np.sqrt(20_000) + 2e-3)
    assert_allclose(np.corrcoef(draws.T)[0, 1], covariance[0, 1] / sd.prod(), atol=5 / np.sqrt(20_000))
    assert_allclose(draws.std(axis=0) / sd, 1, atol=5 / np.sqrt(20_000))


def test_evidence_is_a_density_of_the_data(grid):
    X, area = grid(-1.8, 1.8, 120)
    assert_allclose(np.exp(TwoMoons().log_evidence(X)).sum() * area, 1.0, atol=2e-3)


def test_both_moons_are_as_likely():
    draws = TwoMoons().sample_posterior([[0.0, 0.0]], 10_000, random_state=0)[0]
    assert abs((draws.sum(axis=1) > 0).mean() - 0.5) < 5 * 0.5 / np.sqrt(10_000)


def test_draws_could_have_made_the_data():
    # At x_1 = 0.3 half of the crescent would need abs(theta_1 + theta_2) < 0.
    draws = TwoMoons().sample_posterior([[0.3, 0.2]], 2000, random_state=0)[0]
    assert TwoMoons().log_posterior(np.tile([0.3, 0.2], (2000, 1)), draws).min() > -15


def test_draws_are_calibrated(assert_calibrated):
    assert_calibrated(TwoMoons(), n_datasets=1000)


def test_impossible_data_set_has_no_draws(monkeypatch):
    monkeypatch.setattr("skabi.datasets._two_moons.MAX_PROPOSALS", 1000)
    with pytest.raises(ValueError, match="can hardly have made data set 1"):
        TwoMoons().sample_posterior([[0.0, 0.0], [5.0, 0.0]], 10)
