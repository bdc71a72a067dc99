"""Marginal likelihoods from a posterior and a likelihood."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from skabi._params import check_count
from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning

_INTERVAL = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class LogEvidence:
    """Log marginal likelihoods, arrays `(n_datasets,)` in nats.

    Attributes
    ----------
    median : ndarray of shape (n_datasets,)
        Of `log likelihood + log prior - log posterior` over posterior draws.
    lower, upper : ndarray of shape (n_datasets,)
        Its central 90 % interval over draws. The three densities of a model that is exact give the same number at every
        draw, so the width says how far they disagree.
    log_mean : ndarray of shape (n_datasets,)
        Log of the mean of `likelihood * prior / posterior` over all draws: the evidence by importance sampling, a draw
        without a density having no weight. If likelihood and prior are exact, the posterior need not be.
    log_mean_error : ndarray of shape (n_datasets,)
        Its standard error over draws, `sqrt(1 / n_effective - 1 / n_draws)`; above 0.1, a guess.
    """

    median: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    log_mean: np.ndarray
    log_mean_error: np.ndarray


def log_evidence_of(posterior, likelihood, X, *, n_draws, random_state, may_be_impossible=False):
    """Return the `LogEvidence` of data sets: Bayes' rule solved for the evidence, at draws from the posterior.

    Parameters
    ----------
    posterior : estimator
        Fitted, with `sample`, `log_prob` and `prior_`.
    likelihood : object
        With `log_likelihood(X, y)`.
    X : data sets
    n_draws : int
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
    may_be_impossible : bool, default=False
        Whether a data set that no draw could have made has minus infinity for its evidence and an infinite error.

    Raises
    ------
    ValueError
        If the posterior has no prior, or none of a data set's draws has a density.
    """
    if posterior.prior_ is None:
        raise ValueError(
            "log_evidence needs the density of the prior. Fit to a simulator, or pass prior=... to the constructor."
        )
    draws = posterior.sample(X, check_count(n_draws, "n_draws", minimum=2), random_state=random_state)
    log_prior = posterior.prior_.log_prob(draws.reshape(-1, draws.shape[-1])).reshape(draws.shape[:2])
    log_likelihood, log_posterior = np.asarray(likelihood.log_likelihood(X, draws)), posterior.log_prob(X, draws)
    # Draws on the very edge of the prior's support, where nothing has a density, are left out.
    with np.errstate(invalid="ignore"):
        log_joint = log_likelihood + log_prior
        values = log_joint - log_posterior
    is_good = np.isfinite(values)
    has_good = is_good.any(axis=1)
    is_impossible = np.isneginf(log_joint).all(axis=1) & may_be_impossible
    if not (has_good | is_impossible).all():
        raise ValueError(
            f"no posterior draw of data set {np.argmin(has_good | is_impossible)} has a likelihood above zero: the "
            "posterior and the likelihood are not of the same model, or the data set is unlike any in fit."
        )
    evidence = np.full((5, len(values)), -np.inf)
    evidence[4] = np.inf
    if has_good.any():
        evidence[:, has_good] = _of_possible(values[has_good], is_good[has_good])
    return LogEvidence(*evidence)


def _of_possible(values, is_good):
    """Return the five arrays of `LogEvidence` of log ratios `(n_datasets, n_draws)`, some good in each row."""
    share = 1 - is_good.mean()
    if share > 0.01:
        warn(f"{share:.1%} of the posterior draws have no density and are left out.", ApproximationWarning)
    lower, median, upper = np.nanquantile(np.where(is_good, values, np.nan), _INTERVAL, axis=1)
    return median, lower, upper, *_log_mean(np.where(is_good, values, -np.inf))


def _log_mean(values):
    """Return the log of the mean of exp(values) over draws, and its standard error, each `(n_datasets,)`."""
    n_draws = values.shape[1]
    log_sum = special.logsumexp(values, axis=1)
    inverse_size = np.exp(special.logsumexp(2 * values, axis=1) - 2 * log_sum)
    return log_sum - np.log(n_draws), np.sqrt(np.maximum(inverse_size - 1 / n_draws, 0.0))
