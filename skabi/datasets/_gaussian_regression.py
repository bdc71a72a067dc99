"""Linear regression with unknown noise, from data sets of any size."""

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


def simulate_regression(scale, coefficient, rng, n_observations):
    """Return covariates and responses, one number of rows for all data sets or one for each: an array or a list."""
    sizes = np.broadcast_to(n_observations, len(scale))
    values = rng.standard_normal((sizes.sum(), coefficient.shape[1]))
    values[:, -1] = _line(values[:, :-1], coefficient, sizes) + np.repeat(scale, sizes) * values[:, -1]
    return split(values, sizes, is_ragged=np.ndim(n_observations) > 0)


def regression_log_likelihood(X, scale, coefficient, *, pointwise=False):
    """Log density of the rows, `(n_datasets,)`, or of each row: `(n_datasets, n_observations)` or a list."""
    data = observations(X, coefficient.shape[1])
    expected = _line(data.values[:, :-1], coefficient, data.sizes)
    terms = _covariates_log_density(data) + stats.norm.logpdf(data.values[:, -1], expected, data.repeat(scale))
    return data.sums_or_terms(terms, pointwise=pointwise)


def _line(covariates, coefficient, sizes):
    """Return the expected response to the covariates of all data sets, `(n_observations,)`."""
    coefficient = np.repeat(coefficient, sizes, axis=0)
    return coefficient[:, 0] + np.sum(coefficient[:, 1:] * covariates, axis=1)


def _covariates_log_density(data):
    return stats.norm.logpdf(data.values[:, :-1]).sum(axis=1)


@dataclass(frozen=True)
class _CoefficientGivenScale:
    n_coefficients: int
    precision: float

    def __call__(self, scale):
        return stats.norm(np.zeros(self.n_coefficients), scale[:, np.newaxis] / np.sqrt(self.precision))


@dataclass(frozen=True)
class _NormalInverseGamma:
    """Posterior of all data sets: `variance ~ InverseGamma(shape, rate)`, `coefficient ~ N(location, variance / P)`.

    `shape` and `rate` are `(n_datasets,)`, `location` is `(n_datasets, n_coefficients)`, and P is the matrix
    `precision`, `(n_datasets, n_coefficients, n_coefficients)`.
    """

    location: np.ndarray
    precision: np.ndarray
    shape: np.ndarray
    rate: np.ndarray


class GaussianRegression(ExactSimulator):
    """Linear regression whose noise is unknown, from data sets of any size: posterior and evidence in closed form.

    A row of a data set is an observation, its covariates first and its response last. The model is

    - ``scale**2 ~ InverseGamma(shape, rate)``, whose mean is ``rate / (shape - 1)``
    - ``coefficient[k] | scale ~ N(0, scale**2 / precision)`` for k = 0, ..., n_covariates, independently
    - ``covariate[k] ~ N(0, 1)`` for k = 1, ..., n_covariates, independently
    - ``response | covariate, coefficient, scale ~ N(coefficient[0] + sum_k coefficient[k] * covariate[k], scale**2)``

    so that the posterior is of the same family [1]_. With Z, the covariates after a column of ones, and r, the
    responses, it has the precision matrix ``P = precision * I + Z' Z``, the coefficients' mean ``m = inverse(P) Z' r``,
    ``shape_n = shape + n / 2`` and ``rate_n = rate + |r - Z m|**2 / 2 + precision * |m|**2 / 2``.

    Exact leave-one-out follows from `log_evidence`: an observation has ``log p(x | rest) = log p(X) - log p(rest)``.

    Sizes are drawn such that their logarithm is evenly spread: a data set has n observations with a probability in
    proportion to ``log((n + 1) / n)``. The median of the default range is 17.

    Parameters
    ----------
    n_observations : int or (int, int), default=(5, 60)
        Range of sizes, ends included: `X` is a list of arrays `(n_observations, n_covariates + 1)`. Or one size for
        all: `X` is an array `(n_datasets, n_observations, n_covariates + 1)`.
    n_covariates : int, default=1
        Number of slopes; there are as many coefficients and one more, the intercept, which is the first.
    shape : float, default=3.0
        Of the variance's prior.
    rate : float, default=2.0
        Of the variance's prior.
    precision : float, default=0.1
        Of each coefficient's prior, in numbers of observations that would say as much. With the default and one
        covariate, the line's share of the response's variance has the prior median 0.82.

    Attributes
    ----------
    n_features : int
        Number of columns of a data set, `n_covariates + 1`.

    References
    ----------
    .. [1] Murphy (2012). Machine Learning: A Probabilistic Perspective. MIT Press, section 7.6.3.

    Examples
    --------
    >>> from skabi.datasets import GaussianRegression
    >>> simulator = GaussianRegression()
    >>> X, y = simulator.sample(4, random_state=0)
    >>> [x.shape for x in X], list(y.columns)
    ([(18, 2), (5, 2), (18, 2), (37, 2)], ['scale', 'coefficient[0]', 'coefficient[1]'])
    >>> simulator.sample_posterior(X, n_draws=100, random_state=0).shape
    (4, 100, 3)
    """

    def __init__(self, n_observations=(5, 60), *, n_covariates=1, shape=3.0, rate=2.0, precision=0.1):
        sizes, size = check_size(n_observations, "n_observations")
        self.n_covariates = check_count(n_covariates, "n_covariates")
        self.shape = check_real(shape, "shape", low=0.0)
        self.rate = check_real(rate, "rate", low=0.0)
        self.precision = check_real(precision, "precision", low=0.0)
        self.n_features = self.n_covariates + 1
        prior = ChainedPrior(
            {
                # The inverse square of a variable with this density is Gamma(shape, rate) distributed.
                "scale": stats.gengamma(self.shape, -2.0, scale=np.sqrt(self.rate)),
                "coefficient": _CoefficientGivenScale(self.n_features, self.precision),
            }
        )
        simulate = simulate_regression
        super().__init__(
            prior,
            simulate if sizes else partial(simulate, n_observations=size),
            vectorized=True,
            n_observations=log_uniform(*sizes) if sizes else None,
            log_likelihood=regression_log_likelihood,
        )
        self.n_observations = sizes or size

    def _check(self, X):
        return observations(X, self.n_features)

    def _posterior(self, X):
        data = self._check(X)
        covariates, response = data.values[:, :-1], data.values[:, -1]
        design = np.column_stack([np.ones(len(response)), covariates])
        squares = data.sums(design[:, :, np.newaxis] * design[:, np.newaxis])
        precision = squares + self.precision * np.eye(self.n_features)
        products = data.sums(design * response[:, np.newaxis])
        location = np.linalg.solve(precision, products[:, :, np.newaxis])[:, :, 0]
        # From the residuals: a difference of sums of squares would lose the digits of a small scale.
        residuals = data.sums((response - _line(covariates, location, data.sizes)) ** 2)
        rate = self.rate + (residuals + self.precision * np.sum(location**2, axis=1)) / 2
        return _NormalInverseGamma(location, precision, self.shape + data.sizes / 2, rate)

    def posterior_mean(self, X):
        """Exact posterior means of scale and coefficients, `(n_datasets, n_covariates + 2)`."""
        posterior = self._posterior(X)
        return np.column_stack([mean_scale(posterior), posterior.location])

    def posterior_std(self, X):
        """Exact posterior standard deviations, `(n_datasets, n_covariates + 2)`; infinite if `shape_n` <= 1."""
        posterior = self._posterior(X)
        mean_variance, scale_variance = variance_moments(posterior)
        spread = np.diagonal(np.linalg.inv(posterior.precision), axis1=1, axis2=2)
        return np.sqrt(np.column_stack([scale_variance, mean_variance[:, np.newaxis] * spread]))

    def log_evidence(self, X):
        """Exact log marginal likelihood of each data set, its covariates' density included.

        Parameters
        ----------
        X : list of arrays `(n_observations, n_covariates + 1)`, or array-like of that shape after `n_datasets`
            Data sets.

        Returns
        -------
        log_evidence : ndarray of shape (n_datasets,)
            `log p(X)` given the size.
        """
        data = self._check(X)
        posterior = self._posterior(data)
        log_determinant = np.linalg.slogdet(posterior.precision).logabsdet
        return (
            special.gammaln(posterior.shape)
            - special.gammaln(self.shape)
            + self.shape * np.log(self.rate)
            - posterior.shape * np.log(posterior.rate)
            + 0.5 * (self.n_features * np.log(self.precision) - log_determinant)
            - 0.5 * data.sizes * np.log(2 * np.pi)
            + data.sums(_covariates_log_density(data))
        )

    def sample_posterior(self, X, n_draws=1000, *, random_state=None):
        """Independent draws from the exact posterior.

        Parameters
        ----------
        X : list of arrays `(n_observations, n_covariates + 1)`, or array-like of that shape after `n_datasets`
            Data sets.
        n_draws : int, default=1000
            Draws for each data set.
        random_state : int, Generator, RandomState or None, default=None
            Source of randomness.

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_draws, n_covariates + 2)
            Posterior draws of scale and coefficients.
        """
        posterior = self._posterior(X)
        shape = (len(posterior.shape), check_count(n_draws, "n_draws"))
        (rng,) = generators(random_state, 1)
        gamma = rng.standard_gamma(posterior.shape[:, np.newaxis], shape)
        scale = np.sqrt(posterior.rate[:, np.newaxis] / gamma)[:, :, np.newaxis]
        # With L L' = P, the row z' inverse(L) of standard normals z has the covariance inverse(P).
        root = np.linalg.inv(np.linalg.cholesky(posterior.precision))
        noise = rng.standard_normal((*shape, self.n_features)) @ root
        return np.concatenate([scale, posterior.location[:, np.newaxis] + scale * noise], axis=2)
