"""A posterior that is known exactly, with the interface of a fitted estimator."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator

from skabi.priors import IndependentPrior


class ExactPosterior(BaseEstimator):
    """The posterior of x = theta + N(0, 1/4) noise under a standard normal prior: N(0.8 x, 0.2), for each parameter."""

    parameter_names_ = ["beta", "gamma"]
    loss_curve_ = [2.0, 1.0, 0.5, 0.25]
    validation_scores_ = [-1.75, -1.25, -0.75, -1.0]
    best_iter_ = 3

    def __init__(self, *, scale=1.0):
        self.scale = scale

    def fit(self, X, y=None):
        """Do nothing: nothing is learned."""
        return self

    def sample(self, X, n_draws=1000, *, random_state=None):
        """Return draws `(n_datasets, n_draws, n_parameters)`."""
        noise = np.random.default_rng(random_state).normal(size=(len(X), n_draws, X.shape[1]))
        return 0.8 * X[:, np.newaxis] + self.scale * np.sqrt(0.2) * noise

    def log_prob(self, X, y):
        """Return the log density of parameters `(n_datasets, n_parameters)`, or of draws of them."""
        y = np.asarray(y)
        centre = 0.8 * (X if y.ndim == 2 else X[:, np.newaxis])
        return stats.norm(centre, self.scale * np.sqrt(0.2)).logpdf(y).sum(axis=-1)


class ExactJoint(ExactPosterior):
    """The same posterior with its likelihood, N(theta, noise ** 2), which is exact if `noise` is 0.5."""

    prior_ = IndependentPrior({"beta": stats.norm(), "gamma": stats.norm()})

    def __init__(self, *, scale=1.0, noise=0.5):
        super().__init__(scale=scale)
        self.noise = noise

    def sample_data(self, y, n_draws=1, *, n_observations=None, random_state=None):
        """Return a data set for each row of `y`."""
        return y.to_numpy() + self.noise * np.random.default_rng(random_state).normal(size=y.shape)

    def log_evidence(self, X, n_draws=2000, *, random_state=None):
        """Return median and 90 % interval of likelihood * prior / posterior over draws."""
        theta, X = self.sample(X, n_draws, random_state=random_state), X[:, np.newaxis]
        values = stats.norm(theta, self.noise).logpdf(X) + stats.norm.logpdf(theta)
        values -= stats.norm(0.8 * X, self.scale * np.sqrt(0.2)).logpdf(theta)
        lower, median, upper = np.quantile(values.sum(axis=2), [0.05, 0.5, 0.95], axis=1)
        return SimpleNamespace(median=median, lower=lower, upper=upper)


@pytest.fixture
def exact():
    return ExactPosterior()


@pytest.fixture
def joint():
    return ExactJoint()


@pytest.fixture
def too_narrow():
    return ExactPosterior(scale=0.5)


@pytest.fixture
def simulations():
    """Data sets and the parameters that made them."""
    rng = np.random.default_rng(3)
    y = rng.normal(size=(200, 2))
    X = y + 0.5 * rng.normal(size=y.shape)
    X.flags.writeable = False
    return X, pd.DataFrame(y, columns=["beta", "gamma"])
