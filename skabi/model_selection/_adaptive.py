"""Draws for a posterior that the learned one misses: adaptive importance sampling."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

# Of draws as many as a fifth should count, or they are adapted; rounds end when the last one's draws count by half.
_FEWEST, _ENOUGH = 0.2, 0.5
_MOST_ROUNDS = 10
# Tails of proposals, in degrees of freedom: heavier than those of the posteriors that they are for.
_DEGREES = 5


@dataclass(frozen=True)
class WeightedDraws:
    """Draws of one data set's parameters.

    Attributes
    ----------
    terms : ndarray of shape (n_draws, n_observations)
        Log likelihoods of observations.
    log_ratio : ndarray of shape (n_draws,)
        Log prior minus log density of what they were drawn from.
    """

    terms: np.ndarray
    log_ratio: np.ndarray

    @property
    def effective_share(self):
        """Share of the draws that counts, of importance weights for the posterior of all observations."""
        return _effective_size(_finite(self.terms.sum(axis=1) + self.log_ratio)) / len(self.log_ratio)


def adapted(draws, terms, log_q, *, prior, log_likelihood, log_posterior, rng):
    """Return draws by which the posterior of all observations can be integrated, `WeightedDraws`.

    Those of the learned posterior are kept where enough of them count. Else draws of the prior join them, and then, in
    rounds, draws from a Student t that is fitted to all draws so far by their importance weights, which are against the
    mixture of all they were drawn from [1]_. Weights are tempered while few draws count.

    Parameters
    ----------
    draws : ndarray of shape (n_draws, n_parameters)
        Of the learned posterior, with log likelihoods `terms` and log densities `log_q`.
    prior : prior
    log_likelihood, log_posterior : callable
        Of parameters `(n, n_parameters)`: log likelihoods `(n, n_observations)`, and log densities `(n,)` of the
        learned posterior.
    rng : numpy.random.Generator

    References
    ----------
    .. [1] J.-M. Cornuet, J.-M. Marin, A. Mira, C. Robert (2012). Adaptive multiple importance sampling. Scandinavian
       Journal of Statistics 39(4), 798-812. arXiv 0907.1254.
    """
    with np.errstate(invalid="ignore"):
        first = WeightedDraws(terms, prior.log_prob(draws) - log_q)
    if first.effective_share >= _FEWEST:
        return first
    n = len(draws)
    population = _Population(prior, log_likelihood, log_posterior)
    population.add(draws, terms)
    population.add(np.asarray(prior.sample(n, random_state=rng), dtype=float))
    for _ in range(_MOST_ROUNDS):
        proposal = population.proposal()
        population.add(prior.from_real(proposal.rvs(n, random_state=rng).reshape(n, -1)), proposal=proposal)
        if population.effective_size >= _ENOUGH * n:
            break
    return population.weighted()


class _Population:
    """Draws from the learned posterior, the prior and all proposals, on the real line."""

    def __init__(self, prior, log_likelihood, log_posterior):
        self.prior, self.log_likelihood, self.log_posterior = prior, log_likelihood, log_posterior
        self.proposals, self.parts = [], []

    def add(self, y, terms=None, *, proposal=None):
        """Take parameters `(n, n_parameters)` in."""
        if proposal is not None:
            self.proposals.append(proposal)
        u, log_det = self.prior.to_real(y)
        with np.errstate(invalid="ignore"):
            log_prior = self.prior.log_prob(y) - log_det
        # On the edge of the support map and Jacobian are infinite.
        kept = np.isfinite(u).all(axis=1) & np.isfinite(log_prior)
        y, u, log_det, log_prior = y[kept], u[kept], log_det[kept], log_prior[kept]
        terms = self.log_likelihood(y) if terms is None else terms[kept]
        self.parts.append((u, terms, log_prior, self.log_posterior(y) - log_det))
        self.u, self.terms, self.log_prior, self.log_q = (
            np.concatenate(part) for part in zip(*self.parts, strict=True)
        )

    def weighted(self):
        """Return all draws."""
        densities = [self.log_q, self.log_prior, *(proposal.logpdf(self.u) for proposal in self.proposals)]
        mixture = special.logsumexp(np.reshape(densities, (len(densities), -1)), axis=0) - np.log(len(densities))
        return WeightedDraws(self.terms, self.log_prior - mixture)

    @property
    def effective_size(self):
        """How many independent draws of the posterior are worth as much."""
        weighted = self.weighted()
        return weighted.effective_share * len(self.u)

    def proposal(self):
        """Return a Student t fitted to the draws by their weights."""
        weighted = self.weighted()
        log_weights = _finite(weighted.terms.sum(axis=1) + weighted.log_ratio)
        n_parameters = self.u.shape[1]
        weights = special.softmax(_tempered(log_weights, n_effective=10 * (n_parameters + 1)))
        mean = weights @ self.u
        gaps = self.u - mean
        covariance = (weights * gaps.T) @ gaps
        floor = 1e-6 * np.diag(covariance) + 1e-12
        return stats.multivariate_t(mean, covariance + np.diag(floor), df=_DEGREES)


def _tempered(log_weights, *, n_effective):
    """Return log weights times the largest number up to one by which so many draws count, if any."""

    def excess(power):
        return _effective_size(power * log_weights) - n_effective

    if excess(1.0) >= 0 or excess(1e-6) <= 0:
        return log_weights if excess(1.0) >= 0 else 1e-6 * log_weights
    return optimize.brentq(excess, 1e-6, 1.0, xtol=1e-6) * log_weights


def _finite(log_weights):
    """Return log weights with the impossible at the far end, so that tempering leaves them finite."""
    return np.where(np.isfinite(log_weights), log_weights, -1e300)


def _effective_size(log_weights):
    return float(np.exp(2 * special.logsumexp(log_weights) - special.logsumexp(2 * log_weights)))
