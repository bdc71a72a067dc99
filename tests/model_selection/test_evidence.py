"""The evidence of a posterior that was learned alone."""

import numpy as np
import pytest
from scipy import stats
from sklearn.exceptions import NotFittedError

from skabi import AmortizedPosterior, JointEstimator
from skabi.datasets import ConjugateGaussian, GaussianMeanScale
from skabi.engines import Gaussian
from skabi.estimators import AmortizedLikelihood, KnownLikelihood, LogEvidence
from skabi.model_selection import log_evidence
from skabi.simulators import Simulator

PROBLEM = ConjugateGaussian()
X, _ = PROBLEM.sample(4, random_state=1)
SETTINGS = {"n_simulations": 200, "max_iter": 3, "random_state": 0}


@pytest.fixture(scope="module")
def posterior():
    return AmortizedPosterior(Gaussian(()), **SETTINGS).fit(PROBLEM)


@pytest.mark.parametrize("simulator", [PROBLEM, GaussianMeanScale((3, 9))])
def test_is_that_of_both_learned_together(simulator):
    X, _ = simulator.sample(4, random_state=1)
    posterior = AmortizedPosterior(Gaussian(()), **SETTINGS).fit(simulator)
    joint = JointEstimator(Gaussian(()), **SETTINGS).fit(simulator)
    alone, together = log_evidence(posterior, simulator, X, random_state=0), joint.log_evidence(X, random_state=0)
    assert isinstance(alone, LogEvidence)
    for name in ("median", "lower", "upper"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(together, name))
    assert (alone.lower < alone.median).all() and (alone.median < alone.upper).all()
    other = log_evidence(posterior, simulator, X, n_draws=100, random_state=0)
    assert (other.median != alone.median).all()


def test_likelihoods_of_any_kind(posterior):
    """A simulator, a known likelihood, a learned one, and an object of one's own."""

    class Own:
        def log_likelihood(self, X, y):
            return stats.norm.logpdf(X[:, np.newaxis], y, np.sqrt(PROBLEM.noise_variance)).sum(axis=-1)

    learned = AmortizedLikelihood(Gaussian(()), **SETTINGS).fit(PROBLEM)
    first = log_evidence(posterior, PROBLEM, X, random_state=0)
    for likelihood in (KnownLikelihood(PROBLEM), Own()):
        np.testing.assert_allclose(log_evidence(posterior, likelihood, X, random_state=0).median, first.median)
    together = JointEstimator(Gaussian(()), Gaussian(()), **SETTINGS).fit(PROBLEM)
    result = log_evidence(posterior, learned, X, random_state=0)
    np.testing.assert_array_equal(result.median, together.log_evidence(X, random_state=0).median)


def test_models_with_other_numbers_of_parameters():
    """Evidence is about the same data, whatever made them."""
    narrow, wide = ConjugateGaussian(prior_variance=0.05), ConjugateGaussian(prior_variance=5.0)
    results = [
        log_evidence(AmortizedPosterior(Gaussian(()), **SETTINGS).fit(problem), problem, [[0.1, -0.2]], random_state=0)
        for problem in (narrow, wide)
    ]
    assert results[0].median > results[1].median + 1


def test_use_before_fit():
    with pytest.raises(NotFittedError, match="AmortizedPosterior instance is not fitted yet"):
        log_evidence(AmortizedPosterior(), PROBLEM, X)


def test_likelihood_that_is_none(posterior):
    for likelihood in (None, stats.norm(), lambda X, y: 0.0):
        with pytest.raises(TypeError, match="likelihood must be a simulator with a log_likelihood, or a learned one"):
            log_evidence(posterior, likelihood, X)
    silent = Simulator(PROBLEM.prior, PROBLEM.simulate, vectorized=True)
    with pytest.raises(TypeError, match="a simulator with a log_likelihood is needed"):
        log_evidence(posterior, silent, X)


def test_without_a_prior():
    simulated, y = PROBLEM.sample(60, random_state=0)
    posterior = AmortizedPosterior(Gaussian(()), **SETTINGS).fit(simulated, y)
    with pytest.raises(ValueError, match="log_evidence needs the density of the prior"):
        log_evidence(posterior, PROBLEM, X)
    posterior = AmortizedPosterior(Gaussian(()), prior=PROBLEM.prior, **SETTINGS).fit(simulated, y)
    assert np.isfinite(log_evidence(posterior, PROBLEM, X).median).all()
