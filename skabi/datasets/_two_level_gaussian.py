"""Groups whose means scatter: a Gaussian model with two levels."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from skabi._params import check_count, check_real
from skabi._random import generators
from skabi._shapes import as_float_array
from skabi.datasets._grid import GridSimulator
from skabi.exceptions import ShapeError
from skabi.priors import IndependentPrior

# Scales of the half-normal prior, and standard deviations of the logarithm, that the grid reaches.
_REACH, _LOG_REACH = 8.0, 8.0


def simulate_two_level_gaussian(between, within, mean, rng, *, n_groups, n_observations):
    """Return groups of observations, `(n_datasets, n_groups, n_observations, 1)`."""
    effects = mean[:, np.newaxis] + between[:, np.newaxis] * rng.standard_normal((len(mean), n_groups))
    noise = rng.standard_normal((len(mean), n_groups, n_observations))
    return (effects[..., np.newaxis] + within[:, np.newaxis, np.newaxis] * noise)[..., np.newaxis]


def simulate_gaussian_groups(effect, within, rng, n_observations):
    """Return the observations of each group, a list of arrays `(n_observations, 1)`."""
    owners = np.repeat(np.arange(len(effect)), n_observations)
    values = effect[owners] + within[owners] * rng.standard_normal(len(owners))
    return np.split(values[:, np.newaxis], np.cumsum(n_observations)[:-1])


@dataclass(frozen=True)
class _EffectGivenLevels:
    """What is believed of the mean of a group."""

    def __call__(self, mean, between):
        return stats.norm(mean, between)


@dataclass(frozen=True)
class _Groups:
    """What the posterior depends on; groups that are not there have no observations.

    Attributes
    ----------
    sizes : ndarray of shape (n_datasets, n_groups)
    averages : ndarray of shape (n_datasets, n_groups)
    squares : ndarray of shape (n_datasets,)
        Sums of squared distances from the average of the group.
    """

    sizes: np.ndarray
    averages: np.ndarray
    squares: np.ndarray

    def __len__(self):
        return len(self.sizes)


def _groups(X):
    """Return data sets, an array or a list with one array of one column for each group, as `_Groups`."""
    if isinstance(X, _Groups):
        return X
    if not len(X):
        raise ShapeError("X must have at least one data set; got none.")
    n_groups = [len(groups) for groups in X]
    shape = len(X), max(n_groups)
    sizes, averages, squares = np.zeros(shape), np.zeros(shape), np.zeros(len(X))
    for i, groups in enumerate(X):
        for j, group in enumerate(groups):
            values = as_float_array(group, name=f"X[{i}][{j}]")
            if values.ndim != 2 or values.shape[1] != 1 or not len(values):
                raise ShapeError(
                    "X must have shape (n_datasets, n_groups, n_observations, 1), or be a list of lists of arrays "
                    f"(n_observations, 1), with an observation in each group; got {values.shape} (data set {i}). For "
                    "one data set pass X[np.newaxis]."
                )
            sizes[i, j], averages[i, j] = len(values), values.mean()
            squares[i] += ((values - averages[i, j]) ** 2).sum()
    if not min(n_groups):
        raise ShapeError(f"every data set needs a group; data set {int(np.argmin(n_groups))} has none.")
    return _Groups(sizes, averages, squares)


def two_level_gaussian_log_likelihood(X, between, within, mean):
    """Log density of data sets given the upper level, `(n_datasets,)`: effects of groups are integrated out."""
    data = _groups(X)
    within, there = within[:, np.newaxis], data.sizes > 0
    sizes = np.where(there, data.sizes, 1.0)
    variance = between[:, np.newaxis] ** 2 + within**2 / sizes
    terms = np.log(variance) + (data.averages - mean[:, np.newaxis]) ** 2 / variance
    terms += (sizes - 1) * np.log(2 * np.pi * within**2) + np.log(2 * np.pi * sizes)
    return -0.5 * (np.where(there, terms, 0.0).sum(axis=1) + data.squares / within[:, 0] ** 2)


class TwoLevelGaussian(GridSimulator):
    """Groups whose means scatter around a common one, with observations that scatter within groups [1]_.

    The model of J groups of n_j numbers is

    - ``between ~ HalfNormal(between_scale)``, ``log(within) ~ N(0, log_within_scale**2)``
    - ``mean ~ N(0, mean_scale**2)``
    - ``effect_j ~ N(mean, between**2)`` for each group
    - ``X_ji ~ N(effect_j, within**2)`` for each observation in it

    Parameters, and the posterior, are those of the upper level; `sample_groups` has the exact posterior of the lower
    one. Given both standard deviations all of it is Gaussian in closed form, and these are two: their posterior is
    computed on a fine grid. Data sets asked about may have any number of groups, of any sizes.

    `skabi.hierarchical.HierarchicalSimulator(problem.prior, problem.group_prior, problem.simulate_groups,
    vectorized=True, n_groups=..., n_observations=...)` is the model with both levels, for any sizes.

    Parameters
    ----------
    n_groups : int, default=8
    n_observations : int, default=5
        Of each group.
    mean_scale : float, default=2.0
    between_scale : float, default=1.0
    log_within_scale : float, default=0.5

    Attributes
    ----------
    group_prior : dict of str to callable
        What effects are given the upper level.
    simulate_groups : callable
        `simulate_groups(effect, within, rng, n_observations)` returns the observations of many groups.

    References
    ----------
    .. [1] A. Gelman, J. Carlin, H. Stern, D. Dunson, A. Vehtari, D. Rubin (2013). Bayesian Data Analysis, third
       edition, chapter 5. CRC Press.

    Examples
    --------
    >>> from skabi.datasets import TwoLevelGaussian
    >>> problem = TwoLevelGaussian()
    >>> X, y = problem.sample(5, random_state=0)
    >>> X.shape, list(y.columns)
    ((5, 8, 5, 1), ['between', 'within', 'mean'])
    >>> hyper = problem.sample_posterior(X, n_draws=100, random_state=0)
    >>> effects = problem.sample_groups(X, hyper, random_state=0)
    >>> hyper.shape, effects[0].shape
    ((5, 100, 3), (100, 8, 1))
    """

    def __init__(self, n_groups=8, n_observations=5, *, mean_scale=2.0, between_scale=1.0, log_within_scale=0.5):
        self.n_features = 1
        self.mean_scale = check_real(mean_scale, "mean_scale", low=0.0)
        self.between_scale = check_real(between_scale, "between_scale", low=0.0)
        self.log_within_scale = check_real(log_within_scale, "log_within_scale", low=0.0)
        self.group_prior = {"effect": _EffectGivenLevels()}
        self.simulate_groups = simulate_gaussian_groups
        reach = _LOG_REACH * self.log_within_scale
        self.box = np.array([[0.0, _REACH * self.between_scale], [-reach, reach]])
        prior = IndependentPrior(
            {
                "between": stats.halfnorm(scale=self.between_scale),
                "within": stats.lognorm(self.log_within_scale),
                "mean": stats.norm(0.0, self.mean_scale),
            }
        )
        sizes = {
            "n_groups": check_count(n_groups, "n_groups"),
            "n_observations": check_count(n_observations, "n_observations"),
        }
        simulate = partial(simulate_two_level_gaussian, **sizes)
        super().__init__(prior, simulate, vectorized=True, log_likelihood=two_level_gaussian_log_likelihood)
        self.n_groups, self.n_observations = n_groups, n_observations

    def _check(self, X):
        return _groups(X)

    def _statistics(self, X):
        return np.column_stack([X.sizes, X.averages, X.squares])

    def _log_joint(self, statistics, first, second):
        """Return the log joint density of data, `between` and `log(within)`: the mean is integrated out."""
        between, log_within = first[:, :, np.newaxis], second[:, np.newaxis, :]
        precision, location, log_joint = self._conditional(statistics, between, log_within)
        sizes, squares = statistics[:, : statistics.shape[1] // 2], statistics[:, -1, np.newaxis, np.newaxis]
        n_more = (sizes.sum(axis=1) - (sizes > 0).sum(axis=1))[:, np.newaxis, np.newaxis]
        log_sizes = np.log(np.where(sizes > 0, sizes, 1.0)).sum(axis=1)[:, np.newaxis, np.newaxis]
        log_joint = log_joint + 0.5 * location**2 * precision - 0.5 * np.log(self.mean_scale**2 * precision)
        log_joint -= 0.5 * (
            n_more * (np.log(2 * np.pi) + 2 * log_within) + log_sizes + squares * np.exp(-2 * log_within)
        )
        log_prior = stats.halfnorm(scale=self.between_scale).logpdf(between)
        return log_joint + log_prior + stats.norm(0.0, self.log_within_scale).logpdf(log_within)

    def _conditional(self, statistics, between, log_within):
        """Return precision and mean of `mean` given the rest, and the log density of averages without it."""
        n_groups = statistics.shape[1] // 2
        precision, weighted, log_density = (
            np.zeros(np.broadcast_shapes(between.shape, log_within.shape)) for _ in "123"
        )
        precision += 1 / self.mean_scale**2
        axes = (slice(None), *[np.newaxis] * (between.ndim - 1))
        for j in range(n_groups):
            size, average = statistics[:, j][axes], statistics[:, n_groups + j][axes]
            there = size > 0
            variance = between**2 + np.exp(2 * log_within) / np.where(there, size, 1.0)
            precision += there / variance
            weighted += average / variance
            log_density -= 0.5 * there * (np.log(2 * np.pi * variance) + average**2 / variance)
        return precision, weighted / precision, log_density

    def _parameters(self, coordinates):
        """Return coordinates as they are: the mean is drawn given them."""
        return coordinates

    def sample_posterior(self, X, n_draws=1000, *, random_state=None):
        """Independent draws from the exact posterior of the upper level.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_groups, n_observations, 1), or list of lists of arrays
            Data sets, of any sizes.
        n_draws : int, default=1000
            Draws for each data set.
        random_state : int, Generator, RandomState or None, default=None
            Source of randomness.

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_draws, 3)
            Posterior draws of between, within and mean.
        """
        X = self._check(X)
        first, second = generators(random_state, 2)
        points = super().sample_posterior(X, n_draws, random_state=first)
        between, log_within = points[..., 0], points[..., 1]
        precision, location, _ = self._conditional(self._statistics(X), between, log_within)
        mean = location + second.standard_normal(location.shape) / np.sqrt(precision)
        return np.stack([between, np.exp(log_within), mean], axis=-1)

    def sample_groups(self, X, hyper, *, random_state=None):
        """Independent draws from the exact posterior of the lower level, given draws of the upper one.

        Parameters
        ----------
        X : array-like of shape (n_datasets, n_groups, n_observations, 1), or list of lists of arrays
            Data sets, of any sizes.
        hyper : array-like of shape (n_datasets, n_draws, 3)
            Draws of between, within and mean.
        random_state : int, Generator, RandomState or None, default=None
            Source of randomness.

        Returns
        -------
        effects : list of ndarray of shape (n_draws, n_groups, 1)
            One array a data set.
        """
        X, draws = self._check(X), []
        (rng,) = generators(random_state, 1)
        for sizes, averages, part in zip(X.sizes, X.averages, np.asarray(hyper), strict=True):
            there = sizes > 0
            between, within, mean = (part[:, [column]] for column in range(3))
            of_data, of_prior = sizes[there] / within**2, 1 / between**2
            location = (of_data * averages[there] + of_prior * mean) / (of_data + of_prior)
            spread = 1 / np.sqrt(of_data + of_prior)
            draws.append((location + spread * rng.standard_normal(location.shape))[..., np.newaxis])
        return draws
