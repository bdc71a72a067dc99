"""Distributions of model probabilities over replications, with what simulations leave unknown of their parameters."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize, special, stats
from sklearn.base import BaseEstimator

from skabi._params import check_real
from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError

# How far from one probabilities may sum by rounding.
_ROUNDING = 1e-4
# The prior of a mean of log ratios says as much as this share of one data set.
_PRIOR_WEIGHT = 0.01
# The prior mean of a concentration.
_PRIOR_CONCENTRATION = 100.0
_DEGREES = 5
_N_PROPOSALS, _N_KEPT, _N_MATCHING = 8000, 2000, 20_000
# Rows whose densities are averaged over concentrations together.
_BLOCK = 500


def check_probabilities(proba, *, n_models=None, name="proba") -> np.ndarray:
    """Return model probabilities `(..., n_models)` as float64."""
    proba = as_float_array(proba, name=name)
    if proba.ndim < 2 or 0 in proba.shape or proba.shape[-1] < 2 or n_models not in (None, proba.shape[-1]):
        wanted = n_models or "n_models"
        raise ShapeError(f"{name} must have shape (n_datasets, {wanted}), of at least two models; got {proba.shape}.")
    if (proba < 0).any() or (np.abs(proba.sum(axis=-1) - 1) > _ROUNDING).any():
        raise ValueError(f"{name} must not be negative, and must sum to one for each data set.")
    return proba


class LogisticNormal(BaseEstimator):
    """Log ratios of model probabilities are Gaussian, with a conjugate posterior of their mean and covariance [1]_.

    The coordinates are isometric log ratios [2]_, `log(p) @ H.T` with the Helmert matrix H of shape (n_models - 1,
    n_models). Their mean and covariance have a normal-inverse-Wishart posterior, drawn from exactly; its prior counts
    as a hundredth of a data set for the mean, which it expects at equal probabilities, and has n_models degrees of
    freedom and the identity for the covariance.

    Probabilities of a model that is nearly certain are not logistic normal, and Gaussian log ratios then get the mean
    *probability* wrong: by up to 0.06 with three polynomial regressions of 100 observations
    (``python benchmarks/meta_uncertainty.py``). Therefore the mean of the log ratios is moved until the mean
    probability is that of the simulations; the move exists, is unique, and is the minimum of a convex function.

    Parameters
    ----------
    epsilon : float, default=1e-3
        Probabilities are clipped to `[epsilon, 1 - epsilon]` and divided by their sum.
    match_mean : bool, default=True
        Whether the mean of the log ratios is moved. Without, the distribution is [1]_'s.

    References
    ----------
    .. [1] M. Schmitt, S. Radev, P.-C. Bürkner (2023). Meta-uncertainty in Bayesian model comparison. AISTATS 2023.
       arXiv 2210.07278.
    .. [2] J. Egozcue, V. Pawlowsky-Glahn, G. Mateu-Figueras, C. Barceló-Vidal (2003). Isometric logratio
       transformations for compositional data analysis. Mathematical Geology 35(3).

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.model_selection import LogisticNormal
    >>> rng = np.random.default_rng(0)
    >>> proba = rng.dirichlet([4.0, 2.0, 1.0], size=500)
    >>> posterior = LogisticNormal().posterior(proba, rng)
    >>> posterior.sample(10_000, rng).mean(axis=0).round(1)
    array([0.6, 0.3, 0.1])
    """

    def __init__(self, epsilon=1e-3, *, match_mean=True):
        self.epsilon = epsilon
        self.match_mean = match_mean

    def posterior(self, proba, rng):
        """Return a `LogisticNormalPosterior`, given model probabilities of data sets.

        Parameters
        ----------
        proba : array-like of shape (n_datasets, n_models)
        rng : numpy.random.Generator

        Returns
        -------
        posterior : LogisticNormalPosterior
            With `sample_parameters`, `sample` and `log_prob`.
        """
        proba = _clip(check_probabilities(proba), self.epsilon)
        z = _log_ratios(proba)
        n, dim = z.shape
        mean, weight = z.mean(axis=0), n + _PRIOR_WEIGHT
        scatter = np.eye(dim) + (z - mean).T @ (z - mean) + _PRIOR_WEIGHT * n / weight * np.outer(mean, mean)
        posterior = LogisticNormalPosterior(n / weight * mean, scatter, weight, n + dim + 1)
        if not self.match_mean:
            return posterior
        shift = _shift_to(proba.mean(axis=0), posterior.sample(_N_MATCHING, rng))
        return LogisticNormalPosterior(posterior.location + shift, scatter, weight, n + dim + 1)


@dataclass(frozen=True)
class LogisticNormalPosterior:
    """Logistic normal distributions of model probabilities whose mean and covariance are uncertain.

    Attributes
    ----------
    location : ndarray of shape (n_models - 1,)
        Posterior mean of the mean of the isometric log ratios.
    scatter : ndarray of shape (n_models - 1, n_models - 1)
        Of the inverse Wishart distribution of their covariance.
    weight : float
        Of the mean: given the covariance, it has that covariance divided by `weight`.
    degrees : int
        Degrees of freedom of the inverse Wishart distribution.
    """

    location: np.ndarray
    scatter: np.ndarray
    weight: float
    degrees: int

    def sample_parameters(self, n_draws, rng):
        """Return draws of mean `(n_draws, n_models - 1)` and covariance `(n_draws, n_models - 1, n_models - 1)`."""
        mean, factor = self._means_and_factors(n_draws, rng)
        return mean, factor @ factor.swapaxes(1, 2)

    def sample(self, n_draws, rng):
        """Return model probabilities `(n_draws, n_models)`, each with a posterior draw of the parameters."""
        mean, factor = self._means_and_factors(n_draws, rng)
        return _probabilities(mean + _times(factor, rng.standard_normal(mean.shape)))

    def log_prob(self, proba):
        """Return the log density `(...)` of `proba`, `(..., n_models)`, parameters integrated out."""
        dim = len(self.location)
        degrees = self.degrees - dim + 1
        shape = self.scatter * (self.weight + 1) / (self.weight * degrees)
        with np.errstate(divide="ignore"):
            log_proba = np.log(proba)
        is_inside = np.isfinite(log_proba).all(axis=-1)
        z = np.where(is_inside[..., np.newaxis], log_proba, 0.0) @ linalg.helmert(dim + 1).T
        log_density = stats.multivariate_t(self.location, shape, degrees).logpdf(z)
        log_jacobian = -log_proba.sum(axis=-1) - 0.5 * np.log(dim + 1)
        return np.where(is_inside, log_density + log_jacobian, -np.inf)

    def _means_and_factors(self, n_draws, rng):
        """Return draws of the mean, and of a square root of the covariance."""
        dim = len(self.location)
        # Bartlett's decomposition of a Wishart matrix, the inverse of the covariance.
        bartlett = np.tril(rng.standard_normal((n_draws, dim, dim)), -1)
        bartlett[:, range(dim), range(dim)] = np.sqrt(rng.chisquare(self.degrees - np.arange(dim), (n_draws, dim)))
        factor = np.linalg.inv(np.linalg.cholesky(np.linalg.inv(self.scatter)) @ bartlett).swapaxes(1, 2)
        noise = _times(factor, rng.standard_normal((n_draws, dim)))
        return self.location + noise / np.sqrt(self.weight), factor


class Dirichlet(BaseEstimator):
    """Model probabilities have a Dirichlet distribution, whose concentrations are uncertain.

    Concentrations have exponential priors of mean 100. Their posterior is drawn from by importance resampling from a
    Student's t distribution at the mode, in logarithms.

    It has one parameter a model, where `LogisticNormal` has `(n_models - 1) * (n_models + 2) / 2`, and no room for
    models whose probabilities rise together. Its mean probability need not be that of the simulations: on the
    regressions of ``python benchmarks/meta_uncertainty.py`` it misses it by up to 0.06.

    Parameters
    ----------
    epsilon : float, default=1e-3
        Probabilities are clipped to `[epsilon, 1 - epsilon]` and divided by their sum.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.model_selection import Dirichlet
    >>> rng = np.random.default_rng(0)
    >>> proba = rng.dirichlet([4.0, 2.0, 1.0], size=500)
    >>> Dirichlet().posterior(proba, rng).concentration.mean(axis=0).round()
    array([4., 2., 1.])
    """

    def __init__(self, epsilon=1e-3):
        self.epsilon = epsilon

    def posterior(self, proba, rng):
        """Return a `DirichletPosterior`, given model probabilities of data sets.

        Parameters
        ----------
        proba : array-like of shape (n_datasets, n_models)
        rng : numpy.random.Generator

        Returns
        -------
        posterior : DirichletPosterior
            With `sample_parameters`, `sample` and `log_prob`.
        """
        proba = _clip(check_probabilities(proba), self.epsilon)
        n, sums = len(proba), np.log(proba).sum(axis=0)
        start = np.log(np.maximum(proba.mean(axis=0) * proba.shape[1], 0.05))
        # scipy-stubs know no method with a Hessian.
        mode = optimize.minimize(  # type: ignore[call-overload]
            lambda a: -_log_posterior(a, n, sums),
            start,
            jac=lambda a: -_gradient(a, n, sums),
            hess=lambda a: -_hessian(a, n, sums),
            method="trust-exact",
        ).x
        proposal = stats.multivariate_t(mode, np.linalg.inv(-_hessian(mode, n, sums)), _DEGREES)
        log_concentration = proposal.rvs(_N_PROPOSALS, random_state=rng)
        log_weight = _log_posterior(log_concentration, n, sums) - proposal.logpdf(log_concentration)
        kept = rng.choice(_N_PROPOSALS, size=_N_KEPT, p=special.softmax(log_weight))
        return DirichletPosterior(np.exp(log_concentration[kept]))


@dataclass(frozen=True)
class DirichletPosterior:
    """Dirichlet distributions of model probabilities whose concentrations are uncertain.

    Attributes
    ----------
    concentration : ndarray of shape (n_kept, n_models)
        Posterior draws.
    """

    concentration: np.ndarray

    def sample_parameters(self, n_draws, rng):
        """Return draws of the concentrations, `(n_draws, n_models)`."""
        return self.concentration[rng.integers(len(self.concentration), size=n_draws)]

    def sample(self, n_draws, rng):
        """Return model probabilities `(n_draws, n_models)`, each with a posterior draw of the concentrations."""
        gamma = rng.standard_gamma(self.sample_parameters(n_draws, rng))
        return gamma / gamma.sum(axis=1, keepdims=True)

    def log_prob(self, proba):
        """Return the log density `(...)` of `proba`, `(..., n_models)`, concentrations integrated out."""
        proba = np.asarray(proba)
        log_proba = np.log(np.maximum(proba, np.finfo(float).tiny)).reshape(-1, proba.shape[-1])
        log_constant = special.gammaln(self.concentration.sum(axis=1)) - special.gammaln(self.concentration).sum(axis=1)
        parts = np.array_split(log_proba, -(-len(log_proba) // _BLOCK) or 1)
        sums = [special.logsumexp(part @ (self.concentration - 1).T + log_constant, axis=1) for part in parts]
        return np.concatenate(sums).reshape(proba.shape[:-1]) - np.log(len(self.concentration))


def _clip(proba, epsilon):
    epsilon = check_real(epsilon, "epsilon", low=0.0, high=1 / proba.shape[-1])
    clipped = np.clip(proba, epsilon, 1 - epsilon)
    return clipped / clipped.sum(axis=-1, keepdims=True)


def _log_ratios(proba):
    return np.log(proba) @ linalg.helmert(proba.shape[-1]).T


def _probabilities(z):
    return special.softmax(z @ linalg.helmert(z.shape[-1] + 1), axis=-1)


def _times(matrices, vectors):
    return (matrices @ vectors[..., np.newaxis])[..., 0]


def _shift_to(mean, proba):
    """Return how log ratios of `proba`, `(n_draws, n_models)`, must move for the mean probability to be `mean`."""
    basis, log_proba = linalg.helmert(len(mean)), np.log(np.maximum(proba, np.finfo(float).tiny))

    def excess(shift):
        """Return a convex function whose gradient is zero where the means agree, and that gradient."""
        moved = log_proba + shift @ basis
        log_sum = special.logsumexp(moved, axis=1, keepdims=True)
        gap = np.exp(moved - log_sum).mean(axis=0) - mean
        return log_sum.mean() - shift @ basis @ mean, basis @ gap

    return optimize.minimize(excess, np.zeros(len(basis)), jac=True, method="BFGS").x


def _log_posterior(a, n, sums):
    """Return the log posterior density `(...)` of log concentrations `a`, `(..., n_models)`, up to a constant.

    `sums` are those of log probabilities over `n` data sets. The density is that of `a`, hence the Jacobian.
    """
    alpha = np.exp(a)
    log_constant = special.gammaln(alpha.sum(axis=-1)) - special.gammaln(alpha).sum(axis=-1)
    return n * log_constant + (alpha - 1) @ sums + (a - alpha / _PRIOR_CONCENTRATION).sum(axis=-1)


def _slope(alpha, n, sums):
    """Return the derivative of the log posterior by each concentration, but for the Jacobian."""
    return n * (special.digamma(alpha.sum()) - special.digamma(alpha)) + sums - 1 / _PRIOR_CONCENTRATION


def _gradient(a, n, sums):
    alpha = np.exp(a)
    return alpha * _slope(alpha, n, sums) + 1


def _hessian(a, n, sums):
    alpha = np.exp(a)
    own = alpha * _slope(alpha, n, sums) - n * alpha**2 * special.polygamma(1, alpha)
    return np.diag(own) + n * special.polygamma(1, alpha.sum()) * np.outer(alpha, alpha)
