"""X as users give it, an array, a list of arrays or several sources, as padded arrays with masks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError


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
    """

    values: np.ndarray
    mask: np.ndarray | None = None

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
    is_list = isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)
    return is_list and len(X) > 0 and all(x is None or np.ndim(x) > 1 for x in X) and _holds_arrays(X)


def _holds_arrays(X):
    return any(hasattr(x, "__array__") for x in X)


def read_several(X, *, may_miss):
    """Return a dict of name to `Source`."""
    if not X:
        raise ShapeError("X must have at least one source; got an empty dict.")
    sources = {name: read(values, name=f"X[{name!r}]", may_miss=may_miss) for name, values in X.items()}
    check_equal_lengths(sources)
    return {name: mark_absent(source) for name, source in sources.items()} if may_miss else sources


def check_equal_lengths(sources):
    """Raise unless all sources have the same number of data sets."""
    lengths = {name: len(source) for name, source in sources.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"all sources of X must have the same n_datasets; got {lengths}.")


def mark_absent(source):
    """Return `source` with a mask that is false where nothing of it is there."""
    if source.is_ragged:
        return source
    return Source(source.values, ~np.isnan(source.values).reshape(len(source), -1).all(axis=1))


def read(X, *, name="X", may_miss=False):
    """Return one source as a `Source`.

    Raises
    ------
    ShapeError
        If a data set is empty, or the arrays of a list differ in more than their first axis.
    ValueError
        If values are not finite numbers; NaN passes where `may_miss`.
    """
    if is_ragged(X):
        return _read_ragged(X, name=name, may_miss=may_miss)
    values = as_float_array(X, name=name, allow_nan=may_miss)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim == 0 or 0 in values.shape:
        raise ShapeError(f"{name} must hold at least one data set and one number a data set; got shape {values.shape}.")
    return Source(values)


def _read_ragged(X, *, name, may_miss):
    arrays = [
        None if x is None else as_float_array(x, name=f"{name}[{i}]", allow_nan=may_miss) for i, x in enumerate(X)
    ]
    rest = next(array.shape[1:] for array in arrays if array is not None)
    for i, array in enumerate(arrays):
        if array is not None and array.shape[1:] != rest:
            raise ShapeError(
                f"the arrays of {name} may differ in their first axis, the observations, alone; got shapes "
                f"(n_observations, {', '.join(map(str, rest))}) and {array.shape} (data set {i})."
            )
        if (array is None or not len(array)) and not may_miss:
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
        return Source(X.values[rows], None if X.mask is None else X.mask[rows])
    return {name: take_rows(source, rows) for name, source in X.items()}


def has_missing(source):
    """Return whether a value, or the whole of a data set, is missing."""
    is_absent = source.mask is not None and not source.mask.reshape(len(source), -1).any(axis=1).all()
    return is_absent or bool(np.isnan(source.values).any())


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
