"""Data sets of every shape: what simulate returns, what blocks of rows carry, and what `sample` returns.

Inside this room they are a dict of source name to an array `(n_datasets, ...)`, or to a list of arrays
`(n_observations, ...)` where data sets have sizes of their own. Where there are no several sources, the name is None.
"""

from collections.abc import Mapping

import numpy as np

from skabi.exceptions import SimulatorError
from skabi.simulators._sizes import GROUPS, OBSERVATIONS


def read(result, sizes, *, n_rows):
    """Return what simulate returned for `n_rows` data sets, given their sizes by what is counted and source."""
    sources = result if isinstance(result, Mapping) else {None: result}
    sizes = _by_source(sizes)
    _check_names(list(sources), list(sizes))
    data = {}
    for name, value in sources.items():
        rows = _as_rows(value, name) if name in sizes else as_numbers(value, name)
        shape = (len(rows),) if isinstance(rows, list) else rows.shape
        if shape[:1] != (n_rows,):
            raise SimulatorError(
                f"a vectorized {_simulate(name)} must return one row a data set, (n_datasets, ...); got "
                f"{f'{len(rows)} arrays' if isinstance(rows, list) else f'shape {shape}'} for n_datasets={n_rows}. For "
                "one data set a call leave vectorized=False."
            )
        data[name] = _cut(rows, sizes[name], name) if name in sizes else _columns(rows)
    return data


def as_batch(result):
    """Return what simulate returned for one data set as what it would return for a batch of one."""
    if isinstance(result, Mapping):
        return {name: as_numbers(value, name)[np.newaxis] for name, value in result.items()}
    return as_numbers(result)[np.newaxis]


def as_numbers(result, name=None):
    """Return a float64 array, or raise and say what else simulate returned."""
    if result is None:
        raise SimulatorError(
            f"{_simulate(name)} must return a data set; it returned None. Is a return statement missing? A simulation "
            "that failed may raise or return NaN, and so may a source that is missing, with allow_nan=True."
        )
    if np.ma.isMaskedArray(result):
        raise SimulatorError(
            f"{_simulate(name)} must return a plain array; got a masked one, whose mask would be lost. Return "
            "result.filled(value), with a value that stands for what is missing."
        )
    try:
        array = np.asarray(result)
        if array.dtype.kind in "biufO":
            return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise SimulatorError(
            f"{_simulate(name)} must return numbers in an array of one shape; got {type(result).__name__} ({error})."
        ) from error
    advice = " Return real and imaginary parts side by side." if array.dtype.kind == "c" else ""
    raise SimulatorError(f"{_simulate(name)} must return real numbers; got values of type {array.dtype}.{advice}")


# What to do about a difference.
ADVICE = (
    " Where sizes differ say Simulator(..., n_observations=(low, high)); a source that is missing is an array of NaN, "
    "with allow_nan=True."
)


def difference(data, first, sizes):
    """Return what is wrong with data sets whose sources or shapes are not those of the first, else None.

    `sizes` has what is counted and source for keys.
    """
    if set(data) != set(first):
        return f"simulate must return the same sources every time; got {_sources(first)} and {_sources(data)}"
    counted = _by_source(dict.fromkeys(sizes))
    for name in first:
        shape, other = (_shape(each[name], list(counted.get(name, ()))) for each in (first, data))
        if shape != other:
            return f"{_simulate(name)} must return the same shape every time; got {shape} and {other}"
    return None


def valid_rows(data, *, allow_nan):
    """Return which data sets have numbers alone that may be, `(n_datasets,)`."""
    is_valid = (lambda values: ~np.isinf(values)) if allow_nan else np.isfinite
    return np.logical_and.reduce([_all_of_each(is_valid, values) for values in data.values()])


def take(data, rows):
    """Return some data sets: `rows` are indices or a slice."""
    return {name: _take(values, rows) for name, values in data.items()}


def join(parts):
    """Return the data sets of all parts, one after the other."""
    return {name: _join([part[name] for part in parts]) for name in parts[0]}


def as_X(data):
    """Return data sets as users see them: an array, a list of arrays, or a `skorch.helper.SliceDict`.

    The dict slices its values, which lists could not stand: there data sets are in an array of objects.
    """
    if None in data:
        return data[None]
    from skorch.helper import SliceDict

    return SliceDict(**{name: as_objects(v) if isinstance(v, list) else v for name, v in data.items()})


def _simulate(name):
    return "simulate" if name is None else f"simulate (source {name!r})"


def _sources(data):
    return "one array" if None in data else list(data)


def _check_names(names, sized):
    """Raise unless sources can be those of X, and those that have sizes are among them."""
    if names != [None] and (not names or not all(isinstance(name, str) for name in names)):
        raise SimulatorError(
            f"simulate must return one array, or a dict of source name to array; got a dict with the keys {names}."
        )
    missing = [name for name in sized if name not in names]
    if not missing:
        return
    if names == [None]:
        raise SimulatorError(
            f"n_observations is a dict for sources {sized}, but simulate returned one array. For one array "
            "n_observations is a range (low, high) or a distribution; for several sources return a dict of these names."
        )
    if missing == [None]:
        raise SimulatorError(
            f"simulate returned the sources {names}: say which of them have sizes with a dict, as in "
            f"Simulator(..., n_observations={{{names[0]!r}: (20, 200)}})."
        )
    raise SimulatorError(f"n_observations is for sources {sized}, but simulate returned the sources {names}.")


def _as_rows(value, name):
    """Return data sets that have sizes: an array whose rows they are, or a list of arrays."""
    is_list = isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.dtype == object)
    return [as_numbers(row, name) for row in value] if is_list else as_numbers(value, name)


def _by_source(sizes):
    """Return a dict of source name to dict of what is counted to sizes, in the order of axes."""
    sources: dict = {}
    for counted in (GROUPS, OBSERVATIONS):
        for (kind, source), values in sizes.items():
            if kind == counted:
                sources.setdefault(source, {})[counted] = values
    return sources


def _cut(rows, sizes, name):
    """Return a list of the first observations of each data set, or of each of its first groups."""
    counted, data_sets = list(sizes), []
    for row, *extent in zip(rows, *sizes.values(), strict=True):
        if row.ndim < len(extent) or (np.array(row.shape[: len(extent)]) < extent).any():
            wanted = " and ".join(f"{axis}={n}" for axis, n in zip(counted, extent, strict=True))
            raise SimulatorError(
                f"{_simulate(name)} must return at least {wanted} along the first {_axes(counted)} of a data set; got "
                f"shape {row.shape}."
            )
        row = row[tuple(map(slice, extent))].copy()
        data_sets.append(row[..., np.newaxis] if row.ndim == len(extent) else row)
    shapes = sorted({row.shape[len(counted) :] for row in data_sets})
    if len(shapes) > 1:
        raise SimulatorError(
            f"{_simulate(name)} must return data sets that differ in their first {_axes(counted)}, {_listed(counted)}, "
            f"alone; got the rest of shapes {shapes[0]} and {shapes[1]}."
        )
    return data_sets


def _axes(counted):
    return "axis" if len(counted) == 1 else "axes"


def _listed(counted):
    return " and ".join(counted)


def _columns(X):
    return X[:, np.newaxis] if X.ndim == 1 else X


def _shape(values, counted):
    """Return the shape of a data set as text, of which what is counted may be any number."""
    if not counted:
        return str(values.shape[1:])
    return f"({', '.join(map(str, (*counted, *values[0].shape[len(counted) :])))})"


def _all_of_each(is_valid, values):
    if isinstance(values, list):
        return np.array([is_valid(x).all() for x in values])
    return is_valid(values).reshape(len(values), -1).all(axis=1)


def _take(values, rows):
    if isinstance(values, list) and not isinstance(rows, slice):
        return [values[row] for row in rows]
    return values[rows]


def _join(parts):
    return [x for part in parts for x in part] if isinstance(parts[0], list) else np.concatenate(parts)


def as_objects(arrays):
    """Return a list of arrays as an array of objects."""
    objects = np.empty(len(arrays), dtype=object)
    for i, array in enumerate(arrays):
        objects[i] = array
    return objects
