"""How far a point is from the middle of a cloud, in the cloud's own units."""

import numpy as np
from numpy.typing import ArrayLike

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError

# Directions whose variance is less than this share of the largest, in standardised columns, hold rounding errors.
_SMALLEST_SHARE = 1e-10
# In correlations, what is rounding.
_ROUNDING = 1e-8


def mahalanobis(values: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> np.ndarray:
    """Return the Mahalanobis distance of points from a mean [1]_.

    Directions in which the covariance has no variance do not count.

    Parameters
    ----------
    values : array-like of shape (n, n_columns)
        Summaries of data sets, say.
    mean : array-like of shape (n_columns,)
    covariance : array-like of shape (n_columns, n_columns)

    Returns
    -------
    distance : ndarray of shape (n,)
        In standard deviations; its square has the chi-squared distribution for normal points.

    Raises
    ------
    ShapeError
        If the shapes do not fit together.
    ValueError
        If something is not finite, or the covariance is none: not symmetric, or with a negative variance in some
        direction.

    References
    ----------
    .. [1] P. Mahalanobis (1936). On the generalised distance in statistics. Proceedings of the National Institute of
       Sciences of India 2.

    Examples
    --------
    >>> from skabi.diagnostics import mahalanobis
    >>> mahalanobis([[3.0, 0.0], [0.0, 3.0]], [0.0, 0.0], [[1.0, 0.0], [0.0, 9.0]])
    array([3., 1.])
    """
    values, mean = as_float_array(values, name="values"), as_float_array(mean, name="mean")
    covariance = as_float_array(covariance, name="covariance")
    n = mean.size
    if mean.ndim != 1 or values.ndim != 2 or values.shape[1] != n or covariance.shape != (n, n):
        raise ShapeError(
            "values, mean and covariance must have shapes (n, n_columns), (n_columns,) and (n_columns, n_columns); got "
            f"{values.shape}, {mean.shape} and {covariance.shape}."
        )
    _check_covariance(covariance)
    return np.linalg.norm((values - mean) @ whitening(covariance), axis=1)


def _check_covariance(covariance):
    """Raise unless a matrix may be a covariance, but for rounding."""
    variances = np.diag(covariance)
    scale = np.sqrt(np.maximum(variances, 0.0))
    allowed = _ROUNDING * scale * scale[:, np.newaxis]
    if (np.abs(covariance - covariance.T) > allowed).any():
        raise ValueError("covariance must be symmetric.")
    if (variances < 0).any():
        raise ValueError(f"covariance must have variances of at least 0 on its diagonal; got {variances.min()}.")
    scale = np.where(scale > 0, scale, 1.0)
    smallest = np.linalg.eigvalsh(covariance / scale / scale[:, np.newaxis])[0]
    if smallest < -_ROUNDING * len(covariance):
        raise ValueError(
            "covariance must have no negative eigenvalue; the smallest, of its correlations, is "
            f"{smallest:.3g}. Covariances that were estimated entry by entry may have one."
        )


def whitening(covariance):
    """Return what points less their mean are multiplied by to have unit variances and no correlations."""
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0, scale, np.inf)
    variances, directions = np.linalg.eigh(covariance / scale / scale[:, np.newaxis])
    kept = variances > _SMALLEST_SHARE * variances[-1]
    return directions[:, kept] / np.sqrt(variances[kept]) / scale[:, np.newaxis]
