"""Posteriors and likelihoods that are exact, in the shape of a fitted `JointEstimator`."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skabi import JointEstimator
from skabi._random import seed_sequence
from skabi.datasets import AutoregressiveSeries, GaussianMeanScale
from skabi.datasets._autoregressive_series import series_log_likelihood
from skabi.engines import Gaussian
from skabi.estimators import KnownLikelihood


class ExactPosterior:
    """The exact posterior of a simulator, which knows data sets of any size, or so it says."""

    def __init__(self, simulator, sizes=(1, 10_000)):
        self.simulator, self.n_observations_in_, self.prior_ = simulator, sizes, simulator.prior

    def sample(self, X, n_draws, *, n_replicates=None, random_state):
        return self.simulator.sample_posterior(X, n_draws, random_state=random_state)

    def log_prob(self, X, y):
        repeated = [x for x, draws in zip(X, y, strict=True) for _ in draws]
        return self.simulator.log_posterior(repeated, y.reshape(-1, y.shape[2])).reshape(y.shape[:2])


class ExactSeriesPosterior:
    """The exact posterior of autoregressive series of any length."""

    n_observations_in_ = (2, 10_000)

    def sample(self, X, n_draws, *, n_replicates=None, random_state):
        seeds = seed_sequence(random_state).spawn(len(X))
        each = [
            AutoregressiveSeries(n_times=len(x)).sample_posterior(x[np.newaxis], n_draws, random_state=seed)
            for x, seed in zip(X, seeds, strict=True)
        ]
        return np.concatenate(each)


class ExactSeriesLikelihood:
    """The exact likelihood of autoregressive series, time by time given the times before."""

    def warn_of_unlike(self, X):
        pass

    def log_likelihood(self, X, y, *, pointwise, dtype):
        assert pointwise
        return [self._of_one(x, draws) for x, draws in zip(X, y, strict=True)]

    def _of_one(self, x, draws):
        parts = [np.broadcast_to(x[:end], (len(draws), end, 1)) for end in range(1, len(x) + 1)]
        return np.diff([np.zeros(len(draws)), *(series_log_likelihood(part, *draws.T) for part in parts)], axis=0).T


class ExactJoint(BaseEstimator):
    """What cross-validation asks of a fitted estimator."""

    def __init__(self, posterior_, likelihood_, observations_="exchangeable"):
        self.posterior_, self.likelihood_, self.observations_ = posterior_, likelihood_, observations_

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True


@pytest.fixture(scope="session")
def samples():
    """Numbers from a Gaussian whose mean and scale are not known, 6 to 12 of them."""
    return GaussianMeanScale((6, 12))


@pytest.fixture(scope="session")
def exact():
    """Return a function that makes an exact estimator of a simulator."""

    def make(simulator, *, sizes=(1, 10_000)):
        return ExactJoint(ExactPosterior(simulator, sizes), KnownLikelihood(simulator))

    return make


@pytest.fixture(scope="session")
def exact_series():
    """An exact estimator of autoregressive series."""
    return ExactJoint(ExactSeriesPosterior(), ExactSeriesLikelihood(), "ordered")


@pytest.fixture(scope="session")
def exact_loo():
    """Return a function of a simulator and data sets: exact log predictive densities of each observation."""

    def log_densities(simulator, X):
        each = [
            simulator.log_evidence([x]) - simulator.log_evidence([np.delete(x, i, axis=0) for i in range(len(x))])
            for x in X
        ]
        return each

    return log_densities


@pytest.fixture(scope="session")
def trained():
    """Return a function that trains an estimator in a moment."""

    def fit(simulator, likelihood=None, **settings):
        settings = {"n_simulations": 300, "max_iter": 3, "random_state": 0} | settings
        return JointEstimator(Gaussian(()), likelihood, **settings).fit(simulator)

    return fit
