import pytest

from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian


@pytest.fixture(scope="session")
def simulator():
    return ConjugateGaussian()


@pytest.fixture(scope="session")
def posterior(simulator):
    """The exact posterior but for errors of training."""
    return AmortizedPosterior(Gaussian(()), n_simulations=2000, max_iter=20, random_state=0).fit(simulator)


@pytest.fixture(scope="session")
def hasty_posterior(simulator):
    """One whose spread is wrong: noise of the training data was other than that of the simulator."""
    other = ConjugateGaussian(noise_variance=0.003)
    return AmortizedPosterior(Gaussian(()), n_simulations=2000, max_iter=20, random_state=0).fit(other)
