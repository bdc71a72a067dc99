"""A fitted estimator with four summaries, of which two say something of the parameters."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator


class Encoder(BaseEstimator):
    """Four standard normal summaries of sets; the posterior is that of the first two, with little noise."""

    n_features_in_ = 4

    def fit(self, X, y=None):
        """Do nothing."""
        self.is_fitted_ = True
        return self

    def transform(self, X):
        """Return the first observation of each set."""
        return np.stack([x[0] for x in X])

    def sample(self, X, n_draws=1000, *, random_state=None):
        """Return draws `(n_datasets, n_draws, 2)`."""
        noise = np.random.default_rng(random_state).normal(size=(len(X), n_draws, 2))
        return np.exp(self.transform(X)[:, np.newaxis, :2] + 0.1 * noise)


@pytest.fixture
def encoder():
    return Encoder().fit(None)


@pytest.fixture(scope="session")
def normal_rows():
    """Gaussian data sets `(5000, 3)` of correlated features in different units."""
    factor = np.array([[1.0, 0.0, 0.0], [0.9, 0.5, 0.0], [300.0, 0.0, 1000.0]])
    X = np.random.default_rng(0).normal(size=(5000, 3)) @ factor.T + 10.0
    X.flags.writeable = False
    return X
