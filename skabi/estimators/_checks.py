"""Checks of what `fit`, `sample` and the others are given."""

import numbers

import numpy as np
from sklearn.utils.validation import validate_data

from skabi._params import check_count, check_real
from skabi._shapes import as_float_array, check_parameters
from skabi.exceptions import ShapeError


def check_constructor(estimator):
    """Raise if a constructor parameter does not make sense; recipes check their own."""
    for name in ("n_simulations", "max_iter", "n_iter_no_change"):
        check_count(getattr(estimator, name), name)
    if estimator.batch_size != "auto":
        if isinstance(estimator.batch_size, str):
            raise ValueError(f'batch_size must be "auto" or an int; got {estimator.batch_size!r}.')
        check_count(estimator.batch_size, "batch_size")
    check_real(estimator.learning_rate_init, "learning_rate_init", low=0.0)
    check_real(estimator.validation_fraction, "validation_fraction", low=0.0, high=1.0)
    for name in ("early_stopping", "warm_start"):
        if not isinstance(getattr(estimator, name), (bool, np.bool_)):
            raise TypeError(f"{name} must be True or False; got {getattr(estimator, name)!r}.")
    if not isinstance(estimator.verbose, (numbers.Integral, bool)):
        raise TypeError(f"verbose must be an int or a bool; got {estimator.verbose!r}.")
    for name, methods in {"engine": ("build",), "summary": ("build",), "loss": ("__call__",)}.items():
        recipe = getattr(estimator, name)
        if recipe is not None and (isinstance(recipe, type) or not all(hasattr(recipe, m) for m in methods)):
            raise TypeError(f"{name} must be a recipe from skabi.{_ROOMS[name]}, such as {_EXAMPLES[name]}, or None; "
                            f"got {recipe!r}.")  # fmt: skip


_ROOMS = {"engine": "engines", "summary": "summaries", "loss": "losses"}
_EXAMPLES = {"engine": "SplineFlow()", "summary": "IdentitySummary()", "loss": "ForwardKL()"}


def check_training_data(estimator, X, y):
    """Return X `(n_datasets, ...)` and y, `(n_datasets,)` or `(n_datasets, n_parameters)`, as float64 arrays."""
    if _n_axes(X) > 2 and y is not None:
        X, y = _check_rows_of_arrays(X), as_float_array(y, name="y")
        if len(X) != len(y):
            raise ShapeError(f"X and y must have the same n_datasets; got {len(X)} and {len(y)}.")
        estimator.n_features_in_ = X.shape[-1]
        vars(estimator).pop("feature_names_in_", None)
    else:
        X, y = validate_data(estimator, X, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2)
        y = as_float_array(y, name="y")
    if len(y) < 2:
        raise ValueError(f"fit needs at least 2 data sets, and makes sense with hundreds; got {len(y)}.")
    check_parameters(y)
    return X, y


def check_data_sets(estimator, X, shape):
    """Return X `(n_datasets, *shape)` as a float64 array; `shape` is that of one data set in `fit`."""
    if len(shape) == 1:
        return validate_data(estimator, X, dtype=np.float64, reset=False)
    X = as_float_array(X, name="X")
    if X.shape == shape:
        raise ShapeError(
            f"X must have shape (n_datasets, {', '.join(map(str, shape))}); got {X.shape}, one data set without its "
            "first axis. Pass X[np.newaxis]."
        )
    if X.shape[1:] != shape or not len(X):
        raise ShapeError(f"X must have shape (n_datasets, {', '.join(map(str, shape))}), as in fit; got {X.shape}.")
    return X


def is_simulator(X):
    """Return whether `X` can simulate: it has a prior and draws data sets with their parameters."""
    return hasattr(X, "prior") and hasattr(X, "sample")


def check_quantiles(quantiles):
    """Return `quantiles` as an array of numbers from 0 to 1."""
    quantiles = np.atleast_1d(as_float_array(quantiles, name="quantiles"))
    if quantiles.ndim != 1 or not quantiles.size or not ((quantiles >= 0) & (quantiles <= 1)).all():
        raise ValueError(f"quantiles must be a list of numbers from 0 to 1; got {quantiles.tolist()}.")
    return quantiles


def _n_axes(X):
    """Return the number of axes of an array or of nested lists; 2 where only scikit-learn can tell what is wrong."""
    try:
        return np.ndim(X) if isinstance(X, (list, tuple)) else getattr(X, "ndim", 2)
    except ValueError:
        return 2


def _check_rows_of_arrays(X):
    X = as_float_array(X, name="X")
    if 0 in X.shape:
        raise ShapeError(f"X must hold at least one data set and one number a data set; got shape {X.shape}.")
    return X
