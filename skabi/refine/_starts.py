"""Where chains start."""

import numpy as np
from scipy import special


def choose_starts(target, draws, log_weights, *, n_starts, rng):
    """Return starting points of each data set, in parameters' own units, and whether it has any.

    They are different draws, in proportion to their weights. Where fewer than `n_starts` have a posterior density,
    draws of the prior that have one join them; where all of these are too few, some are taken twice.

    Parameters
    ----------
    target : Target
    draws : ndarray of shape (n_datasets, n_draws, n_parameters)
    log_weights : ndarray of shape (n_datasets, n_draws)
        Minus infinity where a draw has no density.
    n_starts : int
    rng : numpy.random.Generator

    Returns
    -------
    starts : ndarray of shape (n_datasets, n_starts, n_parameters)
    has_start : ndarray of bool of shape (n_datasets,)
    """
    if (np.isfinite(log_weights).sum(axis=1) < n_starts).any():
        n_datasets, n_draws, n_parameters = draws.shape
        others = np.asarray(target.prior.sample(n_datasets * n_draws, random_state=rng), dtype=float)
        others = others.reshape(n_datasets, n_draws, n_parameters)
        is_possible = np.isfinite(target.log_prob(others))
        lowest = np.min(np.where(np.isfinite(log_weights), log_weights, 0.0), axis=1, keepdims=True)
        # After all of the others, of which each has a weight.
        of_prior = np.where(is_possible, lowest - 1e3, -np.inf)
        draws = np.concatenate([draws, others], axis=1)
        log_weights = np.concatenate([log_weights, of_prior], axis=1)
    has_start = np.isfinite(log_weights).any(axis=1)
    # Truncated (Ionides, 2008), so that not the same few draws are all there is to start from.
    with np.errstate(divide="ignore"):
        log_mean = special.logsumexp(log_weights, axis=1, keepdims=True) - np.log(log_weights.shape[1])
    log_weights = np.minimum(log_weights, log_mean + 0.5 * np.log(log_weights.shape[1]))
    # The largest of weights times exponential races are a sample without replacement.
    races = np.where(np.isfinite(log_weights), log_weights + rng.gumbel(size=log_weights.shape), -np.inf)
    order = np.argsort(-races, axis=1)[:, :n_starts]
    n_possible = np.isfinite(log_weights).sum(axis=1, keepdims=True)
    order = np.take_along_axis(order, np.arange(n_starts) % np.clip(n_possible, 1, n_starts), axis=1)
    return np.take_along_axis(draws, order[..., np.newaxis], axis=1), has_start
