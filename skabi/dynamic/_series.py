"""Series as they are given, and as a network reads them."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from skabi._shapes import as_float_array
from skabi._warnings import warn
from skabi.estimators._features import FeatureScaler
from skabi.exceptions import ApproximationWarning, ShapeError

# Standard deviations of single observations. A series that walks goes farther than most observations do, and what moves
# has to be read there as it is elsewhere.
_FAR = 20.0


class Series(NamedTuple):
    """Series of one or several subjects, the shorter ones filled up at their ends.

    Attributes
    ----------
    values : ndarray of shape (n_datasets, n_subjects, n_times, n_features)
    lengths : ndarray of int of shape (n_datasets,)
    """

    values: np.ndarray
    lengths: np.ndarray


def as_series(X, *, several, allow_nan):
    """Return data sets as `Series`.

    Parameters
    ----------
    X : array-like of shape (n_datasets, n_times, n_features) or list of arrays (n_times, n_features)
        With an axis of subjects before that of times if there are `several`; the last axis may be left out where
        there is one feature.
    several : bool
    allow_nan : bool

    Raises
    ------
    ShapeError
        If data sets have another number of axes, or differ in more than their length.
    ValueError
        If they are not numbers.
    """
    n_axes = 3 if several else 2
    wanted = "(n_datasets, n_subjects, n_times, n_features)" if several else "(n_datasets, n_times, n_features)"
    advice = ' If NaN stands for missing values use missing="mask".'
    if isinstance(X, (list, tuple)) and len({_shape_of(x) for x in X}) > 1:
        values, lengths = _filled_up(X, n_axes, wanted, allow_nan=allow_nan, advice=advice)
    else:
        values = as_float_array(X, name="X", allow_nan=allow_nan, advice=advice)
        if values.ndim == n_axes and values.shape[-1] == 1:
            raise ShapeError(
                f"X must have shape {wanted}; of shape {values.shape} it may be one data set, which is "
                "X[np.newaxis], or many of one time, which are X[..., np.newaxis]."
            )
        values = values[..., np.newaxis] if values.ndim == n_axes else values
        if values.ndim != n_axes + 1 or 0 in values.shape:
            raise ShapeError(
                f"X must have shape {wanted}, none of them zero; got {np.shape(X)}. For one data set pass "
                "X[np.newaxis]."
            )
        lengths = np.full(len(values), values.shape[-2])
    return Series(values if several else values[:, np.newaxis], lengths)


def _shape_of(data_set):
    """Return the shape of a data set, or raise if its own parts are of several."""
    try:
        return np.shape(data_set)
    except ValueError:
        raise ShapeError(
            "the subjects of a data set must have series of one length. Fill the shorter ones up with NaN, and fit "
            'with missing="mask".'
        ) from None


def _filled_up(X, n_axes, wanted, *, allow_nan, advice):
    """Return data sets of several lengths as an array, filled up with zeros, and their lengths."""
    parts = [as_float_array(x, name="X", allow_nan=allow_nan, advice=advice) for x in X]
    parts = [part if part.ndim == n_axes else part[..., np.newaxis] for part in parts]
    if len({(part.ndim, *part.shape[:-2], part.shape[-1]) for part in parts}) > 1 or parts[0].ndim != n_axes:
        raise ShapeError(f"X must be data sets of shape {wanted} that differ in n_times alone.")
    lengths = np.array([part.shape[-2] for part in parts])
    if not lengths.all():
        raise ShapeError(f"every series of X must have an observation; that of data set {lengths.argmin()} has none.")
    first = parts[0]
    values = np.zeros((len(parts), *first.shape[:-2], lengths.max(), first.shape[-1]))
    for row, part in zip(values, parts, strict=True):
        row[..., : part.shape[-2], :] = part
    return values, lengths


def check_times(times, n_times, *, first=0):
    """Return labels of times `(n_times,)`, numbers or dates that increase; without any they count from `first`.

    Raises
    ------
    ShapeError, ValueError
        If there is another number of them, they are neither, or one is not later than the one before.
    """
    if times is None:
        return np.arange(first, first + n_times)
    times = np.asarray(times)
    if times.shape != (n_times,):
        raise ShapeError(f"times must have one entry for each of {n_times} times; got shape {times.shape}.")
    if times.dtype.kind not in "iufM":
        times = _dates(times)
    steps = np.diff(times)
    wrong = np.flatnonzero(~(steps > steps.dtype.type(0)))
    if wrong.size:
        raise ValueError(
            f"times must increase; {times[wrong[0] + 1]} comes after {times[wrong[0]]}. Sort the observations, and "
            "those of one time together."
        )
    if len(steps) > 1 and steps.max() >= 2 * steps.min():
        warn(
            "some steps of times are twice as long as others, but a transition takes one step from each observation "
            'to the next. Put NaN where an observation is missing, with missing="mask".',
            ApproximationWarning,
        )
    return times


def _dates(times):
    """Return dates that came as objects or text; of a period its start."""
    try:
        if isinstance(times[0], pd.Period):
            return pd.PeriodIndex(times).to_timestamp().to_numpy()
        return pd.DatetimeIndex(times).tz_localize(None).to_numpy()
    except (TypeError, ValueError) as error:
        raise ValueError(f"times must be numbers or dates; got {str(times[0])!r} first.") from error


class SeriesReader:
    """Scaled features, and marks of those that are missing."""

    def __init__(self, *, may_miss):
        self.may_miss = may_miss

    def fit(self, values):
        """Learn scales from series `(n_datasets, n_subjects, n_times, n_features)`."""
        rows = values.reshape(-1, values.shape[-1])
        self._scaler = FeatureScaler().fit(rows[~np.isnan(rows).any(axis=1)])
        self.n_features = values.shape[-1]
        return self

    @property
    def n_tokens(self):
        """Numbers in which a network reads an observation."""
        return self.n_features * (2 if self.may_miss else 1)

    def transform(self, values):
        """Return what a network reads of observations `(..., n_features)`, `(..., n_tokens)`."""
        if values.shape[-1] != self.n_features:
            raise ShapeError(f"X must have {self.n_features} features, as in fit; got {values.shape[-1]}.")
        rows = values.reshape(-1, self.n_features)
        is_missing = np.isnan(rows)
        scaled = _softened(self._scaler.standardize(np.where(is_missing, 0.0, rows)))
        scaled = np.where(is_missing, 0.0, scaled)
        if self.may_miss:
            scaled = np.concatenate([scaled, is_missing], axis=1)
        return scaled.reshape(*values.shape[:-1], -1)


def _softened(z):
    """Return standardised values that grow logarithmically where no series can be expected to go."""
    size = np.abs(z)
    return np.where(size > _FAR, np.sign(z) * (_FAR + np.log1p(np.maximum(size - _FAR, 0.0))), z)
