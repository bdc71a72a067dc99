"""A Gaussian with two levels and known variances, whose posterior is Gaussian at both."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.hierarchical import HierarchicalPosterior, HierarchicalSimulator
from skabi.priors import IndependentPrior

TAU, SIGMA = 0.8, 1.5


def respond(theta, rng):
    return rng.normal(theta, SIGMA)


def respond_often(theta, n_observations, rng):
    return rng.normal(theta, SIGMA, size=n_observations)


def respond_by(theta, sigma, rng):
    return rng.normal(theta, sigma)


def scatter(mu):
    return stats.norm(mu, TAU)


def positive(mu):
    return stats.lognorm(TAU, scale=np.exp(mu))


PRIOR = IndependentPrior({"mu": stats.norm(0.0, 2.0)})
LINEAR = AmortizedPosterior(Gaussian(()), max_iter=3)


def exact(y):
    """Return mean and standard deviation of mu, and of theta, given single numbers of groups `(n_groups,)`."""
    precision = 1 / 2.0**2 + len(y) / (TAU**2 + SIGMA**2)
    mean = y.sum() / (TAU**2 + SIGMA**2) / precision
    share = TAU**2 / (TAU**2 + SIGMA**2)
    variance = (1 - share) ** 2 / precision + share * SIGMA**2
    return (mean, precision**-0.5), (share * y + (1 - share) * mean, np.full(len(y), variance**0.5))


@pytest.fixture(scope="session")
def single():
    """Six groups of one number each."""
    simulator = HierarchicalSimulator(PRIOR, {"theta": scatter}, respond, n_groups=6, vectorized=True)
    posterior = HierarchicalPosterior(LINEAR, LINEAR, n_simulations=4000, random_state=0).fit(simulator)
    return SimpleNamespace(simulator=simulator, posterior=posterior, exact=exact)


@pytest.fixture(scope="session")
def ragged():
    """Groups of several numbers, of all sizes, whose parameters are positive."""
    simulator = HierarchicalSimulator(PRIOR, {"theta": positive}, respond_often, n_groups=(2, 5), n_observations=(1, 4))
    posterior = HierarchicalPosterior(LINEAR, LINEAR, n_simulations=400, random_state=0).fit(simulator)
    return SimpleNamespace(simulator=simulator, posterior=posterior)
