"""A level that walks at random and is seen with noise: filtered and smoothed exactly."""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from skabi._params import check_count, check_real
from skabi.datasets._exact import check_data_sets
from skabi.datasets._problem import Problem
from skabi.priors import IndependentPrior

# Nodes of the quadrature over the size of steps, and how many standard deviations of the prior they reach.
_N_NODES, _REACH = 60, 4.5


class StateMoments(NamedTuple):
    """Posterior of the level at each time.

    Attributes
    ----------
    mean, sd : ndarray of shape (n_datasets, n_times)
    """

    mean: np.ndarray
    sd: np.ndarray


def simulate_levels(scale, rng, *, n_times, noise):
    """Return noisy observations of random walks, `(n_datasets, n_times, 1)`."""
    steps = scale[:, np.newaxis] * rng.standard_normal((len(scale), n_times))
    steps[:, 0] = rng.standard_normal(len(scale))
    return (steps.cumsum(axis=1) + noise * rng.standard_normal(steps.shape))[:, :, np.newaxis]


def levels_log_likelihood(X, scale, *, noise):
    """Log density of series, `(n_datasets,)`."""
    return kalman_filter(np.asarray(X)[..., 0], scale, noise)[2].sum(axis=1)


def kalman_filter(series, scale, noise):
    """Return means and variances of the level given the data up to each time, and log predictive densities.

    Parameters
    ----------
    series : ndarray of shape (..., n_times)
        NaN where an observation is missing.
    scale : ndarray of shape (...)
        Standard deviation of a step; leading axes broadcast.
    noise : float

    Returns
    -------
    mean, variance, log_density : ndarray of shape (..., n_times)
    """
    shape = (*np.broadcast_shapes(series.shape[:-1], np.shape(scale)), series.shape[-1])
    mean, variance, log_density = np.empty(shape), np.empty(shape), np.zeros(shape)
    m, p = np.zeros(shape[:-1]), np.ones(shape[:-1])
    for time in range(shape[-1]):
        if time:
            p = p + np.square(scale)
        y = series[..., time]
        is_there = ~np.isnan(y)
        total, gap = p + noise**2, np.where(is_there, y, 0.0) - m
        log_density[..., time] = np.where(is_there, -0.5 * (gap**2 / total + np.log(2 * np.pi * total)), 0.0)
        gain = np.where(is_there, p / total, 0.0)
        m, p = m + gain * gap * is_there, p * (1 - gain)
        mean[..., time], variance[..., time] = m, p
    return mean, variance, log_density


def kalman_smoother(mean, variance, scale):
    """Return means and variances of the level given all data, from those of the filter [1]_."""
    mean, variance = mean.copy(), variance.copy()
    for time in range(mean.shape[-1] - 2, -1, -1):
        share = variance[..., time] / (variance[..., time] + np.square(scale))
        mean[..., time] += share * (mean[..., time + 1] - mean[..., time])
        variance[..., time] = (1 - share) * variance[..., time] + share**2 * variance[..., time + 1]
    return mean, variance


class LinearGaussianStateSpace(Problem):
    """A level that walks at random and is seen with noise, and how far it goes in a step is unknown.

    - ``scale ~ LogNormal(log median_scale, log_sd)``, the standard deviation of a step
    - ``level_1 ~ N(0, 1)`` and ``level_t ~ N(level_(t-1), scale**2)``
    - ``X_t ~ N(level_t, noise**2)`` for t = 1, ..., T; `X` has shape `(n_datasets, T, 1)`

    Given `scale` the Kalman filter and the smoother of Rauch, Tung and Striebel [1]_ are exact; over `scale` the sums
    are taken by quadrature with 60 nodes, whose error is far below Monte Carlo errors.

    Parameters
    ----------
    n_times : int, default=100
        Length of a series.
    noise : float, default=1.0
        Standard deviation of an observation.
    median_scale : float, default=0.3
        Prior median of `scale`.
    log_sd : float, default=0.5
        Prior standard deviation of its logarithm.

    Attributes
    ----------
    n_features : int
        Number of values at a time, 1.

    References
    ----------
    .. [1] H. Rauch, F. Tung, C. Striebel (1965). Maximum likelihood estimates of linear dynamic systems. AIAA Journal
       3(8), 1445-1450.

    Examples
    --------
    >>> from skabi.datasets import LinearGaussianStateSpace
    >>> problem = LinearGaussianStateSpace(n_times=20)
    >>> X, y = problem.sample(3, random_state=0)
    >>> smoothed, filtered = problem.smooth(X), problem.filter(X)
    >>> smoothed.mean.shape, bool((smoothed.sd < filtered.sd + 0.1).all())
    ((3, 20), True)
    """

    def __init__(self, n_times=100, *, noise=1.0, median_scale=0.3, log_sd=0.5):
        self.n_times = check_count(n_times, "n_times", minimum=2)
        self.noise = check_real(noise, "noise", low=0.0)
        self.median_scale = check_real(median_scale, "median_scale", low=0.0)
        self.log_sd = check_real(log_sd, "log_sd", low=0.0)
        self.n_features = 1
        super().__init__(
            IndependentPrior({"scale": stats.lognorm(self.log_sd, scale=self.median_scale)}),
            partial(simulate_levels, n_times=self.n_times, noise=self.noise),
            vectorized=True,
            log_likelihood=partial(levels_log_likelihood, noise=self.noise),
        )

    def filter(self, X, *, scale=None):
        """Return the posterior of each level given the data up to its time.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_times, 1)
        scale : array-like of shape (n_datasets,), optional
            The size of steps, where it is known.

        Returns
        -------
        moments : StateMoments
        """
        return self._moments(X, scale, smoothed=False)

    def smooth(self, X, *, scale=None):
        """Return the posterior of each level given all data.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_times, 1)
        scale : array-like of shape (n_datasets,), optional
            The size of steps, where it is known.

        Returns
        -------
        moments : StateMoments
        """
        return self._moments(X, scale, smoothed=True)

    def _moments(self, X, scale, *, smoothed):
        series = check_data_sets(X, self.n_times, 1)[..., 0]
        if scale is None:
            log_nodes, spacing = np.linspace(-_REACH, _REACH, _N_NODES, retstep=True)
            scales = np.broadcast_to(self.median_scale * np.exp(self.log_sd * log_nodes), (len(series), _N_NODES))
            log_weights = stats.norm.logpdf(log_nodes) + np.log(spacing)
        else:
            scales, log_weights = np.reshape(scale, (-1, 1)), np.zeros(1)
        mean, variance, log_density = kalman_filter(series[:, np.newaxis], scales, self.noise)
        log_weights = log_weights[:, np.newaxis] + log_density.cumsum(axis=2)
        if smoothed:
            mean, variance = kalman_smoother(mean, variance, scales)
            log_weights = log_weights[:, :, -1:]
        weights = special.softmax(log_weights, axis=1)
        centre = (weights * mean).sum(axis=1)
        spread = (weights * (variance + (mean - centre[:, np.newaxis]) ** 2)).sum(axis=1)
        return StateMoments(centre, np.sqrt(spread))
