"""The derivative of the map from independent standard normals to parameters."""

import numpy as np

from skabi.priors._base import BasePrior
from skabi.priors._bijections import MultivariateNormalBijection
from skabi.priors._chained import ChainedPrior

# Of central differences: the error is of the order of its square.
_STEP = 1e-5


def jacobian(prior, u):
    """Return `y = prior.from_real(u)` and its derivative.

    Of `IndependentPrior` the derivative is exact. In a `ChainedPrior` that of an entry with respect to its own
    coordinates is exact, and with respect to those before it, on which it depends through a function, it is a central
    difference, whose error is of the order of 1e-10; of a prior of another class all of it is.

    Parameters
    ----------
    prior : prior
    u : ndarray of shape (n, n_parameters)

    Returns
    -------
    y : ndarray of shape (n, n_parameters)
    derivative : ndarray of shape (n, n_parameters, n_parameters)
        `dy[i] / du[j]`.
    """
    y, n_parameters = prior.from_real(u), u.shape[1]
    if not isinstance(prior, BasePrior) or not hasattr(prior, "distributions"):
        return y, _differences(prior, u, range(n_parameters))
    derivative, last = np.zeros((*u.shape, n_parameters)), 0
    entries, of_real = prior.split(y), prior.split(u)
    for name, bijection in prior._bijections(entries):
        columns = prior._columns[name]
        derivative[:, columns, columns] = _of_entry(bijection, entries[name], of_real[name])
        if isinstance(prior, ChainedPrior) and prior._arguments.get(name):
            last = columns.start
    if last:
        steps = _differences(prior, u, range(last))
        for name in prior.entry_names:
            columns = prior._columns[name]
            derivative[:, columns, : min(columns.start, last)] = steps[:, columns, : min(columns.start, last)]
    return y, derivative


def _of_entry(bijection, y, u):
    """Return the derivative of an entry with respect to its own coordinates, `(n, k, k)`."""
    if isinstance(bijection, MultivariateNormalBijection):
        return np.broadcast_to(bijection.cholesky, (len(y), *bijection.cholesky.shape))
    _, log_det = bijection.to_real(y)
    # On the edge of the support, to which numbers were clipped, nothing moves.
    with np.errstate(over="ignore"):
        slope = np.where(np.isfinite(log_det), np.exp(-log_det), 0.0).reshape(len(y), -1)
    return slope[:, :, np.newaxis] * np.eye(slope.shape[1])


def _differences(prior, u, columns):
    """Return central differences of all parameters with respect to some columns, `(n, n_parameters, n_columns)`."""
    steps = _STEP * np.eye(u.shape[1])[list(columns)]
    moved = np.concatenate([u + sign * step for step in steps for sign in (1.0, -1.0)])
    y = prior.from_real(moved).reshape(len(steps), 2, *u.shape)
    return np.moveaxis((y[:, 0] - y[:, 1]) / (2 * _STEP), 0, -1)
