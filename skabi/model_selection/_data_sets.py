"""Data sets as arrays of observations, and what an estimator takes their order for."""

import warnings
from collections.abc import Iterable, Mapping
from contextlib import contextmanager

import numpy as np

from skabi._shapes import as_float_array, refuse_lossy
from skabi.exceptions import ApproximationWarning, ShapeError


def observations_of(X, *, allow_nan=True):
    """Return a list of the observations of each data set, arrays `(n_observations, ...)`."""
    refuse_lossy(X, name="X")
    if isinstance(X, Mapping):
        raise ShapeError("cross-validation needs data sets of one source; got several.")
    if hasattr(X, "columns"):
        X = np.asarray(X)
    each = enumerate(X) if isinstance(X, Iterable) else ()
    arrays = [as_float_array(x, name=f"data set {i} of X", allow_nan=allow_nan) for i, x in each]
    if not arrays or any(x.ndim < 2 for x in arrays):
        raise ShapeError(
            "X must have shape (n_datasets, n_observations, n_features), or be a list of arrays (n_observations, "
            "n_features): there must be observations to leave out."
        )
    return arrays


def stacked(arrays):
    """Return arrays as one array if they have one shape, else as the list that they are."""
    return np.stack(arrays) if len({x.shape for x in arrays}) == 1 else arrays


@contextmanager
def said_before():
    """Do not repeat, part by part, what was warned of for all data sets at once."""
    with warnings.catch_warnings():
        for message in ("some data sets are unlike any in fit", ".* observations lie far outside"):
            warnings.filterwarnings("ignore", message, ApproximationWarning)
        yield


def check_structure(estimator):
    """Return what a fitted estimator takes observations for, "exchangeable" or "ordered", or raise."""
    if not hasattr(estimator, "observations_"):
        raise TypeError(f"a fitted JointEstimator is needed; got {type(estimator).__name__}.")
    if estimator.observations_ not in ("exchangeable", "ordered"):
        raise ShapeError(
            "the estimator was fitted to data sets that are one observation each, or whose summary does not say what "
            "their observations are: there is none to leave out. Data sets of several have shape (n_datasets, "
            "n_observations, n_features), and SetSummary() or SeriesSummary()."
        )
    return estimator.observations_
