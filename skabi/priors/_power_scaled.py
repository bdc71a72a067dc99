"""Priors to a power: wider or narrower beliefs of the same kind."""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from skabi._params import check_real
from skabi.priors._base import BasePrior
from skabi.priors._bijections import MultivariateNormalBijection, bijection_of
from skabi.priors._chained import ChainedPrior, _is_function
from skabi.priors._independent import IndependentPrior
from skabi.priors._powers import powered

# Rows of earlier parameters for which conditional distributions are tried.
_N_TRIED = 1000


def power_scaled(prior, alphas):
    """Return a prior whose densities are those of another to a power [1]_.

    A power below one says that the prior is believed less: it is wider. A power above one makes it narrower. Powers of
    a `ChainedPrior` are of the distribution of each entry given those before it.

    Of normal, half-normal, truncated normal, log-normal, gamma, inverse gamma, exponential, Laplace, beta, uniform,
    Student's t and multivariate normal distributions the result is of the same family, in closed form; others are
    inverted numerically on a grid, without Monte Carlo error. Densities are those of the parameter itself: a log-normal
    becomes wider on the log scale, and its median moves, because the factor 1/y in its density is raised with it.

    Parameters
    ----------
    prior : IndependentPrior or ChainedPrior
    alphas : float or dict of str to float
        The power of all entries, or of some by name; others stay as they are.

    Returns
    -------
    prior : IndependentPrior or ChainedPrior

    Raises
    ------
    TypeError
        If the prior is of another class.
    ValueError
        If a power is not positive, of an entry that is not there, or leaves a density without a finite integral.

    References
    ----------
    .. [1] N. Kallioinen, T. Paananen, P.-C. Bürkner, A. Vehtari (2024). Detecting and diagnosing prior and likelihood
       sensitivity with power-scaling. Statistics and Computing 34. arXiv 2107.14054.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi.priors import IndependentPrior, power_scaled
    >>> prior = IndependentPrior({"rate": stats.gamma(3.0), "effect": stats.norm()})
    >>> power_scaled(prior, {"rate": 0.5, "effect": 4.0})
    IndependentPrior({'rate': gamma(2., loc=0, scale=2.), 'effect': norm(loc=0, scale=0.5)})
    """
    _check_has_entries(prior)
    alphas = _check_alphas(alphas, prior.entry_names)
    scaled: dict[str, Any] = {}
    for name, distribution in prior.distributions.items():
        alpha = alphas.get(name, 1.0)
        if alpha == 1.0:
            scaled[name] = distribution
        elif _is_function(distribution):
            scaled[name] = PoweredFunction(distribution, alpha, name=name)
        else:
            scaled[name] = powered(distribution, alpha, name=name)
    return type(prior)(scaled)


class PoweredFunction:
    """A function of earlier parameters whose distributions are raised to a power."""

    def __init__(self, function, alpha, *, name):
        self.function = function
        self.alpha = alpha
        self.name = name

    def __eq__(self, other):
        return isinstance(other, PoweredFunction) and vars(self) == vars(other)

    def __hash__(self):
        return hash((self.function, self.alpha, self.name))

    @property
    def __signature__(self):
        return inspect.signature(self.function)

    def __call__(self, **earlier):
        return powered(self.function(**earlier), self.alpha, name=self.name)


class RowsPowerScaled(BasePrior):
    """A prior with powers of its own for each of n rows, for n rows alone.

    Parameters
    ----------
    prior : IndependentPrior or ChainedPrior
    alphas : dict of str to ndarray of shape (n,)
        By entry; others stay as they are.
    """

    def __init__(self, prior, alphas):
        _check_has_entries(prior)
        self.prior = prior
        self.alphas = alphas
        self._sizes, self._columns = prior._sizes, prior._columns

    def _distribution(self, name, earlier):
        distribution = self.prior._distribution(name, earlier)
        if name not in self.alphas:
            return distribution
        alpha = self.alphas[name] if self._sizes[name] is None else self.alphas[name][:, np.newaxis]
        return powered(distribution, alpha, name=name)

    def _bijections(self, entries):
        earlier: dict[str, np.ndarray] = {}
        for name in self._sizes:
            distribution = self.prior._distribution(name, earlier)
            if isinstance(distribution, stats._multivariate.multivariate_normal_frozen) and name in self.alphas:
                yield name, _RowsNormal(distribution, self.alphas[name][:, np.newaxis], name=name)
            else:
                yield name, bijection_of(self._distribution(name, earlier), name=name)
            earlier[name] = entries[name]


class _RowsNormal:
    """The bijection of a multivariate normal to a power of its own for each row."""

    def __init__(self, distribution, alpha, *, name):
        self.base = MultivariateNormalBijection(distribution, name=name)
        self.alpha = alpha
        self.distribution = self

    @property
    def cov(self):
        """Covariance of the unscaled distribution."""
        return self.base.distribution.cov

    def rvs(self, size=None, random_state=None):
        """Return random draws, one a row."""
        return self.from_real(random_state.standard_normal((len(self.alpha), len(self.base.cholesky))))

    def to_real(self, y):
        """Return `(u, log |du/dy|)`."""
        u, log_det = self.base.to_real(y)
        return u * np.sqrt(self.alpha), log_det + 0.5 * np.log(self.alpha)

    def from_real(self, u):
        """Return the inverse."""
        return self.base.from_real(u / np.sqrt(self.alpha))

    def log_density(self, y):
        """Return terms that sum over the columns to the log density."""
        u, log_det = self.to_real(y)
        return -0.5 * u**2 - 0.5 * np.log(2 * np.pi) + log_det


def check_powers(prior, ranges):
    """Raise unless the prior is proper at both ends of the `ranges` of powers, a dict of entry to `(low, high)`.

    It is then proper between them, as integrals of powers are convex on the log scale (Hölder).
    """
    for end in (0, 1):
        prior_at_end = RowsPowerScaled(prior, {name: np.full(_N_TRIED, both[end]) for name, both in ranges.items()})
        prior_at_end.sample(_N_TRIED, random_state=np.random.default_rng(0))


def _check_has_entries(prior):
    if not isinstance(prior, (IndependentPrior, ChainedPrior)):
        raise TypeError(
            f"prior must be an IndependentPrior or a ChainedPrior, whose entries have densities of their own; got "
            f"{type(prior).__name__}."
        )


def _check_alphas(alphas, names):
    """Return powers by entry."""
    if not isinstance(alphas, Mapping):
        alphas = dict.fromkeys(names, alphas)
    unknown = [name for name in alphas if name not in names]
    if unknown:
        raise ValueError(f"alphas are for the entries {names} of the prior; got {unknown}.")
    return {name: check_real(alpha, f"alphas[{name!r}]", low=0.0) for name, alpha in alphas.items()}
