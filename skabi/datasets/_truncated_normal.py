"""Normal distributions cut to an interval: mass, moments and draws that stay accurate far in the tails."""

import numpy as np
from scipy import special, stats


def _left_tail_limits(mean, sd, *, low, high):
    """Standardised ends, mirrored where both are positive: log_ndtr keeps its relative accuracy on the left."""
    lower, upper = (low - mean) / sd, (high - mean) / sd
    mirrored = lower > 0
    return np.where(mirrored, -upper, lower), np.where(mirrored, -lower, upper), mirrored


def log_mass(mean, sd, *, low, high):
    """Log probability that a normal variable lies in the interval, broadcast over the arguments."""
    lower, upper, _ = _left_tail_limits(mean, sd, low=low, high=high)
    log_upper = special.log_ndtr(upper)
    return log_upper + np.log1p(-np.exp(special.log_ndtr(lower) - log_upper))


def truncated_normal(mean, sd, *, low, high):
    """Frozen scipy distribution of a normal variable given that it lies in the interval."""
    return stats.truncnorm((low - mean) / sd, (high - mean) / sd, loc=mean, scale=sd)


def sample_truncated_normal(mean, sd, *, low, high, n_draws, rng):
    """Draws by inversion of the distribution function.

    `mean` has shape `(n_datasets, n_parameters)`, `sd` broadcasts against the result,
    `(n_datasets, n_draws, n_parameters)`.
    """
    mean = mean[:, np.newaxis]
    lower, upper, mirrored = _left_tail_limits(mean, sd, low=low, high=high)
    share = rng.random((mean.shape[0], n_draws, mean.shape[2]))
    with np.errstate(divide="ignore"):  # a share of exactly zero
        log_quantile = np.logaddexp(special.log_ndtr(lower) + np.log1p(-share), special.log_ndtr(upper) + np.log(share))
    standard = special.ndtri_exp(log_quantile)
    draws = mean + sd * np.where(mirrored, -standard, standard)
    # Rounding may put a draw outside, by a unit in the last place.
    return np.clip(draws, low, high)
