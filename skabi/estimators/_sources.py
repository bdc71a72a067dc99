"""X as users give it, an array, a list of arrays or several sources, as padded arrays with masks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

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
        `(n_datasets, n_observations)`, true where an observation is there, if lengths differ, or `(n_datasets,
        n_groups, n_observations)` if those of groups do; `(n_datasets,)`, false where nothing of the source is there,
        if values may be missing in a source among several.
    columns : list of str or None
        Names of features, if they have any.
    """

    values: np.ndarray
    mask: np.ndarray | None = None
    columns: list[str] | None = None

    def __len__(self):
        return len(self.values)

    @cached_property
    def has_nan(self):
        """Whether a value is missing."""
        return bool(np.isnan(self.values).any())

    @property
    def shape(self):
        """Shape of one data set, the longest."""
        return self.values.shape[1:]

    @property
    def n_ragged_axes(self):
        """How many of the first axes of a data set have lengths of their own."""
        return 0 if self.mask is None else self.mask.ndim - 1

    @property
    def is_ragged(self):
        """Whether lengths differ."""
        return self.n_ragged_axes > 0

    @property
    def lengths(self):
        """Number of observations, or of groups, of each data set that is there."""
        if self.mask is not None and self.is_ragged:
            counts = self.mask.reshape(*self.mask.shape[:2], -1).any(axis=2).sum(axis=1)
            return counts[counts > 0]
        return np.full(len(self), self.shape[0])

    @property
    def group_lengths(self):
        """Number of observations of each group that is there, `(n_datasets, n_groups)`; zero of one that is not."""
        if self.mask is None:
            return np.full((len(self), self.shape[0]), self.shape[1])
        if self.mask.ndim == 3:
            return self.mask.sum(axis=2)
        return np.broadcast_to(self.mask.reshape(len(self), -1), (len(self), self.shape[0])) * self.shape[1]


def is_several(X):
    """Return whether `X` has several sources: it is a dict, or a `skorch.helper.SliceDict`."""
    return isinstance(X, Mapping) and not sparse.issparse(X)


def is_ragged(X):
    """Return whether `X` is a list of arrays with an axis of observations, or of lists of such: of groups."""
    return _is_list(X) and len(X) > 0 and all(x is None or n_axes(x) > 1 for x in X) and _holds_arrays(X)


def is_grouped(X):
    """Return whether `X` is a list of data sets whose observations come in groups that have lengths of their own."""
    if any(_is_list_of_groups(x) for x in X):
        return True
    return len({np.shape(x)[1:-1] for x in X if n_axes(x) == 3}) > 1


def n_axes(X):
    """Return the number of axes of an array or of nested lists; 2 where only scikit-learn can tell what is wrong."""
    try:
        return np.ndim(X) if isinstance(X, (list, tuple)) else getattr(X, "ndim", 2)
    except ValueError:
        return 2


def _is_list(X):
    return isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)


def _holds_arrays(X):
    return any(hasattr(x, "__array__") or _is_list_of_groups(x) for x in X)


def _has_length(x):
    return hasattr(x, "__len__") and getattr(x, "ndim", 1) > 0 and not (isinstance(x, str) or sparse.issparse(x))


def _is_list_of_groups(x):
    return _is_list(x) and any(hasattr(group, "__array__") and np.ndim(group) == 2 for group in x)


def is_nothing(X):
    """Return whether `X` is None, or a list that has None in the place of each data set."""
    return X is None or (_is_list(X) and len(X) > 0 and all(x is None for x in X))


def refuse_uneven(X, *, name="X"):
    """Raise if `X` is a list of rows of different lengths, which could be data sets without an axis of features."""
    if _is_list(X) and not is_ragged(X):
        lengths = {len(x) for x in X if _has_length(x)}
        if len(lengths) > 1:
            has_features = any(isinstance(x, (list, tuple)) and np.ndim(x[:1]) == 2 for x in X)
            each = f"np.asarray(x){'' if has_features else '[:, np.newaxis]'}"
            raise ValueError(
                f"{name} must convert to an array of numbers, with as many in every row; got {type(X).__name__} that "
                f"does not, with {min(lengths)} to {max(lengths)}. Data sets of different sizes are arrays "
                f"(n_observations, n_features): {'' if has_features else 'for one feature '}pass [{each} for x in "
                f"{name}]."
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
    is_seen = ~np.isnan(source.values).reshape(*source.values.shape[: 1 + source.n_ragged_axes], -1).all(axis=-1)
    if source.is_ragged:
        axes = tuple(range(1, is_seen.ndim))
        is_seen = source.mask & (source.mask & is_seen).any(axis=axes, keepdims=True)
    return replace(source, mask=is_seen)


def read(X, *, name="X", may_miss=False, may_be_absent=False):
    """Return one source as a `Source`; where it may be absent, a list may have None in place of a data set.

    Raises
    ------
    ShapeError
        If a data set is empty, or the arrays of a list differ in more than their first axis, or first two of groups.
    ValueError
        If values are not finite numbers; NaN passes where `may_miss`.
    """
    if may_be_absent and _is_list(X) and not is_ragged(X):
        X = _filled_with_nan(X)
    refuse_uneven(X, name=name)
    if is_ragged(X):
        read_list = _read_grouped if is_grouped(X) else _read_ragged
        return read_list(X, name=name, may_miss=may_miss, may_be_absent=may_be_absent)
    values = as_float_array(X, name=name, allow_nan=may_miss, advice=MISSING_ADVICE)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim == 0 or 0 in values.shape:
        raise ShapeError(f"{name} must hold at least one data set and one number a data set; got shape {values.shape}.")
    return Source(values, columns=_columns([X], name=name))


def _columns(tables, *, name):
    """Return the names of the columns of DataFrames, which must be the same, or None if there are none."""
    named = [[str(column) for column in table.columns] for table in tables if hasattr(table, "columns")]
    for columns in named:
        if columns != named[0]:
            raise ShapeError(
                f"the data sets of {name} must have the same columns in the same order; got {named[0]} and {columns}."
            )
    return named[0] if named else None


def _filled_with_nan(X):
    """Return a list with NaN in place of data sets that are None."""
    like = next((x for x in X if x is not None), 0.0)
    return [np.full(np.shape(like), np.nan) if x is None else x for x in X]


def _read_ragged(X, *, name, may_miss, may_be_absent, names=None):
    names = [f"{name}[{i}]" for i in range(len(X))] if names is None else names
    arrays = [
        None if x is None else as_float_array(x, name=each, allow_nan=may_miss, advice=MISSING_ADVICE)
        for x, each in zip(X, names, strict=True)
    ]
    rest = next(array.shape[1:] for array in arrays if array is not None)
    for i, array in enumerate(arrays):
        if array is not None and array.shape[1:] != rest:
            raise ShapeError(
                f"the arrays of {name} may differ in their first axis, the observations, alone; got shapes "
                f"(n_observations, {', '.join(map(str, rest))}) and {array.shape} ({names[i]})."
            )
        if (array is None or not array.size) and not may_be_absent:
            raise ShapeError(f"{names[i]} has no observations; it needs at least one. Leave it out.")
    lengths = np.array([0 if array is None else len(array) for array in arrays])
    mask = np.arange(lengths.max()) < lengths[:, np.newaxis]
    values = np.zeros((*mask.shape, *rest))
    values[mask] = np.concatenate([array for array in arrays if array is not None])
    return Source(values, mask, _columns(X, name=name))


def _read_grouped(X, *, name, may_miss, may_be_absent):
    """Return data sets of groups as a `Source`: all groups are read as data sets, and then put together."""
    for i, x in enumerate(X):
        if x is None or not len(x):
            if not may_be_absent:
                raise ShapeError(f"{name}[{i}] has no groups; a data set needs at least one. Leave it out.")
        elif not _is_list_of_groups(x) and n_axes(x) != 3:
            raise ShapeError(
                f"{name}[{i}] must be groups of observations, (n_groups, n_observations, n_features) or a list of "
                f"arrays (n_observations, n_features), as other data sets are; got shape {np.shape(x)}."
            )
    owners = np.repeat(np.arange(len(X)), [0 if x is None else len(x) for x in X])
    groups = _read_ragged(
        [group for x in X if x is not None for group in x],
        name=f"groups of {name}",
        may_miss=may_miss,
        may_be_absent=False,
        names=[f"{name}[{i}][{j}]" for i, x in enumerate(X) if x is not None for j in range(len(x))],
    )
    n_groups = np.bincount(owners, minlength=len(X))
    has_group = np.arange(n_groups.max()) < n_groups[:, np.newaxis]
    values, mask = (np.zeros((*has_group.shape, *part.shape[1:]), part.dtype) for part in (groups.values, groups.mask))
    values[has_group], mask[has_group] = groups.values, groups.mask
    return Source(values, mask, groups.columns)


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
    there = is_there(source)
    if not source.has_nan:
        return np.zeros(there.sum())
    n_values = np.full(len(source), math.prod(source.shape))
    if source.is_ragged:
        n_places = source.mask.reshape(len(source), -1).sum(axis=1)
        n_values = n_places * math.prod(source.shape[source.n_ragged_axes :])
    n_missing = np.isnan(source.values).reshape(len(source), -1).sum(axis=1)
    return n_missing[there] / n_values[there]


def is_uneven(source):
    """Return whether data sets have different numbers of observations."""
    return source.is_ragged and not source.mask[is_there(source)].all()


def has_missing(source):
    """Return whether a value, or the whole of a data set, is missing."""
    return source.has_nan or not is_there(source).all()
