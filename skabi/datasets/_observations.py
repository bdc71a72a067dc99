"""Sets of observations, of one size or of many, as one long array."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skabi._params import check_count
from skabi._shapes import as_float_array
from skabi.datasets._exact import check_data_sets
from skabi.exceptions import ShapeError
from skabi.simulators._sizes import check_range


@dataclass(frozen=True)
class Observations:
    """The observations of all data sets, one data set after the other.

    Attributes
    ----------
    values : ndarray of shape (n_observations, n_features)
        Observations of all data sets.
    sizes : ndarray of int of shape (n_datasets,)
        How many there are in each.
    is_ragged : bool
        Whether data sets came as a list of arrays, rather than as one array.
    """

    values: np.ndarray
    sizes: np.ndarray
    is_ragged: bool

    def __len__(self):
        return len(self.sizes)

    @cached_property
    def starts(self):
        """Index of the first observation of each data set."""
        return np.cumsum(self.sizes) - self.sizes

    def repeat(self, parameter):
        """Return what belongs to data sets, `(n_datasets,)`, once for each of their observations."""
        return np.repeat(parameter, self.sizes)

    def sums(self, terms):
        """Return sums over the observations of each data set, `(n_datasets,)`."""
        return np.add.reduceat(terms, self.starts)

    def sums_or_terms(self, terms, *, pointwise):
        """Return sums or, if `pointwise`, the terms of each data set: `(n_datasets, n_observations)` or a list."""
        return split(terms, self.sizes, is_ragged=self.is_ragged) if pointwise else self.sums(terms)


def split(values, sizes, *, is_ragged):
    """Return one long array of observations as a list of arrays, or as an array if all sizes are one."""
    if is_ragged:
        return np.split(values, np.cumsum(sizes)[:-1])
    return values.reshape(len(sizes), -1, *values.shape[1:])


def observations(X, n_features):
    """Return `X`, an array `(n_datasets, n_observations, n_features)` or a list of arrays, as `Observations`."""
    if isinstance(X, Observations):
        return X
    is_list = isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object)
    if not is_list:
        X = check_data_sets(X, None, n_features)
        return Observations(X.reshape(-1, n_features), np.full(len(X), X.shape[1]), is_ragged=False)
    arrays = [np.asarray(x) for x in X]
    for i, x in enumerate(arrays):
        if x.ndim != 2 or x.shape[1] != n_features or len(x) == 0:
            raise ShapeError(
                f"the arrays of X must have shape (n_observations, {n_features}), with at least one observation; got "
                f"{x.shape} (data set {i})."
            )
    if not arrays:
        raise ShapeError("X must have at least one data set; got an empty list.")
    values = as_float_array(np.concatenate(arrays), name="X")
    return Observations(values, np.array([len(x) for x in arrays]), is_ragged=True)


def check_size(value, name):
    """Return `(range, size)`, one of which is None: `value` is `(low, high)`, or an int for all data sets."""
    if isinstance(value, (tuple, list)):
        return check_range(value, name), None
    return None, check_count(value, name)
