"""Another prior after the fit: importance weights of draws, and whether they can be relied on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi._warnings import warn
from skabi.diagnostics._pareto import (
    FEWEST_WEIGHTS,
    effective_sizes,
    largest_k,
    log_importance_weights,
    pareto_smoothed,
    resampled,
)
from skabi.exceptions import ApproximationWarning
from skabi.priors import check_prior


@dataclass(frozen=True)
class Reweighted:
    """Posterior draws under another prior.

    Attributes
    ----------
    draws : ndarray of shape (n_datasets, n_draws, n_parameters)
        Drawn again in proportion to their weights, so that some come more than once. NaN of a data set where no draw is
        possible under the new prior.
    pareto_k : ndarray of shape (n_datasets,)
        Above `largest_k` do not believe the draws: the new prior is too far from the old.
    effective_sizes : ndarray of shape (n_datasets,)
        How many independent draws they are worth; zero where there are none.
    largest_k : float
        Up to which so many draws are enough.
    """

    draws: np.ndarray
    pareto_k: np.ndarray
    effective_sizes: np.ndarray
    largest_k: float


def change_prior(estimator, X: ArrayLike, prior, *, n_draws: int = 1000, random_state=None) -> Reweighted:
    """Draw from the posterior under another prior than that of the fit, without training.

    Draws of the learned posterior have weights in proportion to the new prior density over the old, smoothed by the
    Pareto distribution [1]_. That is right where the new prior has its mass within the posterior of the old, narrower
    priors say. A prior that is much wider, or elsewhere, has no draws to weigh: Pareto k says so, and there is a
    warning. For priors that are known beforehand train a `ContextPosterior`.

    Parameters
    ----------
    estimator : AmortizedPosterior or another with `sample` and `prior_`
        Fitted.
    X : array-like of shape (n_datasets, ...)
    prior : prior
        Of the same parameters.
    n_draws : int, default=1000
        Draws a data set, at least 25.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

    Returns
    -------
    result : Reweighted

    Raises
    ------
    NotFittedError
        Before `fit`.
    ValueError
        If the estimator has no prior, or the new one is of other parameters.
    ImportError
        If arviz-stats is not installed.

    References
    ----------
    .. [1] A. Vehtari, D. Simpson, A. Gelman, Y. Yao, J. Gabry (2024). Pareto smoothed importance sampling. Journal of
       Machine Learning Research 25(72). arXiv 1507.02646.

    Examples
    --------
    >>> from skabi import AmortizedPosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> from skabi.priors import power_scaled
    >>> from skabi.sensitivity import change_prior
    >>> simulator = ConjugateGaussian()
    >>> posterior = AmortizedPosterior(Gaussian(()), n_simulations=500, max_iter=5, random_state=0).fit(simulator)
    >>> narrower = power_scaled(simulator.prior, 2.0)
    >>> result = change_prior(posterior, [[0.5, -1.0]], narrower, n_draws=500, random_state=0)
    >>> result.draws.shape, bool(result.pareto_k[0] < result.largest_k)
    ((1, 500, 2), True)
    """
    check_is_fitted(estimator)
    n_draws = check_count(n_draws, "n_draws", minimum=FEWEST_WEIGHTS)
    old, new = prior_of(estimator), check_prior(prior)
    if list(new.parameter_names) != list(old.parameter_names):
        raise ValueError(
            f"prior must be of the parameters {list(old.parameter_names)} in this order; got "
            f"{list(new.parameter_names)}."
        )
    drawing, choosing = seed_sequence(random_state).spawn(2)
    draws = estimator.sample(X, n_draws, random_state=drawing)
    flat = draws.reshape(-1, draws.shape[-1])
    log_weights = log_importance_weights(new.log_prob(flat), old.log_prob(flat)).reshape(draws.shape[:2])
    weights, pareto_k = pareto_smoothed(log_weights)
    has_any = weights.any(axis=1)
    warn_of_weights(pareto_k[has_any], n_draws)
    if not has_any.all():
        warn(
            f"of {np.count_nonzero(~has_any)} of {len(draws)} data sets no draw is possible under the new prior, and "
            "there is NaN for draws. Fit to a simulator with that prior.",
            ApproximationWarning,
        )
    indices = resampled(weights[has_any], n_draws, np.random.default_rng(choosing))
    chosen = np.full(draws.shape, np.nan)
    chosen[has_any] = np.take_along_axis(draws[has_any], indices[..., np.newaxis], axis=1)
    return Reweighted(chosen, pareto_k, effective_sizes(weights), float(largest_k(n_draws)))


def prior_of(estimator):
    """Return the prior of a fitted estimator, or raise."""
    prior = getattr(estimator, "prior_", None)
    if prior is None:
        prior = getattr(getattr(estimator, "posterior_", None), "prior_", None)
    if prior is None:
        raise ValueError(
            "the estimator was fitted without a prior, so that there is none to change; fit it to a simulator, or with "
            "prior=IndependentPrior(...)."
        )
    return prior


def warn_of_weights(pareto_k, n_draws):
    """Warn if weights cannot be relied on."""
    n_bad = int((pareto_k > largest_k(n_draws)).sum())
    if n_bad:
        warn(
            f"importance weights of {n_bad} of {pareto_k.size} posteriors cannot be relied on: their Pareto k is above "
            f"{largest_k(n_draws):.2f}. Take choices that are nearer to those of fit, more draws, or train a "
            "ContextPosterior for them.",
            ApproximationWarning,
        )
