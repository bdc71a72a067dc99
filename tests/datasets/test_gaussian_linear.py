"""The two Gaussian tasks of the benchmark have its settings."""

import numpy as np
from numpy.testing import assert_allclose

from skabi.datasets import GaussianLinear, GaussianLinearUniform


def test_gaussian_linear():
    simulator = GaussianLinear()
    X, y = simulator.sample(20_000, random_state=0)
    tolerance = 5 * np.sqrt(2 / 20_000)
    assert_allclose(y.var(), 0.1, rtol=tolerance)
    assert_allclose((X - y.to_numpy()).var(axis=0), 0.1, rtol=tolerance)
    assert_allclose(simulator.posterior_mean(X), X / 2)
    assert_allclose(simulator.posterior_std(X)[0], np.sqrt(0.05))


def test_gaussian_linear_uniform(assert_calibrated):
    simulator = GaussianLinearUniform()
    assert_allclose(simulator.prior.support, [[-1.0, 1.0]] * 10)
    assert_allclose(simulator.posterior_std(np.zeros((1, 10))), simulator.posterior_std(np.zeros((1, 10)))[0, 0])
    assert_calibrated(simulator, n_datasets=1000, n_draws=30)
