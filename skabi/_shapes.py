"""Every shape check and its message, in the words of the glossary."""

import numpy as np

from skabi.exceptions import ShapeError


def refuse_lossy(values, *, name):
    """Raise if `values` would become numbers only by leaving out a part of them, or are missing altogether."""
    if values is None:
        raise ValueError(f"{name} must be an array of numbers; got None.")
    kinds = _dtype_kinds(values)
    if "c" in kinds:
        raise ValueError(f"Complex data not supported: {name} must be real. Pass real and imaginary parts as features.")
    if kinds & {"m", "M"}:
        raise ValueError(f"{name} must be numbers; got times, or dates, which have a unit. Divide by one first.")
    if "V" in kinds:
        raise ValueError(f"{name} must be plain numbers; got records with named fields. Stack the fields as features.")
    if getattr(values, "requires_grad", False):
        raise TypeError(f"{name} must be numbers alone; got a tensor that requires a gradient. Pass {name}.detach().")
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} must have no masked values; {np.ma.count_masked(values)} of {np.ma.size(values)} are masked. "
            "Fill them with what the simulator gives where a value is missing."
        )


def _dtype_kinds(values):
    """Return the kinds of the dtypes of an array, of the columns of a DataFrame or of the arrays in a list, a set."""
    if isinstance(values, (list, tuple)):
        return {getattr(getattr(part, "dtype", None), "kind", None) for part in values}
    dtypes = np.atleast_1d(getattr(values, "dtypes", getattr(values, "dtype", ())))
    return {getattr(dtype, "kind", None) for dtype in dtypes}


def as_float_array(values, *, name, allow_nan=False, advice="") -> np.ndarray:
    """Return `values` as a float64 array, or raise if they are not numbers or not finite; NaN may be allowed.

    `advice` follows the message on NaN.
    """
    refuse_lossy(values, name=name)
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must convert to an array of numbers; got {type(values).__name__} that does not ({error})."
        ) from error
    is_good = np.isfinite(array) | np.isnan(array) if allow_nan else np.isfinite(array)
    if not is_good.all():
        n_bad = int(np.count_nonzero(~is_good))
        if allow_nan:
            raise ValueError(f"{name} must hold numbers, or NaN where one is missing; {n_bad} of them are infinite.")
        advice = advice if np.isnan(array).any() else ""
        raise ValueError(f"{name} must be finite; {n_bad} of its {array.size} values are NaN or infinity.{advice}")
    return array


def check_draws(draws, *, name="draws", n_datasets=None) -> np.ndarray:
    """Return `draws` as a finite float64 array `(n_datasets, n_draws, n_parameters)`."""
    draws = as_float_array(draws, name=name)
    if draws.ndim != 3:
        raise ShapeError(
            f"{name} must have shape (n_datasets, n_draws, n_parameters); got {draws.shape}. "
            f"For one data set pass {name}[np.newaxis]."
        )
    if 0 in draws.shape:
        raise ShapeError(f"{name} must have at least one data set, draw and parameter; got shape {draws.shape}.")
    if n_datasets is not None and len(draws) != n_datasets:
        raise ShapeError(f"{name} must be of as many data sets as X, {n_datasets}; got shape {draws.shape}.")
    return draws


def check_parameters(y, *, n_parameters=None, name="y") -> np.ndarray:
    """Return `y` as a finite float64 array `(n_datasets, n_parameters)`, not empty; one dimension is one parameter."""
    y = as_float_array(y, name=name)
    if y.ndim == 1:
        y = y[:, np.newaxis]
    if y.ndim != 2 or (n_parameters is not None and y.shape[1] != n_parameters):
        wanted = "n_parameters" if n_parameters is None else n_parameters
        raise ShapeError(f"{name} must have shape (n_datasets, {wanted}); got {y.shape}.")
    if not len(y):
        raise ShapeError(f"{name} must have at least one row of parameters; got shape {y.shape}.")
    return y


def check_draws_and_parameters(draws, y) -> tuple[np.ndarray, np.ndarray]:
    """Return draws `(n_datasets, n_draws, n_parameters)` and true parameters `(n_datasets, n_parameters)`."""
    draws = check_draws(draws)
    y = check_parameters(y, n_parameters=draws.shape[2])
    if len(y) != len(draws):
        raise ShapeError(f"draws and y must have the same n_datasets; got {len(draws)} and {len(y)}.")
    return draws, y


def check_one_size(data_sets, *, name, advice):
    """Raise if data sets in a list are of different shapes; `advice` says what to do instead."""
    if isinstance(data_sets, (list, tuple)) or getattr(data_sets, "dtype", np.dtype(float)).hasobject:
        shapes = sorted({np.shape(data_set) for data_set in data_sets})
        if len(shapes) > 1:
            raise ShapeError(
                f"all data sets of {name} must be of one size in a DataTree; got shapes {shapes[0]} to {shapes[-1]}. "
                f"{advice}"
            )


def check_axes(shape, names, who):
    """Raise unless data sets of `shape` have one axis for each of `names`."""
    if len(shape) != len(names):
        raise ShapeError(
            f"{who} needs X of shape (n_datasets, {', '.join(names)}); got data sets of shape {tuple(shape)}."
        )
