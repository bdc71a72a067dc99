"""Moments of a scale whose square has an inverse gamma distribution.

`posterior` has the arrays `shape` and `rate` `(n_datasets,)`; with one observation the shape is above 1/2.
"""

import numpy as np
from scipy import special


def mean_scale(posterior):
    """Return the mean of the scale, `(n_datasets,)`; it is finite."""
    return np.sqrt(posterior.rate) * np.exp(special.gammaln(posterior.shape - 0.5) - special.gammaln(posterior.shape))


def variance_moments(posterior):
    """Return the mean of the squared scale and the variance of the scale, `(n_datasets,)`; infinite if shape <= 1."""
    with np.errstate(divide="ignore"):
        mean_variance = np.where(posterior.shape > 1, posterior.rate / (posterior.shape - 1), np.inf)
    return mean_variance, mean_variance - mean_scale(posterior) ** 2
