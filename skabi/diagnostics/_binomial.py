"""Intervals of a binomial proportion."""

import numpy as np
from scipy import stats


def jeffreys_interval(successes, n_trials, prob):
    """Return lower and upper limits of a proportion, arrays of the shape of `successes` (Brown et al. 2001).

    Parameters
    ----------
    successes : ndarray of float
        Of `n_trials` each, whole numbers or not.
    n_trials : ndarray of float, or float
        Positive.
    prob : float in (0, 1)
        Probability of the interval.
    """
    tail = (1 - prob) / 2
    lower = stats.beta.ppf(tail, successes + 0.5, n_trials - successes + 0.5)
    upper = stats.beta.isf(tail, successes + 0.5, n_trials - successes + 0.5)
    # Without these the interval could never hold a proportion of 0 or 1 (Brown et al. 2001, section 3.1).
    return np.where(successes <= 0, 0.0, lower), np.where(successes >= n_trials, 1.0, upper)
