"""A posterior that is known exactly, with the interface of a fitted estimator."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator


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


@pytest.fixture
def exact():
    return ExactPosterior()


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
