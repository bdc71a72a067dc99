"""Simulations and posteriors that the tests of this room share; arrays are read-only."""

import numpy as np
import pytest
from scipy import stats

from skabi.datasets import TruncatedGaussian
from skabi.engines import Gaussian
from skabi.estimators import AmortizedPosterior
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator


def _read_only(*arrays):
    for array in arrays:
        array.flags.writeable = False
    return arrays


def _location_and_log_scale(location, log_scale, rng):
    return rng.normal(location[:, np.newaxis], np.exp(log_scale)[:, np.newaxis], size=(len(location), 3))


@pytest.fixture(scope="session")
def quick():
    """Return a function that makes a posterior which is fitted in a moment."""

    def make(**parameters):
        defaults = {
            "engine": Gaussian(hidden_layer_sizes=()),
            "max_iter": 3,
            "batch_size": 32,
            "learning_rate_init": 0.02,
            "random_state": 0,
        }
        return AmortizedPosterior(**(defaults | parameters))

    return make


@pytest.fixture(scope="session")
def simulator():
    """Two named parameters, one of them in a box, and three features."""
    prior = IndependentPrior({"location": stats.uniform(-1, 2), "log_scale": stats.norm(0.0, 0.5)})
    return Simulator(prior, _location_and_log_scale, vectorized=True)


@pytest.fixture(scope="session")
def simulations(simulator):
    """400 data sets `(400, 3)` and their parameters `(400, 2)`."""
    X, y = simulator.sample(400, random_state=1)
    return _read_only(X, y.to_numpy(copy=True))


@pytest.fixture(scope="session")
def fitted(quick, simulations):
    """A posterior of two real parameters."""
    return quick(engine=Gaussian((8,)), max_iter=10).fit(*simulations)


@pytest.fixture(scope="session", params=[1, 2], ids=["one parameter", "two parameters"])
def boxed(request, quick):
    """A problem with a box prior, a posterior fitted to it, and data sets, the last of them beyond the box."""
    problem = TruncatedGaussian(request.param)
    posterior = quick(engine=Gaussian((8,)), n_simulations=600, max_iter=15).fit(problem)
    return problem, posterior, np.array([[0.0, 0.5], [-1.7, 1.8], [2.6, -2.9]])[:, : request.param]
