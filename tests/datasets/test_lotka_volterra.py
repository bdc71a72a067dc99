"""Lotka-Volterra: the ODE, its noise and its limits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.integrate import solve_ivp

from skabi.datasets import LotkaVolterra
from skabi.datasets._lotka_volterra import log_populations


def _solve(alpha, beta, gamma, delta):
    def derivative(_, state):
        return [alpha - beta * np.exp(state[1]), delta * np.exp(state[0]) - gamma]

    times = 2.1 * np.arange(10)
    solution = solve_ivp(
        derivative, (0, times[-1]), [np.log(30), 0.0], method="DOP853", rtol=1e-10, atol=1e-10, t_eval=times
    )
    return solution.y


@pytest.mark.parametrize("distance", [0, 2, 4])
def test_ode(distance):
    direction = np.random.default_rng(distance).standard_normal((12, 4))
    z = distance * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    parameters = np.exp([-0.125, -3, -0.125, -3] + 0.5 * z)
    states = log_populations(*parameters.T)
    assert states.shape == (12, 2, 10)
    for state, row in zip(states, parameters, strict=True):
        assert_allclose(state, _solve(*row), atol=1e-4)


def test_counts_are_lognormal():
    parameters = [0.7, 0.1, 0.9, 0.1]
    X = LotkaVolterra().simulate_from(np.tile(parameters, (4000, 1)), random_state=0)
    noise = np.log(X) - _solve(*parameters).ravel()
    assert_allclose(noise.mean(axis=0), 0, atol=5 * 0.1 / np.sqrt(4000) + 1e-4)
    assert_allclose(noise.std(axis=0), 0.1, rtol=5 / np.sqrt(2 * 4000))
    assert_allclose(X[:, [0, 10]].mean(axis=0), np.array([30.0, 1.0]) * np.exp(0.005), rtol=0.01)


def test_likelihood():
    simulator = LotkaVolterra()
    X, y = simulator.sample(5, random_state=0)
    for x, row, value in zip(X, y.to_numpy(), simulator.log_likelihood(X, **y), strict=True):
        log_median = np.clip(_solve(*row).ravel(), np.log(1e-10), np.log(1e4))
        expected = (stats.norm.logpdf(np.log(x), log_median, 0.1) - np.log(x)).sum()
        assert_allclose(value, expected, atol=0.05)


def test_populations_keep_to_the_limits():
    # Plenty of predators: prey falls far below the benchmark's floor.
    parameters = {"alpha": 3.0, "beta": 0.3, "gamma": 0.05, "delta": 0.3}
    assert log_populations(*(np.array([v]) for v in parameters.values())).min() < np.log(1e-10)
    X = LotkaVolterra().simulate_from([list(parameters.values())], random_state=0)
    assert_allclose(np.log(X).min(), np.log(1e-10), atol=0.5)
