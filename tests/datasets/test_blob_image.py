"""Blob in an image: likelihood pixel by pixel, evidence and posterior by quadrature."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from skabi.datasets import BlobImage


def image(row, column, size, width):
    return np.array(
        [
            [[np.exp(-((i + 0.5 - row) ** 2 + (j + 0.5 - column) ** 2) / (2 * width**2))] for j in range(size)]
            for i in range(size)
        ]
    )


def log_likelihood_at(simulator, x, y):
    return simulator.log_likelihood(np.broadcast_to(x, (len(y), *x.shape)), **simulator.prior.split(y))


def test_likelihood():
    simulator = BlobImage(7, width=1.5, noise=0.4)
    X, y = simulator.sample(10, random_state=0)
    images = np.stack([image(*row, 7, 1.5) for row in y.to_numpy()])
    expected = stats.norm.logpdf(X, images, 0.4).reshape(10, -1)
    assert_allclose(simulator.log_likelihood(X, **simulator.prior.split(y), pointwise=True), expected, rtol=1e-9)


def test_simulations_have_the_right_moments():
    n = 4000
    X = BlobImage(5, noise=0.5).simulate_from(np.tile([1.2, 3.0], (n, 1)), random_state=0)
    assert (np.abs(X.mean(axis=0) - image(1.2, 3.0, 5, 2.0)) < 5 * 0.5 / np.sqrt(n)).all()
    assert (np.abs(X.var(axis=0) - 0.25) < 5 * 0.25 * np.sqrt(2 / n)).all()


@pytest.mark.parametrize("noise", [1.0, 0.3])
def test_evidence_by_quadrature(noise, legendre):
    simulator = BlobImage(10, noise=noise)
    X, _ = simulator.sample(20, random_state=1)
    y, weights = legendre((0.0, 10.0), (0.0, 10.0), 150)
    for x in X:
        evidence = np.exp(log_likelihood_at(simulator, x, y)) @ weights / 100
        assert_allclose(simulator.log_evidence(x[np.newaxis])[0], np.log(evidence), atol=1e-9)


@pytest.mark.parametrize("settings", [{}, {"size": 24, "width": 0.7, "noise": 0.2}, {"noise": 0.01}])
def test_evidence_does_not_depend_on_the_grid(settings):
    simulator, finer = BlobImage(**settings), BlobImage(**settings)
    finer.n_coarse, finer.n_fine = 2 * finer.n_coarse, 2 * finer.n_fine
    X, _ = simulator.sample(20, random_state=0)
    assert_allclose(simulator.log_evidence(X), finer.log_evidence(X), rtol=0, atol=1e-9)


def test_posterior_by_quadrature(legendre):
    simulator = BlobImage(10)
    X, _ = simulator.sample(4, random_state=2)
    y, weights = legendre((0.0, 10.0), (0.0, 10.0), 150)
    n = 40_000
    for x in X:
        weight = np.exp(simulator.log_posterior(np.broadcast_to(x, (len(y), *x.shape)), y)) * weights
        assert_allclose(weight.sum(), 1, atol=1e-9)
        draws = simulator.sample_posterior(x[np.newaxis], n, random_state=3)[0]
        assert draws.min() > 0 and draws.max() < 10
        for power in (1, 2):
            expected = weight @ y**power
            sd = np.sqrt(weight @ y ** (2 * power) - expected**2)
            assert (np.abs((draws**power).mean(axis=0) - expected) < 5 * sd / np.sqrt(n) + 1e-3 * sd).all()


@pytest.mark.parametrize("noise", [0.1, 1e-3])
def test_grid_zooms_in(noise):
    simulator = BlobImage(noise=noise)
    y = np.tile([7.3, 9.1], (100, 1))
    X = simulator.simulate_from(y, random_state=0)
    draws = simulator.sample_posterior(X, 500, random_state=1)
    # Cramer and Rao: noise times the root of 2 / pi.
    expected = noise * np.sqrt(2 / np.pi)
    assert_allclose(draws.std(axis=1).mean(axis=0) / expected, 1, atol=0.02)
    z = (draws.mean(axis=1) - y) / expected
    assert_allclose(z.std(axis=0), 1, atol=5 / np.sqrt(200))


@pytest.mark.parametrize("settings", [{}, {"size": 4, "noise": 0.5}, {"size": 12, "width": 0.7, "noise": 0.2}])
def test_draws_are_calibrated(settings, assert_calibrated):
    assert_calibrated(BlobImage(**settings), n_datasets=300, n_draws=20)


def test_images_of_one_pixel():
    simulator = BlobImage(1)
    X, y = simulator.sample(3, random_state=0)
    assert X.shape == (3, 1, 1, 1) and np.isfinite(simulator.log_posterior(X, y)).all()


@pytest.mark.parametrize("settings", [{"size": 0}, {"width": 0.125}, {"noise": -1.0}])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        BlobImage(**settings)
