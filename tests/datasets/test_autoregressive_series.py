"""Autoregressive series: likelihood against a multivariate Gaussian, evidence and posterior against quadrature."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from skabi.datasets import AutoregressiveSeries


def gaussian(phi, sigma, n_times):
    times = np.arange(n_times)
    covariance = sigma**2 / (1 - phi**2) * phi ** np.abs(times[:, np.newaxis] - times)
    return stats.multivariate_normal(np.zeros(n_times), covariance)


@pytest.mark.parametrize(("phi", "sigma"), [(0.8, 0.5), (-0.6, 2.0), (0.0, 1.0)])
def test_simulations_have_the_right_covariance(phi, sigma):
    n = 40_000
    X = AutoregressiveSeries(4).simulate_from(np.tile([phi, sigma], (n, 1)), random_state=0)[..., 0]
    expected = gaussian(phi, sigma, 4).cov
    products = X[:, :, np.newaxis] * X[:, np.newaxis]
    assert (np.abs(products.mean(axis=0) - expected) < 5 * products.std(axis=0) / np.sqrt(n)).all()
    assert (np.abs(X.mean(axis=0)) < 5 * X.std(axis=0) / np.sqrt(n)).all()


@pytest.mark.parametrize("n_times", [2, 7])
def test_likelihood(n_times):
    simulator = AutoregressiveSeries(n_times)
    X, y = simulator.sample(30, random_state=0)
    expected = [gaussian(*row, n_times).logpdf(x[:, 0]) for x, row in zip(X, y.to_numpy(), strict=True)]
    assert_allclose(simulator.log_likelihood(X, **simulator.prior.split(y)), expected, rtol=1e-6)


@pytest.mark.parametrize("n_times", [2, 3, 20])
def test_evidence_by_quadrature(n_times, legendre):
    simulator = AutoregressiveSeries(n_times, scale=2.0, log_sd=0.7)
    X, _ = simulator.sample(20, random_state=1)
    # In arcsin(phi) the density vanishes smoothly at the ends.
    nodes, weights = legendre((-np.pi / 2, np.pi / 2), (np.log(2) - 5.6, np.log(2) + 5.6), 150)
    phi, sigma = np.sin(nodes[:, 0]), np.exp(nodes[:, 1])
    weights = weights * np.cos(nodes[:, 0]) / 2 * stats.norm.pdf(nodes[:, 1], np.log(2), 0.7)
    for x in X:
        likelihood = np.exp(simulator.log_likelihood(np.broadcast_to(x, (len(phi), n_times, 1)), phi=phi, sigma=sigma))
        assert_allclose(simulator.log_evidence(x[np.newaxis])[0], np.log(likelihood @ weights), atol=1e-8)


def test_evidence_does_not_depend_on_the_grid():
    coarse, fine = AutoregressiveSeries(), AutoregressiveSeries()
    X, _ = coarse.sample(200, random_state=2)
    fine.n_fine = 512
    assert_allclose(coarse.log_evidence(X), fine.log_evidence(X), atol=1e-9)


def test_posterior_by_importance_sampling():
    simulator, n = AutoregressiveSeries(15), 400_000
    X, _ = simulator.sample(3, random_state=3)
    y = simulator.prior.sample(n, random_state=4).to_numpy()
    for x in X:
        log_weight = simulator.log_likelihood(np.broadcast_to(x, (n, 15, 1)), **simulator.prior.split(y))
        weight = np.exp(log_weight - log_weight.max())
        weight /= weight.sum()
        mean = weight @ y
        sd = np.sqrt(weight @ (y - mean) ** 2)
        draws = simulator.sample_posterior(x[np.newaxis], 40_000, random_state=5)[0]
        error = np.sqrt(1 / 40_000 + (weight**2).sum())
        assert (np.abs(draws.mean(axis=0) - mean) < 5 * sd * error).all()
        # Kurtosis is at most 9.
        assert_allclose(draws.std(axis=0) / sd, 1, atol=5 * np.sqrt(2) * error)


def test_draws_are_calibrated(assert_calibrated):
    assert_calibrated(AutoregressiveSeries(), n_datasets=1000)


@pytest.mark.parametrize("n_times", [2, 3000])
def test_draws_of_short_and_long_series_are_calibrated(n_times, assert_calibrated):
    assert_calibrated(AutoregressiveSeries(n_times), n_datasets=300, n_draws=20)


def test_extreme_series():
    simulator = AutoregressiveSeries(20)
    walk = np.cumsum(np.random.default_rng(0).standard_normal(20))
    X = np.stack([np.zeros(20), np.ones(20), 1e4 * walk, 1e-3 * walk])[..., np.newaxis]
    assert np.isfinite(simulator.log_evidence(X)).all()
    draws = simulator.sample_posterior(X, 500, random_state=0)
    phi, sigma = np.moveaxis(draws, 2, 0)
    assert (np.abs(phi) <= 1).all() and (phi[1:3].mean(axis=1) > 0.9).all()
    assert np.median(sigma[2]) > 100 and np.median(sigma[0]) < 0.1


@pytest.mark.parametrize("settings", [{"n_times": 1}, {"scale": 0.0}, {"log_sd": -1.0}])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        AutoregressiveSeries(**settings)
