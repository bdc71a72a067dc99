"""Contrastive bounds of the information that outcomes bring: sPCE from below, sNMC from above."""

import numpy as np
from scipy import stats

from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning

# Parts of the draws, each with contrastive parameters of its own, whose means say how far a bound may be off.
N_BLOCKS = 20
# Nats below log(L + 1) within which a lower bound says little more than that.
_NEAR_CEILING = 0.7
# Chance at which an upper bound lies so far below zero, where no information can be.
_DOUBT = 1e-5


def lower_terms(true, log_sum, n):
    """Return terms of the sequential prior contrastive estimate (Foster et al., 2021, eq. 9).

    Parameters
    ----------
    true : ndarray of shape (...)
        Log densities of outcomes under the parameters that made them.
    log_sum : ndarray of shape (...)
        Log of the sum of the densities under n other parameters.
    n : int
    """
    return true - np.logaddexp(true, log_sum) + np.log(n + 1)


def upper_terms(true, log_sum, n):
    """Return terms of the sequential nested Monte Carlo estimate; infinite where no other parameters fit."""
    return true - log_sum + np.log(n)


def mean_and_error(terms):
    """Return the mean and its standard error of terms `(n_blocks, n, ...)` that share parameters within a block."""
    means = terms.mean(axis=1)
    with np.errstate(invalid="ignore"):  # infinite terms of an upper bound have no spread
        return means.mean(axis=0), means.std(axis=0, ddof=1) / np.sqrt(len(means))


def block_sizes(n):
    """Return how many blocks, and how many draws in each, n draws are: a few more where n does not divide."""
    n_blocks = min(N_BLOCKS, n)
    return n_blocks, -(-n // n_blocks)


def warn_of_ceiling(lower, n_contrastive):
    """Warn if a lower bound comes close to what so many contrastive parameters can show at most."""
    ceiling = np.log(n_contrastive + 1)
    n_near = np.count_nonzero(np.asarray(lower) > ceiling - _NEAR_CEILING)
    if n_near:
        warn(
            f"{n_near} of {np.size(lower)} lower bounds are close to log(n_contrastive + 1) = {ceiling:.2f} nats, "
            f"above which none can be; the information may be more. Raise n_contrastive={n_contrastive}.",
            ApproximationWarning,
        )


def warn_of_negative(upper, error, n_blocks):
    """Warn if upper bounds, of so many blocks, lie below zero beyond doubt."""
    quantile = stats.t.isf(_DOUBT, n_blocks - 1)
    is_negative = np.asarray(upper) < -quantile * np.asarray(error) - 1e-9
    if is_negative.any():
        warn(
            f"{np.count_nonzero(is_negative)} of {np.size(upper)} upper bounds of the information lie below zero, the "
            f"lowest at {np.min(upper):.4g} nats, which no information can: simulate and the log likelihood are not of "
            "one model. Compare the two, the sign of the log likelihood first.",
            ApproximationWarning,
        )
