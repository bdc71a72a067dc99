"""Simple likelihood, complex posterior."""

import numpy as np
from scipy import stats

from skabi.datasets._problem import Problem
from skabi.priors import IndependentPrior

N_POINTS = 4


def simulate_slcp(theta, rng):
    """Four points of a bivariate Gaussian, flattened point by point, `(n_datasets, 8)`."""
    noise = rng.standard_normal((len(theta), N_POINTS, 2))
    first_sd, second_sd = theta[:, 2, np.newaxis] ** 2, theta[:, 3, np.newaxis] ** 2
    correlation = np.tanh(theta[:, 4, np.newaxis])
    first = theta[:, 0, np.newaxis] + first_sd * noise[..., 0]
    # 1 / cosh is the square root of 1 - tanh**2 without its rounding.
    mixed = correlation * noise[..., 0] + noise[..., 1] / np.cosh(theta[:, 4, np.newaxis])
    second = theta[:, 1, np.newaxis] + second_sd * mixed
    return np.stack([first, second], axis=-1).reshape(len(theta), 2 * N_POINTS)


def slcp_log_likelihood(X, theta, *, pointwise=False):
    """Log density of the four points, `(n_datasets,)`, or of each point, `(n_datasets, 4)`."""
    points = np.reshape(X, (*np.shape(X)[:-1], N_POINTS, 2))
    mean, log_sd = theta[..., np.newaxis, 0:2], 2 * np.log(np.abs(theta[..., 2:4]))
    standardised = (points - mean) / np.exp(log_sd)[..., np.newaxis, :]
    angle = theta[..., 4, np.newaxis]
    residual = (standardised[..., 1] - np.tanh(angle) * standardised[..., 0]) * np.cosh(angle)
    log_density = stats.norm.logpdf(standardised[..., 0]) + stats.norm.logpdf(residual) + np.log(np.cosh(angle))
    log_density = log_density - log_sd.sum(axis=-1, keepdims=True)
    return log_density if pointwise else log_density.sum(axis=-1)


class SLCP(Problem):
    """Simple likelihood, complex posterior task of the SBI benchmark [1]_, [2]_.

    The model is

    - ``theta ~ Uniform(-3, 3)`` for each of five parameters
    - four points of ``N(m, S)`` with ``m = (theta_1, theta_2)``, standard deviations ``theta_3**2`` and ``theta_4**2``
      and correlation ``tanh(theta_5)``; `X` holds the four points one after the other, `(n_datasets, 8)`

    The likelihood is Gaussian, yet the signs of ``theta_3`` and ``theta_4`` are not identified: the posterior has four
    modes, cut off at the edges of the box.

    Attributes
    ----------
    n_features : int
        Number of columns of `X`, 8.

    References
    ----------
    .. [1] Papamakarios, Sterratt, Murray (2019). Sequential neural likelihood. arXiv 1805.07226.
    .. [2] Lueckmann, Boelts, Greenberg, Gonçalves, Macke (2021). Benchmarking simulation-based inference.
       arXiv 2101.04653.

    Examples
    --------
    >>> from skabi.datasets import SLCP
    >>> X, y = SLCP().sample(5, random_state=0)
    >>> X.shape, y.shape
    ((5, 8), (5, 5))
    """

    def __init__(self):
        self.n_features = 2 * N_POINTS
        prior = IndependentPrior({"theta": stats.uniform(np.full(5, -3.0), 6.0)})
        super().__init__(prior, simulate_slcp, vectorized=True, log_likelihood=slcp_log_likelihood)
