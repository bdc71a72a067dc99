"""The Bernoulli GLM, its stimulus and its statistics."""

import numpy as np
from numpy.testing import assert_allclose
from scipy import special, stats

from skabi.datasets import BernoulliGLM, BernoulliGLMRaw
from skabi.datasets._bernoulli_glm import DESIGN_MATRIX


def test_stimulus_of_the_benchmark():
    first = [0.49671414, -0.1382643, 0.64768857, 1.5230298, -0.23415338]
    assert_allclose(DESIGN_MATRIX[:5, 1], first, rtol=1e-7)
    assert_allclose(DESIGN_MATRIX[8:13, 9], first, rtol=1e-7)
    assert (DESIGN_MATRIX[:8, 9] == 0).all() and (DESIGN_MATRIX[:, 0] == 1).all()


def test_statistics_are_lagged_sums_before_spikes():
    # One spike, in bin 20: the statistics are one and the stimulus of bins 20, 19, ..., 12.
    spikes = np.zeros(100)
    spikes[20] = 1
    assert_allclose(spikes @ DESIGN_MATRIX, [1, *DESIGN_MATRIX[20:11:-1, 1]])


def test_prior_precision():
    # Written out: F = D D + diag(sqrt(i / 9)) has 1 + sqrt(i / 9), -2 and 1 on three diagonals.
    roughness = np.diag(1 + np.sqrt(np.arange(9) / 9)) - 2 * np.eye(9, k=-1) + np.eye(9, k=-2)
    y = BernoulliGLM().prior.sample(20_000, random_state=0).to_numpy()
    assert_allclose(y[:, 0].var(), 2.0, rtol=5 * np.sqrt(2 / 20_000))
    # F theta is white noise.
    white = np.cov((y[:, 1:] @ roughness.T).T)
    assert_allclose(white, np.eye(9), atol=5 * np.sqrt(2 / 20_000))


def test_likelihood_of_spikes():
    simulator = BernoulliGLMRaw()
    X, y = simulator.sample(20, random_state=0)
    theta = y.to_numpy()
    expected = stats.bernoulli.logpmf(X, special.expit(theta @ DESIGN_MATRIX.T)).sum(axis=1)
    assert_allclose(simulator.log_likelihood(X, theta=theta), expected, rtol=1e-8)
    statistics = BernoulliGLM().log_likelihood(X @ DESIGN_MATRIX, theta=theta)
    assert_allclose(statistics, expected, rtol=1e-8)


def test_both_tasks_simulate_the_same_trains():
    raw, y_raw = BernoulliGLMRaw().sample(20, random_state=0)
    statistics, y = BernoulliGLM().sample(20, random_state=0)
    assert_allclose(y_raw, y)
    assert_allclose(raw @ DESIGN_MATRIX, statistics)


def test_spike_probabilities():
    theta = BernoulliGLM().prior.sample(1, random_state=3).to_numpy()
    X = BernoulliGLMRaw().simulate_from(np.repeat(theta, 10_000, axis=0), random_state=0)
    probability = special.expit(DESIGN_MATRIX @ theta[0])
    assert set(np.unique(X)) <= {0.0, 1.0}
    error = np.sqrt(probability * (1 - probability) / 10_000)
    assert (np.abs(X.mean(axis=0) - probability) < 5 * error + 1e-3).all()
