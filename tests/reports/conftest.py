import numpy as np
import pytest
from scipy import stats

from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian


class GaussianPosterior:
    """The exact posterior of `ConjugateGaussian`, or one with another spread or place, in units of its sd."""

    def __init__(self, simulator, *, spread=1.0, shift=0.0):
        self.simulator = simulator
        self.spread = spread
        self.shift = shift

    def sample(self, X, n_draws=1000, *, random_state=None):
        rng = np.random.default_rng(random_state)
        mean, sd = self._moments(X)
        return mean[:, np.newaxis] + sd[:, np.newaxis] * rng.standard_normal((len(mean), n_draws, mean.shape[1]))

    def log_prob(self, X, y):
        y = np.asarray(y, dtype=float)
        mean, sd = self._moments(X)
        if y.ndim == 3:
            mean, sd = mean[:, np.newaxis], sd[:, np.newaxis]
        return stats.norm.logpdf(y, mean, sd).sum(axis=-1)

    def _moments(self, X):
        sd = np.broadcast_to(self.simulator.posterior_std(X), np.shape(X))
        return self.simulator.posterior_mean(X) + self.shift * sd, self.spread * sd


@pytest.fixture(scope="session")
def simulator():
    return ConjugateGaussian()


@pytest.fixture(scope="session")
def make_posterior(simulator):
    return lambda **how: GaussianPosterior(simulator, **how)


@pytest.fixture(scope="session")
def fitted(simulator):
    return AmortizedPosterior(Gaussian((16,)), n_simulations=2000, max_iter=5, random_state=0).fit(simulator)
