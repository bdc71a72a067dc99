"""SIR: the ODE, the surveys and the posterior of the benchmark's first observation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.integrate import solve_ivp

from skabi.datasets import SIR
from skabi.datasets._sir import infected_share


def _parameters(z):
    return 0.4 * np.exp(0.5 * z[0]), 0.125 * np.exp(0.2 * z[1])


def _solve(beta, gamma):
    def derivative(_, state):
        return [-beta * np.exp(state[1]), beta * np.exp(state[0]) - gamma]

    start = np.log([1 - 1e-6, 1e-6])
    solution = solve_ivp(
        derivative, (0, 153), start, method="DOP853", rtol=1e-9, atol=1e-9, t_eval=17.0 * np.arange(10)
    )
    return np.exp(solution.y[1])


@pytest.mark.parametrize(("size", "tolerance"), [(0, 1e-5), (2, 1e-5), (5, 3e-4)], ids=["centre", "two sd", "five sd"])
def test_ode(size, tolerance):
    for z in np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * size:
        beta, gamma = _parameters(z)
        share = infected_share(np.array([beta]), np.array([gamma]))[0]
        assert_allclose(share, _solve(beta, gamma), rtol=tolerance)
        assert (share > 0).all() and (share < 1).all()


def test_surveys_are_binomial():
    X = SIR().simulate_from(np.tile([0.6, 0.12], (4000, 1)), random_state=0)
    share = _solve(0.6, 0.12)
    assert_allclose(X.mean(axis=0), 1000 * share, atol=5 * np.sqrt(1000 * share.max() / 4000))
    variance = 1000 * share * (1 - share)
    busy = variance > 50
    assert busy.sum() >= 2
    assert_allclose(X.var(axis=0)[busy], variance[busy], rtol=5 * np.sqrt(2 / 4000))
    assert ((X >= 0) & (X <= 1000) & (np.round(X) == X)).all()


def test_likelihood():
    simulator = SIR()
    X, y = simulator.sample(5, random_state=0)
    for x, (beta, gamma), value in zip(X, y.to_numpy(), simulator.log_likelihood(X, **y), strict=True):
        assert_allclose(value, stats.binom.logpmf(x, 1000, _solve(beta, gamma)).sum(), rtol=1e-3)


def test_posterior_of_the_benchmark():
    # Observation 1 of sbibm 1.1.0, and the moments of 5,000 of its reference draws.
    observation = [0, 1, 352, 40, 3, 0, 0, 0, 0, 0]
    mean, sd = np.array([0.632381, 0.169580]), np.array([0.012725, 0.011987])
    axes = [np.linspace(m - 6 * s, m + 6 * s, 41) for m, s in zip(mean, sd, strict=True)]
    y = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    simulator = SIR()
    log_weight = simulator.prior.log_prob(y) + simulator.log_likelihood(
        np.tile(observation, (len(y), 1)), beta=y[:, 0], gamma=y[:, 1]
    )
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    grid_mean = weight @ y
    assert_allclose((grid_mean - mean) / sd, 0, atol=5 / np.sqrt(5000))
    assert_allclose(np.sqrt(weight @ (y - grid_mean) ** 2) / sd, 1, atol=5 / np.sqrt(2 * 5000))
