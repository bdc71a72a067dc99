"""Gaussian mean with known noise, under a Gaussian prior and under a box prior."""

from functools import partial

import numpy as np
from scipy import stats

from skabi._params import check_count, check_real
from skabi._random import generators
from skabi.datasets._exact import ExactSimulator, check_data_sets
from skabi.datasets._truncated_normal import log_mass, sample_truncated_normal, truncated_normal
from skabi.priors import IndependentPrior


def simulate_gaussian(theta, rng, *, shift, noise_variance):
    """One noisy observation of each mean: `theta + shift` plus independent noise, `(n_datasets, n_parameters)`."""
    return theta + shift + np.sqrt(noise_variance) * rng.standard_normal(np.shape(theta))


def gaussian_log_likelihood(X, theta, *, shift, noise_variance):
    """Log density of `X` given the means `theta`, `(n_datasets,)`."""
    return stats.norm.logpdf(X, loc=theta + shift, scale=np.sqrt(noise_variance)).sum(axis=-1)


class _GaussianLikelihood(ExactSimulator):
    """X ~ N(theta + shift, noise_variance I) under whichever prior a child brings."""

    def __init__(self, prior, *, n_parameters, shift, noise_variance):
        self.n_parameters = n_parameters
        self.n_features = n_parameters
        self.shift = check_real(shift, "shift")
        self.noise_variance = check_real(noise_variance, "noise_variance", low=0.0)
        noise = {"shift": self.shift, "noise_variance": self.noise_variance}
        super().__init__(
            prior,
            partial(simulate_gaussian, **noise),
            vectorized=True,
            log_likelihood=partial(gaussian_log_likelihood, **noise),
        )


class ConjugateGaussian(_GaussianLikelihood):
    """Gaussian mean under its conjugate prior: posterior and evidence in closed form.

    The model, in any number of dimensions, is

    - ``theta ~ N(0, prior_variance * I)``
    - ``X | theta ~ N(theta + shift, noise_variance * I)``

    so that the posterior is Gaussian with variance ``v = 1 / (1 / prior_variance + 1 / noise_variance)`` and mean
    ``v * (X - shift) / noise_variance``, and the evidence is the density of
    ``N(shift, (prior_variance + noise_variance) * I)``.

    Parameters
    ----------
    n_parameters : int, default=2
        Number of means; a data set has as many features.
    shift : float, default=0.0
        Added to every mean before the noise.
    noise_variance : float, default=0.3
        Variance of the observation noise.
    prior_variance : float, default=1.0
        Variance of the prior.

    Attributes
    ----------
    n_features : int
        Number of columns of `X`, equal to `n_parameters`.

    References
    ----------
    .. [1] Gelman, Carlin, Stern, Dunson, Vehtari, Rubin (2013). Bayesian Data Analysis, 3rd edition, section 2.5.

    Examples
    --------
    >>> from skabi.datasets import ConjugateGaussian
    >>> simulator = ConjugateGaussian(noise_variance=1.0)
    >>> simulator.posterior_mean([[1.0, -2.0]])
    array([[ 0.5, -1. ]])
    >>> simulator.sample_posterior([[1.0, -2.0]], n_draws=100, random_state=0).shape
    (1, 100, 2)
    """

    def __init__(self, n_parameters=2, *, shift=0.0, noise_variance=0.3, prior_variance=1.0):
        n_parameters = check_count(n_parameters, "n_parameters")
        self.prior_variance = check_real(prior_variance, "prior_variance", low=0.0)
        prior = IndependentPrior({"theta": stats.norm(np.zeros(n_parameters), np.sqrt(self.prior_variance))})
        super().__init__(prior, n_parameters=n_parameters, shift=shift, noise_variance=noise_variance)

    def _posterior_variance(self):
        return 1.0 / (1.0 / self.prior_variance + 1.0 / self.noise_variance)

    def posterior_mean(self, X):
        """Exact posterior means, `(n_datasets, n_parameters)`."""
        X = check_data_sets(X, self.n_features)
        return self._posterior_variance() * (X - self.shift) / self.noise_variance

    def posterior_std(self, X):
        """Exact posterior standard deviations, `(n_datasets, n_parameters)`; the same for every data set."""
        X = check_data_sets(X, self.n_features)
        return np.full(X.shape, np.sqrt(self._posterior_variance()))

    def log_evidence(self, X):
        """Exact log marginal likelihood of each data set.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_features)
            Data sets.

        Returns
        -------
        log_evidence : ndarray of shape (n_datasets,)
            `log p(X)`.
        """
        X = check_data_sets(X, self.n_features)
        return stats.norm.logpdf(X, self.shift, np.sqrt(self.prior_variance + self.noise_variance)).sum(axis=-1)

    def sample_posterior(self, X, n_draws=1000, *, random_state=None):
        """Independent draws from the exact posterior.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_features)
            Data sets.
        n_draws : int, default=1000
            Draws for each data set.
        random_state : int, Generator, RandomState or None, default=None
            Source of randomness.

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_draws, n_parameters)
            Posterior draws.
        """
        mean = self.posterior_mean(X)[:, np.newaxis]
        n_draws = check_count(n_draws, "n_draws")
        (rng,) = generators(random_state, 1)
        noise = rng.standard_normal((mean.shape[0], n_draws, self.n_parameters))
        return mean + np.sqrt(self._posterior_variance()) * noise


class TruncatedGaussian(_GaussianLikelihood):
    """Gaussian mean under a box prior: the posterior is a product of truncated Gaussians.

    The model, in any number of dimensions, is

    - ``theta_j ~ Uniform(low, high)``, independently
    - ``X | theta ~ N(theta + shift, noise_variance * I)``

    so that each ``theta_j`` given ``X`` is ``N(X_j - shift, noise_variance)`` cut to ``[low, high]``. Data sets near
    the edges of the box show whether an approximation leaks out of the prior's support [1]_.

    Parameters
    ----------
    n_parameters : int, default=2
        Number of means; a data set has as many features.
    low : float, default=-2.0
        Lower end of the prior, the same for every parameter.
    high : float, default=2.0
        Upper end of the prior.
    shift : float, default=0.0
        Added to every mean before the noise.
    noise_variance : float, default=0.3
        Variance of the observation noise.

    Attributes
    ----------
    n_features : int
        Number of columns of `X`, equal to `n_parameters`.

    References
    ----------
    .. [1] Greenberg, Nonnenmacher, Macke (2019). Automatic posterior transformation for likelihood-free inference.
       arXiv 1905.07488.

    Examples
    --------
    >>> from skabi.datasets import TruncatedGaussian
    >>> simulator = TruncatedGaussian(low=0.0, high=1.0)
    >>> draws = simulator.sample_posterior([[3.0, -3.0]], n_draws=100, random_state=0)
    >>> bool(((draws >= 0) & (draws <= 1)).all())
    True
    """

    def __init__(self, n_parameters=2, *, low=-2.0, high=2.0, shift=0.0, noise_variance=0.3):
        n_parameters = check_count(n_parameters, "n_parameters")
        self.low = check_real(low, "low")
        self.high = check_real(high, "high", low=self.low)
        prior = IndependentPrior({"theta": stats.uniform(np.full(n_parameters, self.low), self.high - self.low)})
        super().__init__(prior, n_parameters=n_parameters, shift=shift, noise_variance=noise_variance)

    def _marginals(self, X):
        X = check_data_sets(X, self.n_features)
        return truncated_normal(X - self.shift, np.sqrt(self.noise_variance), low=self.low, high=self.high)

    def posterior_mean(self, X):
        """Exact posterior means, `(n_datasets, n_parameters)`."""
        return self._marginals(X).mean()

    def posterior_std(self, X):
        """Exact posterior standard deviations, `(n_datasets, n_parameters)`."""
        return self._marginals(X).std()

    def log_evidence(self, X):
        """Exact log marginal likelihood of each data set.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_features)
            Data sets.

        Returns
        -------
        log_evidence : ndarray of shape (n_datasets,)
            `log p(X)`.
        """
        X = check_data_sets(X, self.n_features)
        mass = log_mass(X - self.shift, np.sqrt(self.noise_variance), low=self.low, high=self.high)
        return (mass - np.log(self.high - self.low)).sum(axis=-1)

    def sample_posterior(self, X, n_draws=1000, *, random_state=None):
        """Independent draws from the exact posterior; none lies outside the box.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_features)
            Data sets.
        n_draws : int, default=1000
            Draws for each data set.
        random_state : int, Generator, RandomState or None, default=None
            Source of randomness.

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_draws, n_parameters)
            Posterior draws.
        """
        X = check_data_sets(X, self.n_features)
        n_draws = check_count(n_draws, "n_draws")
        (rng,) = generators(random_state, 1)
        sd = np.sqrt(self.noise_variance)
        return sample_truncated_normal(X - self.shift, sd, low=self.low, high=self.high, n_draws=n_draws, rng=rng)
