"""Two Gaussians with a common mean and very different widths."""

import numpy as np
from scipy import stats

from skabi._params import check_count
from skabi._random import generators
from skabi.datasets._exact import ExactSimulator, check_data_sets
from skabi.datasets._truncated_normal import log_mass, sample_truncated_normal
from skabi.priors import IndependentPrior

BOUND = 10.0
WIDE, NARROW = 1.0, 0.1


def simulate_mixture(theta, rng):
    """One point from an even mixture of the wide and the narrow Gaussian about each mean, `(n_datasets, 2)`."""
    sd = np.where(rng.random((len(theta), 1)) < 0.5, WIDE, NARROW)
    return theta + sd * rng.standard_normal(theta.shape)


def mixture_log_likelihood(X, theta):
    """Log density of the mixture, `(n_datasets,)`."""
    wide, narrow = (stats.norm.logpdf(X, theta, sd).sum(axis=-1) for sd in (WIDE, NARROW))
    return np.logaddexp(wide, narrow) - np.log(2.0)


def _log_masses(X):
    """Log mass that each component, seen from the data, puts into the box: two arrays `(n_datasets,)`."""
    return [log_mass(X, sd, low=-BOUND, high=BOUND).sum(axis=-1) for sd in (WIDE, NARROW)]


class GaussianMixture(ExactSimulator):
    """Gaussian mixture task of the SBI benchmark [1]_, [2]_: a narrow peak on a broad base.

    The model is

    - ``theta ~ Uniform(-10, 10)`` for each of two parameters
    - ``X | theta ~ 0.5 * N(theta, I) + 0.5 * N(theta, 0.1**2 * I)``, `X` of shape `(n_datasets, 2)`

    so that the posterior is the same mixture about `X`, cut to the box and with weights in proportion to the mass that
    the box leaves to each component.

    Attributes
    ----------
    n_features : int
        Number of columns of `X`, 2.

    References
    ----------
    .. [1] Lueckmann, Boelts, Greenberg, Gonçalves, Macke (2021). Benchmarking simulation-based inference.
       arXiv 2101.04653.
    .. [2] Sisson, Fan, Tanaka (2007). Sequential Monte Carlo without likelihoods. Proceedings of the National Academy
       of Sciences 104(6), 1760-1765.

    Examples
    --------
    >>> from skabi.datasets import GaussianMixture
    >>> simulator = GaussianMixture()
    >>> X, y = simulator.sample(5, random_state=0)
    >>> simulator.sample_posterior(X, n_draws=7, random_state=0).shape
    (5, 7, 2)
    """

    def __init__(self):
        self.n_features = 2
        prior = IndependentPrior({"theta": stats.uniform(np.full(2, -BOUND), 2 * BOUND)})
        super().__init__(prior, simulate_mixture, vectorized=True, log_likelihood=mixture_log_likelihood)

    def log_evidence(self, X):
        """Exact log marginal likelihood of each data set.

        Parameters
        ----------
        X : array-like of shape (n_datasets, 2)
            Data sets.

        Returns
        -------
        log_evidence : ndarray of shape (n_datasets,)
            `log p(X)`.
        """
        wide, narrow = _log_masses(check_data_sets(X, self.n_features))
        return np.logaddexp(wide, narrow) - np.log(2.0) - 2 * np.log(2 * BOUND)

    def sample_posterior(self, X, n_draws=1000, *, random_state=None):
        """Independent draws from the exact posterior; none lies outside the box.

        Parameters
        ----------
        X : array-like of shape (n_datasets, 2)
            Data sets.
        n_draws : int, default=1000
            Draws for each data set.
        random_state : int, Generator, RandomState or None, default=None
            Source of randomness.

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_draws, 2)
            Posterior draws.
        """
        X = check_data_sets(X, self.n_features)
        n_draws = check_count(n_draws, "n_draws")
        (rng,) = generators(random_state, 1)
        wide, narrow = _log_masses(X)
        wide_share = np.exp(wide - np.logaddexp(wide, narrow))
        is_wide = rng.random((len(X), n_draws)) < wide_share[:, np.newaxis]
        sd = np.where(is_wide, WIDE, NARROW)[:, :, np.newaxis]
        return sample_truncated_normal(X, sd, low=-BOUND, high=BOUND, n_draws=n_draws, rng=rng)
