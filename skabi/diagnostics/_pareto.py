"""Pareto smoothed importance weights of many data sets."""

import numpy as np
from scipy import special

from skabi._optional import import_optional

# Fewer weights above zero have no tail to be smoothed.
FEWEST_WEIGHTS = 25


def log_importance_weights(log_target, log_proposal):
    """Return log importance weights; draws on the edge of the support, where a density is infinite, have none."""
    with np.errstate(invalid="ignore"):
        log_weights = log_target - log_proposal
    return np.where(np.isfinite(log_weights), log_weights, -np.inf)


def pareto_smoothed(log_weights):
    """Return smoothed weights that sum to one, and Pareto k.

    Parameters
    ----------
    log_weights : ndarray of shape (n_datasets, n_draws)

    Returns
    -------
    weights : ndarray of shape (n_datasets, n_draws)
        Zero for a data set all of whose weights are.
    pareto_k : ndarray of shape (n_datasets,)
        Infinite where fewer than 25 weights are above zero.
    """
    array_stats = import_optional("arviz_stats.base", extra="arviz", purpose="importance weights").array_stats
    weights, pareto_k = np.zeros(log_weights.shape), np.full(len(log_weights), np.inf)
    for i, row in enumerate(log_weights):
        kept = np.isfinite(row)
        if not kept.any():
            continue
        smooth = row[kept]
        if kept.sum() >= FEWEST_WEIGHTS:
            smooth, pareto_k[i] = _smoothed(array_stats, smooth)
        weights[i, kept] = special.softmax(smooth)
    return weights, pareto_k


def _smoothed(array_stats, log_weights):
    """Return smoothed log weights and Pareto k, which is 0 where the largest weights are the same: there is no tail."""
    n_tail = int(np.ceil(min(0.2 * len(log_weights), 3 * np.sqrt(len(log_weights)))))
    if np.ptp(np.partition(log_weights, -n_tail)[-n_tail:]) == 0:
        return log_weights, 0.0
    with np.errstate(all="ignore"):
        smooth, k = array_stats.psislw(-log_weights)
    return (smooth, k) if np.isfinite(k) and np.isfinite(smooth).all() else (log_weights, np.inf)


def largest_k(n_draws):
    """Return the Pareto k up to which so many draws are enough (Vehtari et al., 2024, arXiv 1507.02646)."""
    return np.minimum(1 - 1 / np.log10(np.maximum(n_draws, 2)), 0.7)


def effective_sizes(weights):
    """Return how many draws of equal weight those of `weights` `(n_datasets, n_draws)` are worth."""
    squares = (weights**2).sum(axis=1)
    return np.divide(weights.sum(axis=1) ** 2, squares, out=np.zeros(len(weights)), where=squares > 0)


def resampled(weights, n_draws, rng):
    """Return indices `(n_datasets, n_draws)` of draws in proportion to `weights`, by systematic resampling.

    A draw comes twice only where its weight times `n_draws` is above one.
    """
    points = (np.arange(n_draws) + rng.random((len(weights), 1))) / n_draws
    return rng.permuted(at_shares(weights, points), axis=1)


def at_shares(weights, points):
    """Return indices `(n_datasets, n_points)` of the draws that lie at these shares of the summed `weights`."""
    ends = weights.cumsum(axis=1)
    ends /= ends[:, -1:]
    indices = np.empty((len(weights), points.shape[-1]), dtype=int)
    for own, end, point in zip(indices, ends, np.broadcast_to(points, indices.shape), strict=True):
        own[:] = np.searchsorted(end, point, side="right")
    return np.minimum(indices, weights.shape[1] - 1)
