"""Densities raised to a power: in closed form where the family is closed under it, else by numerical inversion."""

from functools import cached_property
from typing import Any

import numpy as np
from scipy import special, stats

from skabi.priors._bijections import UnivariateBijection, standard_normal_log_density

# The grid on which distribution functions are tabulated, in standard normal coordinates of the unscaled distribution.
_END, _STEP = 37.5, 0.125
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)
# What may be cut off at each end of the grid, relative to the whole.
_LOG_CUT = np.log(1e-8)
# Halvings by which the limit of proper powers is found.
_N_HALVINGS = 40


class _ImproperError(Exception):
    """The density cannot be normalised at this power."""


def powered(distribution, alpha, *, name):
    """Return the distribution whose density is that of a frozen one to the power `alpha`, normalised.

    Parameters
    ----------
    distribution : frozen distribution
    alpha : float or ndarray
        Positive; an array broadcasts with the parameters of the distribution, one power each.
    name : str
        Of the entry, for messages.

    Raises
    ------
    ValueError
        If the density cannot be normalised at this power.
    """
    alpha = np.asarray(alpha, dtype=np.float64)
    if alpha.ndim == 0 and alpha == 1:
        return distribution
    try:
        return _powered(distribution, alpha)
    except _ImproperError:
        pass
    low, high = alpha.min(), alpha.max()
    asked, side = (low, "above") if low < 1 and not _is_proper(distribution, low) else (high, "below")
    raise ValueError(
        f"the prior of {name!r} to the power {asked:g} is improper: its density has no finite integral, or one so wide "
        f"that it cannot be told from it. Take powers {side} {_limit(distribution, asked):.3g}."
    )


def _powered(distribution, alpha):
    if isinstance(distribution, stats._multivariate.multivariate_normal_frozen):
        # Not singular, or it would be no prior; scipy may take it for that where units are far apart.
        return stats.multivariate_normal(distribution.mean, distribution.cov / alpha, allow_singular=True)
    exact = _EXACT.get(type(getattr(distribution, "dist", None)))
    if exact is None:
        scaled = PowerScaledDistribution(distribution, alpha)
        scaled._table  # noqa: B018 - says whether it is proper
        return scaled
    shapes, loc, scale = distribution.dist._parse_args(*distribution.args, **distribution.kwds)
    shapes, factor, slack = exact(alpha, *map(np.asarray, shapes))
    if (~(np.asarray(slack) > 0) & _is_valid(distribution)).any():
        raise _ImproperError
    return distribution.dist(*shapes, loc=loc, scale=np.asarray(scale) * factor)


def _is_valid(distribution):
    """Return where the parameters are those of a distribution: outside the support of earlier ones they may not be."""
    with np.errstate(all="ignore"):
        return np.isfinite(distribution.ppf(0.5))


def _is_proper(distribution, alpha):
    try:
        _powered(distribution, np.asarray(alpha))
    except _ImproperError:
        return False
    return True


def _limit(distribution, asked):
    """Return the power between 1 and what was asked up to which the density can be normalised."""
    proper, improper = 1.0, float(asked)
    for _ in range(_N_HALVINGS if type(distribution.dist) in _EXACT else _N_HALVINGS // 4):
        middle = np.sqrt(proper * improper)
        proper, improper = (middle, improper) if _is_proper(distribution, middle) else (proper, middle)
    return proper


# Of each family: its shapes at the power, a factor of the scale, and what must be positive for a finite integral.
def _normal(alpha):
    return (), 1 / np.sqrt(alpha), alpha


def _log_normal(alpha, s):
    # With respect to y itself: the factor 1/y of the density is raised, too, and moves the median.
    return (s / np.sqrt(alpha),), np.exp((1 / alpha - 1) * s**2), alpha


def _gamma(alpha, a):
    a = alpha * (a - 1) + 1
    return (a,), 1 / alpha, a


def _exponential(alpha):
    return (), 1 / alpha, alpha


def _beta(alpha, a, b):
    a, b = alpha * (a - 1) + 1, alpha * (b - 1) + 1
    return (a, b), np.ones_like(alpha), np.minimum(a, b)


def _uniform(alpha):
    return (), np.ones_like(alpha), alpha


def _truncated_normal(alpha, a, b):
    return (a * np.sqrt(alpha), b * np.sqrt(alpha)), 1 / np.sqrt(alpha), alpha


def _inverse_gamma(alpha, a):
    a = alpha * (a + 1) - 1
    return (a,), alpha, a


def _student_t(alpha, df):
    new = alpha * (df + 1) - 1
    return (new,), np.sqrt(df / np.where(new > 0, new, 1.0)), new


_EXACT: dict[Any, Any] = {
    type(stats.norm): _normal,
    type(stats.halfnorm): _normal,
    type(stats.truncnorm): _truncated_normal,
    type(stats.lognorm): _log_normal,
    type(stats.gamma): _gamma,
    type(stats.invgamma): _inverse_gamma,
    type(stats.expon): _exponential,
    type(stats.laplace): _exponential,
    type(stats.beta): _beta,
    type(stats.uniform): _uniform,
    type(stats.t): _student_t,
}


class PowerScaledDistribution:
    """A frozen distribution whose density is that of another to a power, for families that are not closed under it.

    In coordinates `u` in which the other is standard normal, the density is `phi(u) * p(y(u))**(alpha - 1)` up to a
    constant. Its distribution function is integrated on a grid by Gauss and Legendre's rule and inverted by cubic
    interpolation: there is no Monte Carlo error, and that of interpolation is of the order of 1e-6.

    Parameters
    ----------
    base : frozen distribution
    alpha : ndarray
        Broadcasts with the parameters of the base.
    """

    def __init__(self, base, alpha):
        self.base = base
        self.alpha = np.asarray(alpha, dtype=np.float64)

    def __repr__(self):
        return f"{type(self).__name__}({self.base!r}, {self.alpha!r})"

    @property
    def dist(self):
        """What is raised."""
        return self.base

    @property
    def args(self):
        """Parameters of the base, and the power."""
        return (*self.base.args, self.alpha)

    @property
    def kwds(self):
        """Parameters of the base by name."""
        return self.base.kwds

    @cached_property
    def _standard(self):
        """The base without location and scale, on which the table does not depend, and the scale."""
        shapes, _, scale = self.base.dist._parse_args(*self.base.args, **self.base.kwds)
        return self.base.dist(*shapes), np.asarray(scale, dtype=np.float64)

    @property
    def _shape(self):
        """The shape of the tables: of shape parameters and powers."""
        parts = (*self._standard[0].args, *self._standard[0].kwds.values(), self.alpha)
        return np.broadcast_shapes(*map(np.shape, parts))

    def support(self):
        """Return the ends of the support, which are those of the base."""
        return self.base.support()

    def rvs(self, size=None, random_state=None):
        """Return random draws."""
        return self._from_normal(np.random.default_rng(random_state).standard_normal(size))

    def logpdf(self, y):
        """Return the log density."""
        with np.errstate(all="ignore"):
            log_base = self.base.logpdf(y)
            inside = np.isfinite(log_base)
            log_total = self._table[0].reshape(self._shape) - (self.alpha - 1) * np.log(self._standard[1])
            return np.where(inside, self.alpha * np.where(inside, log_base, 0.0) - log_total, -np.inf)

    def pdf(self, y):
        """Return the density."""
        return np.exp(self.logpdf(y))

    def logcdf(self, y):
        """Return the logarithm of the distribution function."""
        return special.log_ndtr(self._to_normal(y))

    def logsf(self, y):
        """Return the logarithm of one minus the distribution function."""
        return special.log_ndtr(-self._to_normal(y))

    def cdf(self, y):
        """Return the distribution function."""
        return special.ndtr(self._to_normal(y))

    def ppf(self, q):
        """Return quantiles."""
        return self._from_normal(special.ndtri(q))

    def isf(self, q):
        """Return quantiles, counted from above."""
        return self._from_normal(-special.ndtri(q))

    @cached_property
    def _table(self):
        """The log normalising constant, and at each point of the grid the normal coordinate and its slope."""
        with np.errstate(all="ignore"):
            return self._tabulated()

    def _tabulated(self):
        points = np.arange(-_END, _END + _STEP / 2, _STEP)
        nodes = points[:-1, np.newaxis] + _STEP / 2 * (_NODES + 1)
        log_density = self._log_weight(nodes.ravel()).reshape(*nodes.shape, -1)
        log_weights = np.log(_WEIGHTS * _STEP / 2)[:, np.newaxis]
        mass = special.logsumexp(log_density + log_weights, axis=1)
        log_total = special.logsumexp(mass, axis=0)
        is_valid = np.broadcast_to(_is_valid(self._standard[0]), self._shape).ravel()
        if (is_valid & ~(_largest_end(mass) - log_total < _LOG_CUT)).any():
            raise _ImproperError
        start = np.full((1, mass.shape[1]), -np.inf)
        lower = np.concatenate([start, np.logaddexp.accumulate(mass)]) - log_total
        upper = np.concatenate([np.logaddexp.accumulate(mass[::-1])[::-1], start]) - log_total
        lower, upper = np.minimum(lower, 0.0), np.minimum(upper, 0.0)
        v = _continued(points, np.where(lower < upper, special.ndtri_exp(lower), -special.ndtri_exp(upper)))
        density = self._log_weight(points).reshape(len(points), -1)
        slope = np.exp(density - log_total - standard_normal_log_density(v))
        return log_total, v, _monotone(v, slope)

    def _log_weight(self, u):
        """Return the log density, up to a constant, with respect to `u` `(n,)`, of each distribution `(n, ...)`."""
        shape = self._shape
        u = u.reshape(-1, *(1 for _ in shape))
        base = self._standard[0]
        y = UnivariateBijection(base).from_real(u)
        low, high = base.support()
        log_base = base.logpdf(y)
        # Where rounding has put y on an edge, or its density is lost, nothing is known.
        known = np.isfinite(log_base) & (y > np.nextafter(low, np.inf)) & (y < np.nextafter(high, -np.inf))
        log_weight = standard_normal_log_density(u) + (self.alpha - 1) * np.where(known, log_base, 0.0)
        log_weight = np.where(known, log_weight, -np.inf)
        return np.broadcast_to(log_weight, (len(u), *shape))

    def _to_normal(self, y):
        u, _ = UnivariateBijection(self.base).to_real(y)
        which = self._which(np.shape(u))
        cell = np.clip(np.nan_to_num((u + _END) / _STEP).astype(int), 0, len(self._table[1]) - 2)
        return _hermite((u + _END) / _STEP - cell, *self._cell(cell, which))[0]

    def _from_normal(self, v):
        which, table = self._which(np.shape(v)), self._table[1]
        low, high = np.zeros(np.shape(v), dtype=int), np.full(np.shape(v), len(table) - 1)
        while (high - low > 1).any():
            middle = (low + high) // 2
            is_below = table[middle, which] <= v
            low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        ends = self._cell(low, which)
        share = np.clip((v - ends[0]) / (ends[1] - ends[0]), 0.0, 1.0)
        for _ in range(6):
            value, slope = _hermite(share, *ends)
            share = np.clip(share - (value - v) / np.maximum(slope, 1e-300), 0.0, 1.0)
        return UnivariateBijection(self.base).from_real((low + share) * _STEP - _END)

    def _which(self, shape):
        """Return the number of the distribution that each of an array of numbers belongs to."""
        own = self._shape
        return np.broadcast_to(np.arange(int(np.prod(own))).reshape(own), np.broadcast_shapes(own, shape))

    def _cell(self, cell, which):
        _, v, slope = self._table
        return v[cell, which], v[cell + 1, which], slope[cell, which], slope[cell + 1, which]


def _hermite(t, start, end, start_slope, end_slope):
    """Return a cubic and its derivative at `t` from 0 to 1, of given ends and slopes there in units of the grid."""
    first, second = start_slope * _STEP, end_slope * _STEP
    rise = end - start
    curve, bend = 3 * rise - 2 * first - second, first + second - 2 * rise
    return start + t * (first + t * (curve + t * bend)), first + t * (2 * curve + 3 * t * bend)


def _largest_end(mass):
    """Return the larger of the first and the last log mass `(n_intervals, n)` that is finite, `(n,)`."""
    known = np.isfinite(mass)
    first, last = known.argmax(axis=0), len(mass) - 1 - known[::-1].argmax(axis=0)
    columns = np.arange(mass.shape[1])
    return np.maximum(mass[first, columns], mass[last, columns])


def _continued(points, v):
    """Return `v` `(n_points, n)` that goes on with slope one where it is not finite: where no number is ever drawn."""
    v = v.copy()
    for column in v.T:
        finite = np.flatnonzero(np.isfinite(column))
        if not finite.size:
            continue
        first, last = finite[0], finite[-1]
        column[:first] = column[first] + points[:first] - points[first]
        column[last + 1 :] = column[last] + points[last + 1 :] - points[last]
    return v


def _monotone(v, slope):
    """Return slopes with which cubics rise (Fritsch, Carlson, 1980, Monotone piecewise cubic interpolation)."""
    rise = np.diff(v, axis=0) / _STEP
    smaller = np.minimum(np.concatenate([rise[:1], rise]), np.concatenate([rise, rise[-1:]]))
    return np.where(np.isfinite(slope), np.clip(slope, 0.0, 3 * smaller), smaller)
