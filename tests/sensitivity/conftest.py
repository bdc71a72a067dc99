"""A conjugate Gaussian, whose posterior is known at every power of prior and likelihood."""

import numpy as np
import pytest
from scipy import stats

from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian
from skabi.priors import IndependentPrior
from skabi.sensitivity import ContextPosterior, ContextSimulator
from skabi.simulators import Simulator

NOISE = 0.5


def respond(theta, rng, n_observations):
    return theta[:, np.newaxis] + rng.normal(size=(len(theta), n_observations.max()))


@pytest.fixture(scope="session")
def simulator():
    return ConjugateGaussian(1, noise_variance=NOISE)


@pytest.fixture(scope="session")
def posterior(simulator):
    """Of both powers."""
    recipe = AmortizedPosterior(Gaussian((64,)), n_simulations=8000, max_iter=25, random_state=0)
    return ContextPosterior(recipe).fit(ContextSimulator(simulator, likelihood_power=True, n_steps=60))


@pytest.fixture(scope="session")
def members(simulator):
    """Two networks of prior powers."""
    recipe = AmortizedPosterior(Gaussian((8,)), n_estimators=2, n_simulations=2000, max_iter=8, random_state=0)
    return ContextPosterior(recipe).fit(ContextSimulator(simulator))


@pytest.fixture(scope="session")
def plain(simulator):
    """Without context."""
    return AmortizedPosterior(Gaussian(()), n_simulations=4000, max_iter=8, random_state=0).fit(simulator)


@pytest.fixture(scope="session")
def sets():
    """Of sets of 4 to 12 observations, without context."""
    prior = IndependentPrior({"theta": stats.norm()})
    simulator = Simulator(prior, respond, vectorized=True, n_observations=(4, 12))
    return AmortizedPosterior(Gaussian(()), n_simulations=2000, max_iter=8, random_state=0).fit(simulator)
