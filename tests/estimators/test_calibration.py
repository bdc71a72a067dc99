"""Ranks of simulation-based calibration where data sets have any size, and gaps."""

import numpy as np
import pytest
from scipy import stats

from skabi.datasets import GaussianMeanScale
from skabi.diagnostics import sbc_ecdf, sbc_ranks
from skabi.engines import Gaussian
from skabi.estimators import AmortizedPosterior
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

N_DRAWS = 200


def lowest_p_value(posterior, X, y):
    """Return the lowest p value of parameters, times their number."""
    ranks = sbc_ranks(posterior.sample(X, N_DRAWS, random_state=3), y)
    return min(sbc_ecdf(ranks, N_DRAWS).p_value) * ranks.shape[1]


@pytest.mark.slow
def test_at_every_size():
    problem = GaussianMeanScale(n_observations=(20, 200))
    posterior = AmortizedPosterior(n_simulations=15_000, max_iter=12, random_state=0).fit(problem)
    _, y = problem.sample(500, random_state=1)
    for n_observations in (20, 60, 200):
        X = problem.simulate_from(y, n_observations=n_observations, random_state=2)
        assert lowest_p_value(posterior, X, y) > 0.01


def levels(level, rng):
    """Two sources: ten observations of a level, and a number that says as much as four of them."""
    n = len(level)
    answers = rng.normal(level[:, np.newaxis, np.newaxis], 1.0, size=(n, 10, 1))
    return {"answers": answers, "reading": rng.normal(level, 0.5, size=n)[:, np.newaxis]}


def exact_posterior(X):
    """Return mean and standard deviation of the level, whose prior is a standard normal."""
    n_seen = (~np.isnan(X["answers"])).sum(axis=(1, 2)) + 4 * (~np.isnan(X["reading"][:, 0]))
    total = np.nansum(X["answers"], axis=(1, 2)) + 4 * np.nan_to_num(X["reading"][:, 0])
    return total / (1 + n_seen), 1 / np.sqrt(1 + n_seen)


def test_at_every_missing_rate():
    """Values and whole sources left out at random in training; answers beside exact ones at each rate."""
    simulator = Simulator(IndependentPrior({"level": stats.norm(0.0, 1.0)}), levels, vectorized=True)
    posterior = AmortizedPosterior(
        Gaussian((32,)), n_simulations=4000, max_iter=15, missing="mask", learning_rate_init=0.01, random_state=0
    ).fit(simulator)
    rng = np.random.default_rng(0)
    for rate in (0.0, 0.4, 0.8):
        X, y = simulator.sample(500, random_state=1)
        X = dict(X)
        X["answers"][rng.random(X["answers"].shape) < rate] = np.nan
        X["answers"][rng.random(500) < rate] = np.nan
        X["reading"][rng.random(500) < rate] = np.nan
        if rate == 0.4:
            X["answers"][:, 5:] = np.nan  # an outage
        mean, std = exact_posterior(X)
        found_mean, found_std = posterior.predict(X, return_std=True)
        assert np.abs(found_mean[:, 0] - mean).mean() < 0.15 * std.mean()
        assert np.abs(found_std[:, 0] / std - 1).mean() < 0.15
        assert lowest_p_value(posterior, X, y) > 0.01
