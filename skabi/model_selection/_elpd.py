"""Expected log predictive densities: what cross-validation returns."""

from dataclasses import dataclass

import numpy as np

# Pareto's k from which importance weights cannot be relied on (Vehtari et al., 2024).
LARGEST_K = 0.7


@dataclass(frozen=True)
class CrossValElpd:
    """Expected log predictive density (elpd) of each data set, by cross-validation.

    Attributes
    ----------
    pointwise : list of ndarray of shape (n_observations,)
        Log predictive density of each observation, one array a data set, in nats; NaN where one was never held out.
    elpd : ndarray of shape (n_datasets,)
        Their sums, over the observations that were held out.
    se : ndarray of shape (n_datasets,)
        Standard errors of the sums as estimates for new data: `sqrt(n * variance)` over observations.
    monte_carlo_se : ndarray of shape (n_datasets,)
        Standard errors of the sums from the finite number of posterior draws, by their spread over replicates.
    n_refits : int
        Posteriors that were asked for.
    """

    pointwise: list
    elpd: np.ndarray
    se: np.ndarray
    monte_carlo_se: np.ndarray
    n_refits: int


@dataclass(frozen=True)
class PsisLoo:
    """Expected log predictive density (elpd) of each data set, by Pareto smoothed importance sampling.

    Attributes
    ----------
    pointwise : list of ndarray of shape (n_observations,)
        Log predictive density of each observation, one array a data set, in nats.
    elpd, se : ndarray of shape (n_datasets,)
        Their sums, and the standard errors of these as estimates for new data.
    pareto_k : list of ndarray of shape (n_observations,)
        Shape of the tail of each observation's weights; above 0.7 its log predictive density cannot be relied on.
    n_draws : int
        Posterior draws.
    """

    pointwise: list
    elpd: np.ndarray
    se: np.ndarray
    pareto_k: list
    n_draws: int


def totals(pointwise, is_held_out=None):
    """Return the sums over observations of each data set, and their standard errors, each `(n_datasets,)`.

    Summed is over the observations that were held out, by default those that are not NaN. The standard error is NaN of
    less than two observations, and of a sum that is infinite.
    """
    is_held_out = [~np.isnan(terms) for terms in pointwise] if is_held_out is None else is_held_out
    each = [terms[mask] for terms, mask in zip(pointwise, is_held_out, strict=True)]
    return np.array([terms.sum() for terms in each]), np.array([_standard_error(terms) for terms in each])


def _standard_error(terms):
    return np.sqrt(len(terms) * np.var(terms, ddof=1)) if len(terms) > 1 and np.isfinite(terms).all() else np.nan
