"""Bijections between the support of one distribution and the real line, each with its log-determinant.

Every distribution is mapped to standard normals by its own cumulative distribution function (Rosenblatt, 1952,
"Remarks on a multivariate transformation"). The map is free of units, its inverse cannot leave the support, and a
density on the real line with normal tails becomes one that behaves well at a finite edge.
"""

from collections.abc import Callable

import numpy as np
from scipy import special, stats

from skabi.exceptions import ShapeError

# Beyond 37.5 standard deviations the normal distribution function is zero in double precision.
_LARGEST = 37.5


def _uniform_quantile(u, loc, scale):
    # Each half from its own end, near which it is exact.
    tail = scale * special.ndtr(-np.abs(u))
    return np.where(u < 0, loc + tail, loc + scale - tail)


def _halfnorm_quantile(u, loc, scale):
    lower, upper = special.ndtr(u), special.ndtr(-u)
    return loc + scale * np.where(u < 0, np.sqrt(2) * special.erfinv(lower), -special.ndtri(upper / 2))


# Quantiles of families at standard normals, which are quicker than those of scipy; and their parameters.
_QUANTILES: dict[str, tuple[tuple[str, ...], Callable]] = {
    "norm": (("loc", "scale"), lambda u, loc, scale: loc + scale * u),
    "lognorm": (("s", "loc", "scale"), lambda u, s, loc, scale: loc + scale * np.exp(s * u)),
    "uniform": (("loc", "scale"), _uniform_quantile),
    "halfnorm": (("loc", "scale"), _halfnorm_quantile),
}


def standard_normal_log_density(u):
    """Return the log density of independent standard normals, elementwise."""
    return -0.5 * u**2 - 0.5 * np.log(2 * np.pi)


class UnivariateBijection:
    """Map of one or several independent scalars through `u = Phi^-1(F(y))`, each tail from its own side."""

    def __init__(self, distribution):
        self.distribution = distribution

    def to_real(self, y):
        """Return `(u, log |du/dy|)`, elementwise."""
        with np.errstate(divide="ignore", invalid="ignore"):
            log_lower, log_upper = self._log_tails(y)
            u = np.where(log_lower < log_upper, special.ndtri_exp(log_lower), -special.ndtri_exp(log_upper))
            u = np.clip(u, -_LARGEST, _LARGEST)
            return u, self.distribution.logpdf(y) - standard_normal_log_density(u)

    def from_real(self, u):
        """Return the inverse, strictly inside the support."""
        u = np.clip(u, -_LARGEST, _LARGEST)
        if self._family in _QUANTILES:
            with np.errstate(over="ignore"):
                return self._inside(_QUANTILES[self._family][1](u, **self._parameters()))
        with np.errstate(all="ignore"):
            tail = special.ndtr(-np.abs(u))
            y = np.where(u < 0, self.distribution.ppf(tail), self.distribution.isf(tail))
            if not np.isfinite(y).all():
                # Families without a quantile function for the upper tail lose it beyond 8 standard deviations.
                y = np.where(np.isfinite(y), y, self.distribution.ppf(special.ndtr(np.clip(u, -8.0, 8.0))))
        return self._inside(y)

    def hold(self, y):
        """Return draws, those that rounding put where `to_real` ends moved to the nearest number that it can hold."""
        y = self._inside(y)
        for largest in (37.0, 8.0):
            u, log_det = self.to_real(y)
            lost = (np.abs(u) >= _LARGEST) | ~np.isfinite(log_det)
            if not lost.any():
                break
            y = np.where(lost, self.from_real(np.clip(u, -largest, largest)), y)
        return y

    @property
    def _family(self):
        return getattr(getattr(self.distribution, "dist", None), "name", None)

    def _parameters(self):
        """Return the parameters of a family of `_QUANTILES` by their names."""
        names, _ = _QUANTILES[self._family]
        given = dict(zip(names, self.distribution.args, strict=False)) | self.distribution.kwds
        return {name: np.asarray(value) for name, value in ({"loc": 0.0, "scale": 1.0} | given).items()}

    def _log_tails(self, y):
        """Return the logarithms of the probabilities below y and above."""
        if self._family != "uniform":
            return self.distribution.logcdf(y), self.distribution.logsf(y)
        # scipy takes what is above for one less what is below, which is nothing near the upper edge.
        loc, scale = self._parameters().values()
        return tuple(np.log(np.maximum(gap, 0.0) / scale) for gap in (y - loc, loc + scale - y))

    def _inside(self, y):
        low, high = self.distribution.support()
        return np.clip(y, np.nextafter(low, np.inf), np.nextafter(high, -np.inf))

    def log_density(self, y):
        """Return the log density, elementwise."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.distribution.logpdf(y)


class MultivariateNormalBijection:
    """Affine map of a multivariate normal to independent standard normals."""

    def __init__(self, distribution, *, name):
        self.distribution = distribution
        self.cholesky = _cholesky(np.atleast_2d(distribution.cov), name=name)

    def to_real(self, y):
        """Return `(u, log |du/dy|)`; the determinant is shared out evenly over the columns."""
        u = np.linalg.solve(self.cholesky, (y - self.distribution.mean).T).T
        return u, np.full(u.shape, -np.mean(np.log(np.diag(self.cholesky))))

    def from_real(self, u):
        """Return the inverse."""
        return self.distribution.mean + u @ self.cholesky.T

    def log_density(self, y):
        """Return terms that sum over the columns to the log density."""
        u, log_det = self.to_real(y)
        return standard_normal_log_density(u) + log_det


def bijection_of(distribution, *, name):
    """Return the bijection of a frozen continuous `scipy.stats` distribution."""
    if isinstance(distribution, stats.rv_discrete) or isinstance(
        getattr(distribution, "dist", None), stats.rv_discrete
    ):
        raise TypeError(
            f"the distribution of {name!r} is discrete; parameters must be continuous. Compare models with different "
            "values of a discrete parameter instead, or draw it inside simulate."
        )
    if isinstance(distribution, stats.rv_continuous):
        call = f"stats.{distribution.name}" if hasattr(stats, distribution.name or "") else "family"
        raise TypeError(
            f"the distribution of {name!r} is not frozen: call it with its parameters, as in "
            f"{call}(loc=..., scale=...)."
        )
    if isinstance(distribution, stats._multivariate.multivariate_normal_frozen):
        return MultivariateNormalBijection(distribution, name=name)
    if hasattr(distribution, "icdf") and hasattr(distribution, "logccdf"):
        raise TypeError(
            f"the distribution of {name!r} is a {type(distribution).__name__} of scipy's second kind, which a prior "
            "does not take; use the frozen form, such as stats.norm(0, 1) for stats.Normal(mu=0, sigma=1). What has "
            "none can be a subclass of stats.rv_continuous."
        )
    wanted = ("dist", "args", "kwds", "rvs", "logpdf", "logcdf", "logsf", "ppf", "isf", "support")
    missing = [method for method in wanted if not hasattr(distribution, method)]
    if missing:
        raise TypeError(
            f"the distribution of {name!r} must be a frozen continuous scipy.stats distribution, such as "
            f"stats.norm(0, 1) or stats.multivariate_normal(mean, cov); got {type(distribution).__name__}, which lacks "
            f"{', '.join(missing)}."
        )
    return UnivariateBijection(distribution)


def batch_shape(distribution, *, name):
    """Return the shape of the parameters of a frozen distribution: `()` for a scalar, `(k,)` for a vector."""
    if isinstance(distribution, stats._multivariate.multivariate_normal_frozen):
        return (distribution.dim,)
    shapes = [np.shape(argument) for argument in (*distribution.args, *distribution.kwds.values())]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            f"the parameters of the distribution of {name!r} must broadcast to one shape; got "
            f"{' and '.join(map(str, shapes))}."
        ) from None


def _cholesky(covariance, *, name):
    try:
        cholesky = np.linalg.cholesky(covariance)
        # Squared: the share of each variance that the columns before it leave unexplained, free of units.
        unexplained = np.diag(cholesky) ** 2 / np.diag(covariance)
        is_singular = unexplained.min() < len(covariance) * np.finfo(np.float64).eps
    except np.linalg.LinAlgError:
        is_singular = True
    if is_singular:
        raise ValueError(
            f"the covariance of {name!r} must be positive definite; it is singular, so that some of its "
            f"{len(covariance)} columns follow from the others. Leave those out and compute them inside simulate."
        )
    return cholesky
