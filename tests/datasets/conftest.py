"""Checks that every problem with an exact posterior shares."""

import numpy as np
import pytest


def _rank_shares(simulator, *, n_datasets, n_draws):
    """Share of posterior draws below the truth, for each parameter and for the log posterior density."""
    X, y = simulator.sample(n_datasets, random_state=1)
    draws = simulator.sample_posterior(X, n_draws, random_state=2)
    repeated = [x for x in X for _ in range(n_draws)] if isinstance(X, list) else np.repeat(X, n_draws, axis=0)
    densities = simulator.log_posterior(repeated, draws.reshape(-1, draws.shape[2]))
    quantities = np.concatenate([draws, densities.reshape(n_datasets, n_draws, 1)], axis=2)
    truths = np.column_stack([y.to_numpy(), simulator.log_posterior(X, y)])
    return ((quantities < truths[:, np.newaxis]).sum(axis=1) + 0.5) / (n_draws + 1)


@pytest.fixture
def assert_calibrated():
    """Simulation-based calibration (Talts et al., 2018): ranks of the truth among exact draws are uniform."""

    def check(simulator, *, n_datasets=2000, n_draws=50):
        shares = _rank_shares(simulator, n_datasets=n_datasets, n_draws=n_draws)
        n_ranks = n_draws + 1
        variance = (1 - n_ranks**-2.0) / 12
        spread = np.mean((shares - 0.5) ** 2, axis=0)
        # Mean and variance of the uniform distribution, five standard errors (its fourth central moment is 1/80).
        assert np.all(np.abs(shares.mean(axis=0) - 0.5) < 5 * np.sqrt(variance / n_datasets))
        assert np.all(np.abs(spread - variance) < 5 * np.sqrt((1 / 80 - 1 / 144) / n_datasets))

    return check


@pytest.fixture
def grid():
    """Midpoints of a square grid `(n**2, 2)` and the area of a cell."""

    def make(low, high, n):
        width = (high - low) / n
        axis = low + width * (np.arange(n) + 0.5)
        return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2), width**2

    return make


@pytest.fixture
def legendre():
    """Nodes `(n**2, 2)` and weights of Gauss and Legendre on a rectangle with the given ends of each side."""

    def make(first, second, n):
        nodes, weights = np.polynomial.legendre.leggauss(n)
        sides = [low + (high - low) * (1 + nodes) / 2 for low, high in (first, second)]
        area = (first[1] - first[0]) * (second[1] - second[0]) / 4
        square = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
        return square, area * (weights[:, np.newaxis] * weights).ravel()

    return make
