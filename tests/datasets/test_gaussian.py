"""Gaussian mean under a Gaussian and a box prior."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from skabi.datasets import ConjugateGaussian, TruncatedGaussian

SIMULATORS = [
    ConjugateGaussian(shift=-1.0, noise_variance=0.3, prior_variance=0.6),
    TruncatedGaussian(shift=-1.0, low=-2.0, high=1.0),
]


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_simulations_have_the_right_moments(simulator):
    theta = np.tile([0.5, -0.2], (20_000, 1))
    X = simulator.simulate_from(theta, random_state=0)
    assert_allclose(X.mean(axis=0), [-0.5, -1.2], atol=5 * np.sqrt(0.3 / 20_000))
    assert_allclose(X.var(axis=0), 0.3, rtol=5 * np.sqrt(2 / 20_000))
    assert abs(np.corrcoef(X.T)[0, 1]) < 5 / np.sqrt(20_000)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_evidence_and_posterior_by_quadrature(simulator, grid):
    theta, area = grid(-6.0, 6.0, 480)
    for x in ([-1.0, -1.0], [0.7, -3.4]):
        X = np.tile(x, (len(theta), 1))
        weight = np.exp(simulator.prior.log_prob(theta) + simulator.log_likelihood(X, theta=theta)) * area
        assert_allclose(simulator.log_evidence([x])[0], np.log(weight.sum()), atol=2e-3)
        weight /= weight.sum()
        mean = weight @ theta
        assert_allclose(simulator.posterior_mean([x])[0], mean, atol=1e-3)
        assert_allclose(simulator.posterior_std([x])[0], np.sqrt(weight @ (theta - mean) ** 2), atol=1e-3)
        assert_allclose(np.exp(simulator.log_posterior(X, theta)).sum() * area, 1.0, atol=2e-3)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_evidence_is_a_density_of_the_data(simulator, grid):
    X, area = grid(-9.0, 7.0, 300)
    assert_allclose(np.exp(simulator.log_evidence(X)).sum() * area, 1.0, atol=1e-4)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_draws_are_calibrated(simulator, assert_calibrated):
    assert_calibrated(simulator)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_draws_have_the_exact_moments(simulator):
    X = np.array([[-1.0, -3.0]])
    draws = simulator.sample_posterior(X, 20_000, random_state=3)
    sd = simulator.posterior_std(X)
    assert_allclose((draws.mean(axis=1) - simulator.posterior_mean(X)) / sd, 0, atol=5 / np.sqrt(20_000))
    # Kurtosis is at most 9, the exponential's: the standard error of a sd is at most sqrt(2 / n) of it.
    assert_allclose(draws.std(axis=1) / sd, 1, atol=5 * np.sqrt(2 / 20_000))


def test_conjugate_posterior_density():
    simulator = ConjugateGaussian(3, shift=0.5, noise_variance=0.2, prior_variance=2.0)
    X, y = simulator.sample(20, random_state=0)
    expected = stats.norm.logpdf(y, simulator.posterior_mean(X), simulator.posterior_std(X)).sum(axis=1)
    assert_allclose(simulator.log_posterior(X, y), expected, rtol=1e-10)


def test_one_parameter_is_a_vector_of_one():
    simulator = ConjugateGaussian(1)
    X, y = simulator.sample(3, random_state=0)
    assert X.shape == (3, 1) and list(y.columns) == ["theta[0]"]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"n_parameters": 0}, "n_parameters"),
        ({"noise_variance": 0.0}, "noise_variance"),
        ({"shift": np.inf}, "shift"),
    ],
)
@pytest.mark.parametrize("cls", [ConjugateGaussian, TruncatedGaussian])
def test_bad_settings(cls, settings, match):
    with pytest.raises(ValueError, match=match):
        cls(**settings)


def test_bad_priors():
    with pytest.raises(ValueError, match="prior_variance"):
        ConjugateGaussian(prior_variance=-1.0)
    with pytest.raises(ValueError, match="high"):
        TruncatedGaussian(low=1.0, high=1.0)
