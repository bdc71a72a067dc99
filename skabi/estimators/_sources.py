"""X as users give it, an array, a list of arrays or several sources, as padded arrays with masks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError

MISSING_ADVICE = ' If NaN stands for a missing value, say so to the estimator: missing="mask".'


@dataclass(frozen=True)
class Source:
    """The data sets of one source.

    Attributes
    ----------
    values : ndarray of shape (n_datasets, ...)
        NaN where a value is missing, zero where padded.
    mask : ndarray of bool or None
        `(n_datasets, n_observations)`, true where an observation is there, if lengths differ; `(n_datasets,)`, false
        where nothing of the source is there, if values may be missing in a source among several.
    columns : list of str or None
        Names of features, if they have any.
    """

    values: np.ndarray
    mask: np.ndarray | None = None
    columns: list[str] | None = None

    def __len__(self):
        return len(self.values)

    @property
    def shape(self):
        """Shape of one data set, the longest."""
        return self.values.shape[1:]

    @property
    def is_ragged(self):
        """Whether lengths differ."""
        return self.mask is not None and self.mask.ndim == 2

    @property
    def lengths(self):
        """Number of observations of each data set that is there."""
        if self.mask is not None and self.is_ragged:
            counts = self.mask.sum(axis=1)
            return counts[counts > 0]
        return np.full(len(self), self.shape[0])


def is_several(X):
    """Return whether `X` has several sources: it is a dict, or a `skorch.helper.SliceDict`."""
    return isinstance(X, Mapping) and not sparse.issparse(X)


def is_ragged(X):
    """Return whether `X` is a list of arrays with an axis of observations."""
    return _is_list(X) and len(X) > 0 and all(x is None or n_axes(x) > 1 for x in X) and _holds_arrays(X)


def n_axes(X):
    """Return the number of axes of an array or of nested lists; 2 where only scikit-learn can tell what is wrong."""
    try:
        return np.ndim(X) if isinstance(X, (list, tuple)) else getattr(X, "ndim", 2)
    except ValueError:
        return 2


def _is_list(X):
    return isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)


def _holds_arrays(X):
    return any(hasattr(x, "__array__") for x in X)


def is_nothing(X):
    """Return whether `X` is None, or a list that has None in the place of each data set."""
    return X is None or (_is_list(X) and len(X) > 0 and all(x is None for x in X))


def refuse_uneven(X, *, name="X"):
    """Raise if `X` is a list of rows of different lengths, which could be data sets without an axis of features."""
    if _is_list(X) and not is_ragged(X):
        lengths = {len(x) for x in X if hasattr(x, "__len__") and not isinstance(x, str)}
        if len(lengths) > 1:
            raise ValueError(
                f"{name} must convert to an array of numbers, with as many in every row; got {type(X).__name__} that "
                f"does not, with {min(lengths)} to {max(lengths)}. Data sets of different sizes are arrays "
                "(n_observations, n_features): for one feature pass "
                f"[np.asarray(x)[:, np.newaxis] for x in {name}]."
            )


def read_several(X, *, may_miss):
    """Return a dict of name to `Source`."""
    if not X:
        raise ShapeError("X must have at least one source; got an empty dict.")
    sources = {
        name: read(values, name=f"X[{name!r}]", may_miss=may_miss, may_be_absent=may_miss) for name, values in X.items()
    }
    check_equal_lengths(sources)
    return {name: mark_absent(source) for name, source in sources.items()} if may_miss else sources


def check_equal_lengths(sources):
    """Raise unless all sources have the same number of data sets."""
    lengths = {name: len(source) for name, source in sources.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"all sources of X must have the same n_datasets; got {lengths}.")


def mark_absent(source):
    """Return `source` with a mask that is false where nothing of it is there."""
    is_seen = ~np.isnan(source.values).reshape(*source.values.shape[: 2 if source.is_ragged else 1], -1).all(axis=-1)
    if source.is_ragged:
        is_seen = source.mask & (source.mask & is_seen).any(axis=1, keepdims=True)
    return replace(source, mask=is_seen)


def read(X, *, name="X", may_miss=False, may_be_absent=False):
    """Return one source as a `Source`; where it may be absent, a list may have None in place of a data set.

    Raises
    ------
    ShapeError
        If a data set is empty, or the arrays of a list differ in more than their first axis.
    ValueError
        If values are not finite numbers; NaN passes where `may_miss`.
    """
    if may_be_absent and _is_list(X) and not is_ragged(X):
        X = _filled_with_nan(X)
    refuse_uneven(X, name=name)
    if is_ragged(X):
        return _read_ragged(X, name=name, may_miss=may_miss, may_be_absent=may_be_absent)
    values = as_float_array(X, name=name, allow_nan=may_miss, advice=MISSING_ADVICE)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim == 0 or 0 in values.shape:
        raise ShapeError(f"{name} must hold at least one data set and one number a data set; got shape {values.shape}.")
    columns = getattr(X, "columns", None)
    return Source(values, columns=None if columns is None else [str(column) for column in columns])


def _filled_with_nan(X):
    """Return a list with NaN in place of data sets that are None."""
    like = next((x for x in X if x is not None), 0.0)
    return [np.full(np.shape(like), np.nan) if x is None else x for x in X]


def _read_ragged(X, *, name, may_miss, may_be_absent):
    arrays = [
        None if x is None else as_float_array(x, name=f"{name}[{i}]", allow_nan=may_miss, advice=MISSING_ADVICE)
        for i, x in enumerate(X)
    ]
    rest = next(array.shape[1:] for array in arrays if array is not None)
    for i, array in enumerate(arrays):
        if array is not None and array.shape[1:] != rest:
            raise ShapeError(
                f"the arrays of {name} may differ in their first axis, the observations, alone; got shapes "
                f"(n_observations, {', '.join(map(str, rest))}) and {array.shape} (data set {i})."
            )
        if (array is None or not len(array)) and not may_be_absent:
            raise ShapeError(f"{name}[{i}] has no observations; a data set needs at least one. Leave it out.")
    lengths = np.array([0 if array is None else len(array) for array in arrays])
    mask = np.arange(lengths.max()) < lengths[:, np.newaxis]
    values = np.zeros((*mask.shape, *rest))
    values[mask] = np.concatenate([array for array in arrays if array is not None])
    return Source(values, mask)


def sources_of(X):
    """Return a list of `Source`, one where there are no several."""
    return [X] if isinstance(X, Source) else list(X.values())


def shape_of(X):
    """Return the shape of one data set, or a dict of that of each source."""
    return X.shape if isinstance(X, Source) else {name: source.shape for name, source in X.items()}


def take_rows(X, rows):
    """Return some data sets."""
    if isinstance(X, Source):
        return replace(X, values=X.values[rows], mask=None if X.mask is None else X.mask[rows])
    return {name: take_rows(source, rows) for name, source in X.items()}


def is_there(source):
    """Return which data sets have anything of a source, `(n_datasets,)`."""
    return np.ones(len(source), dtype=bool) if source.mask is None else source.mask.reshape(len(source), -1).any(axis=1)


def missing_shares(source):
    """Return the share of values that are missing in each data set that has anything of a source."""
    n_values = np.full(len(source), math.prod(source.shape))
    if source.is_ragged:
        n_values = source.mask.sum(axis=1) * math.prod(source.shape[1:])
    n_missing = np.isnan(source.values).reshape(len(source), -1).sum(axis=1)
    there = is_there(source)
    return n_missing[there] / n_values[there]


def is_uneven(source):
    """Return whether data sets have different numbers of observations."""
    return source.is_ragged and bool((source.lengths != source.shape[0]).any())


def has_missing(source):
    """Return whether a value, or the whole of a data set, is missing."""
    return not is_there(source).all() or bool(np.isnan(source.values).any())


def log_counts(X):
    """Return mean and standard deviation of the logarithm of the number of observations; None if it is always one.

    Dicts, with an entry for each source whose lengths differ, where there are several.
    """
    if isinstance(X, Source):
        logs = np.log(X.lengths) if X.is_ragged else np.zeros(1)
        return (float(logs.mean()), float(logs.std())) if np.ptp(logs) > 0 else None
    each = {name: log_counts(source) for name, source in X.items()}
    each = {name: pair for name, pair in each.items() if pair is not None}
    return tuple({name: pair[i] for name, pair in each.items()} for i in (0, 1)) if each else None
