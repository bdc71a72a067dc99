"""Mean and scale of a Gaussian, from samples of any size."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import special, stats

from skabi._params import check_count, check_real
from skabi._random import generators
from skabi.datasets._exact import ExactSimulator
from skabi.datasets._inverse_gamma import mean_scale, variance_moments
from skabi.datasets._log_uniform import log_uniform
from skabi.datasets._observations import check_size, observations, split
from skabi.priors import ChainedPrior


def simulate_gaussian_samples(scale, mean, rng, n_observations):
    """Return `n_observations` numbers, one count for all data sets or one for each: an array or a list of arrays."""
    sizes = np.broadcast_to(n_observations, len(scale))
    noise = rng.standard_normal((sizes.sum(), 1))
    values = np.repeat(mean, sizes)[:, np.newaxis] + np.repeat(scale, sizes)[:, np.newaxis] * noise
    return split(values, sizes, is_ragged=np.ndim(n_observations) > 0)


def gaussian_samples_log_likelihood(X, scale, mean, *, pointwise=False):
    """Log density of the samples, `(n_datasets,)`, or of each number: `(n_datasets, n_observations)` or a list."""
    data = observations(X, 1)
    standardised = (data.values[:, 0] - data.repeat(mean)) / data.repeat(scale)
    terms = -0.5 * (standardised**2 + np.log(2 * np.pi)) - np.log(data.repeat(scale))
    return data.sums_or_terms(terms, pointwise=pointwise)


@dataclass(frozen=True)
class _MeanGivenScale:
    precision: float

    def __call__(self, scale):
        return stats.norm(0.0, scale / np.sqrt(self.precision))


@dataclass(frozen=True)
class _NormalInverseGamma:
    """Posterior of all data sets: `variance ~ InverseGamma(shape, rate)`, `mean ~ N(location, variance / precision)`.

    Arrays of shape `(n_datasets,)`.
    """

    location: np.ndarray
    precision: np.ndarray
    shape: np.ndarray
    rate: np.ndarray


class GaussianMeanScale(ExactSimulator):
    """Mean and scale of a Gaussian, from samples whose sizes differ: posterior and evidence in closed form.

    The model of a sample of n numbers is

    - ``scale**2 ~ InverseGamma(shape, rate)``, whose mean is ``rate / (shape - 1)``
    - ``mean | scale ~ N(0, scale**2 / precision)``
    - ``X_j | mean, scale ~ N(mean, scale**2)`` for j = 1, ..., n, independently

    so that the posterior is of the same family [1]_. With the sample's average ``m``, it has ``precision_n = precision
    + n``, ``shape_n = shape + n / 2``, ``rate_n = rate + sum((X - m)**2) / 2 + precision * n * m**2 / (2 *
    precision_n)``, and the mean is about ``n * m / precision_n``.

    Sizes are drawn such that their logarithm is evenly spread: a data set has n observations with a probability in
    proportion to ``log((n + 1) / n)``. The median of the default range is 22.

    Parameters
    ----------
    n_observations : int or (int, int), default=(1, 500)
        Range of sizes, ends included: `X` is a list of arrays `(n_observations, 1)`. Or one size for all: `X` is an
        array `(n_datasets, n_observations, 1)`.
    shape : float, default=3.0
        Of the variance's prior.
    rate : float, default=2.0
        Of the variance's prior.
    precision : float, default=0.1
        Of the mean's prior, in numbers of observations that would say as much.

    Attributes
    ----------
    n_features : int
        Number of columns of a data set, 1.

    References
    ----------
    .. [1] Murphy (2007). Conjugate Bayesian analysis of the Gaussian distribution. Technical report, University of
       British Columbia, section 6.

    Examples
    --------
    >>> from skabi.datasets import GaussianMeanScale
    >>> simulator = GaussianMeanScale()
    >>> X, y = simulator.sample(5, random_state=0)
    >>> [len(x) for x in X], list(y.columns)
    ([26, 1, 25, 151, 210], ['scale', 'mean'])
    >>> simulator.sample_posterior(X, n_draws=100, random_state=0).shape
    (5, 100, 2)
    """

    def __init__(self, n_observations=(1, 500), *, shape=3.0, rate=2.0, precision=0.1):
        sizes, size = check_size(n_observations, "n_observations")
        self.shape = check_real(shape, "shape", low=0.0)
        self.rate = check_real(rate, "rate", low=0.0)
        self.precision = check_real(precision, "precision", low=0.0)
        self.n_features = 1
        prior = ChainedPrior(
            {
                # The inverse square of a variable with this density is Gamma(shape, rate) distributed.
                "scale": stats.gengamma(self.shape, -2.0, scale=np.sqrt(self.rate)),
                "mean": _MeanGivenScale(self.precision),
            }
        )
        simulate = simulate_gaussian_samples
        super().__init__(
            prior,
            simulate if sizes else partial(simulate, n_observations=size),
            vectorized=True,
            n_observations=log_uniform(*sizes) if sizes else None,
            log_likelihood=gaussian_samples_log_likelihood,
        )
        self.n_observations = sizes or size

    def _check(self, X):
        return observations(X, self.n_features)

    def _posterior(self, X):
        data = self._check(X)
        values, n = data.values[:, 0], data.sizes
        average = data.sums(values) / n
        squares = data.sums((values - data.repeat(average)) ** 2)
        precision = self.precision + n
        rate = self.rate + squares / 2 + self.precision * n * average**2 / (2 * precision)
        return _NormalInverseGamma(n * average / precision, precision, self.shape + n / 2, rate)

    def posterior_mean(self, X):
        """Exact posterior means of scale and mean, `(n_datasets, 2)`."""
        posterior = self._posterior(X)
        return np.column_stack([mean_scale(posterior), posterior.location])

    def posterior_std(self, X):
        """Exact posterior standard deviations of scale and mean, `(n_datasets, 2)`; infinite if `shape_n` <= 1."""
        posterior = self._posterior(X)
        mean_variance, scale_variance = variance_moments(posterior)
        return np.sqrt(np.column_stack([scale_variance, mean_variance / posterior.precision]))

    def log_evidence(self, X):
        """Exact log marginal likelihood of each data set.

        Parameters
        ----------
        X : list of arrays `(n_observations, 1)`, or array-like of shape (n_datasets, n_observations, 1)
            Data sets.

        Returns
        -------
        log_evidence : ndarray of shape (n_datasets,)
            `log p(X)` given the size.
        """
        posterior = self._posterior(X)
        n = 2 * (posterior.shape - self.shape)
        return (
            special.gammaln(posterior.shape)
            - special.gammaln(self.shape)
            + self.shape * np.log(self.rate)
            - posterior.shape * np.log(posterior.rate)
            + 0.5 * np.log(self.precision / posterior.precision)
            - 0.5 * n * np.log(2 * np.pi)
        )

    def sample_posterior(self, X, n_draws=1000, *, random_state=None):
        """Independent draws from the exact posterior.

        Parameters
        ----------
        X : list of arrays `(n_observations, 1)`, or array-like of shape (n_datasets, n_observations, 1)
            Data sets.
        n_draws : int, default=1000
            Draws for each data set.
        random_state : int, Generator, RandomState or None, default=None
            Source of randomness.

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_draws, 2)
            Posterior draws of scale and mean.
        """
        posterior = self._posterior(X)
        shape = (len(posterior.shape), check_count(n_draws, "n_draws"))
        (rng,) = generators(random_state, 1)
        gamma = rng.standard_gamma(posterior.shape[:, np.newaxis], shape)
        scale = np.sqrt(posterior.rate[:, np.newaxis] / gamma)
        spread = scale / np.sqrt(posterior.precision)[:, np.newaxis]
        mean = posterior.location[:, np.newaxis] + spread * rng.standard_normal(shape)
        return np.stack([scale, mean], axis=-1)
