"""Marginal likelihoods: exact where both halves are, close where they were learned, with an honest width."""

import numpy as np
import pytest
from scipy import stats

from skabi import JointEstimator
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian
from skabi.estimators import LogEvidence
from skabi.estimators._evidence import log_evidence_of
from skabi.exceptions import ApproximationWarning

PROBLEM = ConjugateGaussian(shift=1.0, noise_variance=0.5, prior_variance=4.0)
X, _ = PROBLEM.sample(6, random_state=0)


class Posterior:
    """The exact one, written out; `wider` by a factor and its log density off by `bias`."""

    def __init__(self, *, wider=1.0, bias=0.0, prior=PROBLEM.prior):
        self.wider, self.bias, self.prior_ = wider, bias, prior

    def _distribution(self, X):
        mean, std = (array[:, np.newaxis] for array in (PROBLEM.posterior_mean(X), PROBLEM.posterior_std(X)))
        return stats.norm(mean, self.wider * std)

    def sample(self, X, n_draws, *, random_state):
        rng = np.random.default_rng(random_state)
        return self._distribution(X).rvs(size=(len(X), n_draws, 2), random_state=rng)

    def log_prob(self, X, y):
        return self._distribution(X).logpdf(y).sum(axis=-1) + self.bias


class Likelihood:
    def log_likelihood(self, X, y):
        return stats.norm.logpdf(X[:, np.newaxis], y + 1.0, np.sqrt(0.5)).sum(axis=-1)


class Leaking(Posterior):
    """A share of its draws is where nothing has a density: beyond 10."""

    def __init__(self, share):
        super().__init__(prior=self)
        self.share = share

    def sample(self, X, n_draws, *, random_state):
        draws = super().sample(X, n_draws, random_state=random_state)
        draws[:, : round(self.share * n_draws), 0] = 11.0
        return draws

    def log_prob(self, X, y=None):
        """Return log densities of the posterior, or of the prior given parameters alone."""
        log_prob = PROBLEM.prior.log_prob(X) if y is None else super().log_prob(X, y)
        return np.where(((X if y is None else y) < 10).all(axis=-1), log_prob, -np.inf)


def test_exact_halves_give_the_exact_evidence_at_every_draw():
    evidence = log_evidence_of(Posterior(), Likelihood(), X, n_draws=50, random_state=0)
    assert isinstance(evidence, LogEvidence)
    for values in (evidence.median, evidence.lower, evidence.upper):
        assert values.shape == (6,)
        np.testing.assert_allclose(values, PROBLEM.log_evidence(X), rtol=0, atol=1e-11)


def test_an_error_of_both_shows_in_the_median_alone():
    evidence = log_evidence_of(Posterior(bias=0.3), Likelihood(), X, n_draws=50, random_state=0)
    np.testing.assert_allclose(evidence.median, PROBLEM.log_evidence(X) - 0.3)
    np.testing.assert_allclose(evidence.upper, evidence.lower)


def test_halves_that_disagree_give_a_width():
    """The ratio of a Gaussian to one 1.2 times as wide is a chi-squared variable of two degrees of freedom."""
    wider, n_draws = 1.2, 4000
    evidence = log_evidence_of(Posterior(wider=wider), Likelihood(), X, n_draws=n_draws, random_state=0)
    # log p - log q at draws of q: log(wider²) - chi² (wider² - 1) / 2.
    wanted = np.log(wider**2) - stats.chi2(2).ppf([0.95, 0.5, 0.05])[:, np.newaxis] * (wider**2 - 1) / 2
    slope = (wider**2 - 1) / 2 / stats.chi2(2).pdf(stats.chi2(2).ppf([0.95, 0.5, 0.05]))
    error = slope * np.sqrt(np.array([0.05 * 0.95, 0.25, 0.05 * 0.95]) / n_draws)
    found = np.stack([evidence.lower, evidence.median, evidence.upper]) - PROBLEM.log_evidence(X)
    assert (np.abs(found - wanted) < 5 * error[:, np.newaxis]).all()


def test_draws_outside_the_support_are_left_out():
    with pytest.warns(ApproximationWarning, match=r"33\.3% of the posterior draws have no density") as caught:
        evidence = log_evidence_of(Leaking(1 / 3), Likelihood(), X, n_draws=300, random_state=0)
    assert caught[0].filename == __file__
    # Fewer than one in a hundred may be an accident of rounding.
    few = log_evidence_of(Leaking(1 / 150), Likelihood(), X, n_draws=300, random_state=0)
    for values in (evidence.median, evidence.lower, evidence.upper, few.lower, few.upper):
        np.testing.assert_allclose(values, PROBLEM.log_evidence(X), rtol=0, atol=1e-11)


def test_no_draw_with_a_density():
    with pytest.raises(ValueError, match="no posterior draw of data set 0 has a likelihood above zero"):
        log_evidence_of(Leaking(1.0), Likelihood(), X, n_draws=10, random_state=0)


class Choosy(Likelihood):
    """Data sets of the given rows are impossible, or have no likelihood that is a number."""

    def __init__(self, rows, value=-np.inf):
        self.rows, self.value = rows, value

    def log_likelihood(self, X, y):
        log_likelihood = super().log_likelihood(X, y)
        log_likelihood[self.rows] = self.value
        return log_likelihood


def test_data_sets_that_may_be_impossible():
    settings = {"n_draws": 10, "random_state": 0}
    with pytest.raises(ValueError, match="no posterior draw of data set 2 has a likelihood above zero"):
        log_evidence_of(Posterior(), Choosy([2, 4]), X, **settings)
    evidence = log_evidence_of(Posterior(), Choosy([2, 4]), X, may_be_impossible=True, **settings)
    possible = log_evidence_of(Posterior(), Likelihood(), X, **settings)
    for name in ("median", "lower", "upper", "log_mean", "log_mean_error"):
        values = getattr(evidence, name)
        assert (values[[2, 4]] == (np.inf if name == "log_mean_error" else -np.inf)).all()
        np.testing.assert_array_equal(np.delete(values, [2, 4]), np.delete(getattr(possible, name), [2, 4]))
    none = log_evidence_of(Posterior(), Choosy(slice(None)), X, may_be_impossible=True, **settings)
    assert np.isneginf(none.log_mean).all()
    with pytest.raises(ValueError, match="no posterior draw of data set 1"):
        log_evidence_of(Posterior(), Choosy([1], np.nan), X, may_be_impossible=True, **settings)


def test_without_a_prior():
    with pytest.raises(ValueError, match=r"log_evidence needs the density of the prior.*pass prior="):
        log_evidence_of(Posterior(prior=None), Likelihood(), X, n_draws=10, random_state=0)
    y = np.random.default_rng(0).normal(size=(30, 2))
    joint = JointEstimator(Gaussian(()), Gaussian(()), max_iter=2, random_state=0).fit(y, y + 1)
    with pytest.raises(ValueError, match="log_evidence needs the density of the prior"):
        joint.log_evidence(y)


@pytest.mark.parametrize("likelihood", [None, Gaussian(())], ids=["known", "learned"])
def test_learned_halves_come_close(likelihood):
    n_simulations = 3000
    joint = JointEstimator(Gaussian(()), likelihood, n_simulations=n_simulations, max_iter=6, random_state=0)
    X, _ = PROBLEM.sample(300, random_state=1)
    evidence = joint.fit(PROBLEM).log_evidence(X, 500, random_state=0)
    difference = evidence.median - PROBLEM.log_evidence(X)
    # A half costs 1 / 2n nats for each of its 9 numbers: six of two means, linear in two features, and a covariance.
    # As much again is left to training.
    n_halves = 1 if likelihood is None else 2
    cost = 2 * n_halves * stats.chi2(9).ppf(1 - 1e-4) / (2 * 0.9 * n_simulations)
    # Log densities are off by about the root of twice that at one data set, and by that on average.
    assert np.abs(difference).max() < 5 * np.sqrt(2 * cost)
    assert np.abs(difference.mean()) < cost + 4 * difference.std() / np.sqrt(len(X))
    assert (evidence.upper - evidence.lower).mean() < 2 * stats.norm.ppf(0.95) * np.sqrt(2 * cost)
    assert (evidence.upper > evidence.lower).all()


def test_evidence_depends_on_the_random_state():
    first, again, other = (
        log_evidence_of(Posterior(wider=1.5), Likelihood(), X, n_draws=50, random_state=seed).median
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(again, first)
    assert (other != first).all()


@pytest.mark.parametrize("n_draws", [0, 1.5])
def test_numbers_of_draws_that_are_none(n_draws):
    with pytest.raises((ValueError, TypeError), match="n_draws must be"):
        log_evidence_of(Posterior(), Likelihood(), X, n_draws=n_draws, random_state=0)
