"""Checks of what `fit`, `sample` and the others are given."""

import numbers
from contextlib import contextmanager

import numpy as np
from sklearn.utils.validation import validate_data
from skorch.callbacks import Callback

from skabi._params import check_count, check_real
from skabi._shapes import as_float_array, check_parameters
from skabi._torch import resolve_device
from skabi.engines import BaseEngine
from skabi.exceptions import ShapeError
from skabi.losses import BaseLoss
from skabi.simulators import is_simulator
from skabi.summaries import BaseSummary


def check_constructor(estimator):
    """Raise if a constructor parameter does not make sense; recipes check their own."""
    for name in ("n_estimators", "n_simulations", "max_iter", "n_iter_no_change"):
        check_count(getattr(estimator, name), name)
    if not isinstance(estimator.batch_size, str):
        check_count(estimator.batch_size, "batch_size")
    elif estimator.batch_size != "auto":
        raise ValueError(f'batch_size must be "auto" or an int; got {estimator.batch_size!r}.')
    resolve_device(estimator.device)
    check_real(estimator.learning_rate_init, "learning_rate_init", low=0.0)
    check_real(estimator.validation_fraction, "validation_fraction", low=0.0, high=1.0)
    for name in ("early_stopping", "warm_start"):
        if not isinstance(getattr(estimator, name), (bool, np.bool_)):
            raise TypeError(f"{name} must be True or False; got {getattr(estimator, name)!r}.")
    if not isinstance(estimator.verbose, (numbers.Integral, bool)):
        raise TypeError(f"verbose must be an int or a bool; got {estimator.verbose!r}.")
    for name, (base, example) in RECIPES.items():
        recipe = getattr(estimator, name)
        if recipe is not None and not isinstance(recipe, base):
            raise TypeError(
                f"{name} must be a recipe from skabi.{base.__module__.split('.')[1]}, such as {example}, or None; "
                f"got {recipe!r}."
            )
    _check_callbacks(estimator.callbacks)


RECIPES = {
    "engine": (BaseEngine, "SplineFlow()"),
    "summary": (BaseSummary, "IdentitySummary()"),
    "loss": (BaseLoss, "ForwardKL()"),
}


def _check_callbacks(callbacks):
    """Raise unless `callbacks` is None or a list of what skorch takes: callbacks, or pairs of name and callback."""
    if callbacks is None:
        return
    entries = callbacks if isinstance(callbacks, (list, tuple)) else [None]
    if not all(isinstance(entry[1] if isinstance(entry, tuple) else entry, Callback) for entry in entries):
        raise TypeError(
            f"callbacks must be a list of skorch callbacks, such as [skorch.callbacks.EpochTimer()]; got {callbacks!r}."
        )


def check_training_data(estimator, X, y):
    """Return X `(n_datasets, ...)` and y, `(n_datasets,)` or `(n_datasets, n_parameters)`, as float64 arrays."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None. Pass the "
            "parameters that made each data set, fit(X, y), or a skabi.simulators.Simulator, fit(simulator)."
        )
    refuse_lossy(X, name="X")
    refuse_lossy(y, name="y")
    # A fit that goes on leaves what the last one knows of X as it is, also where it is refused.
    is_continued = estimator.warm_start and hasattr(estimator, "network_")
    if _n_axes(X) > 2:
        X, y = _check_rows_of_arrays(X), as_float_array(y, name="y")
        if y.ndim == 0 or len(X) != len(y):
            raise ShapeError(f"X and y must have the same n_datasets; got shapes {X.shape} and {y.shape}.")
        if not is_continued:
            estimator.n_features_in_ = X.shape[-1]
            vars(estimator).pop("feature_names_in_", None)
    else:
        if _n_axes(y) > 2:
            raise ShapeError(f"y must have shape (n_datasets, n_parameters); got {np.shape(y)}.")
        rules = {"dtype": np.float64, "multi_output": True, "y_numeric": True, "ensure_min_samples": 2}
        with _hinting_at_warm_start(is_continued), _naming_what_does_not_convert(X=X, y=y):
            X, y = validate_data(estimator, X, y, reset=not is_continued, **rules)
        y = as_float_array(y, name="y")
    if len(y) < 2:
        raise ValueError(f"fit needs at least 2 data sets, and makes sense with hundreds; got {len(y)}.")
    check_parameters(y)
    return X, y


def check_data_sets(estimator, X, shape):
    """Return X `(n_datasets, *shape)` as a float64 array; `shape` is that of one data set in `fit`."""
    wanted = f"X must have shape (n_datasets, {', '.join(map(str, shape))})"
    if is_simulator(X):
        raise TypeError(f"{wanted}; got a simulator. Draw data sets first: X, y = simulator.sample(n).")
    refuse_lossy(X, name="X")
    if len(shape) == 1 and _n_axes(X) <= 2:
        with _naming_what_does_not_convert(X=X):
            return validate_data(estimator, X, dtype=np.float64, reset=False)
    X = as_float_array(X, name="X")
    if X.shape == shape:
        raise ShapeError(f"{wanted}; got {X.shape}, one data set without its first axis. Pass X[np.newaxis].")
    if X.shape[1:] != shape or not len(X):
        raise ShapeError(f"{wanted}, as in fit; got {X.shape}.")
    return X


def refuse_lossy(values, *, name):
    """Raise if `values` would become numbers only by leaving out a part of them, or are missing altogether."""
    if values is None:
        raise ValueError(f"{name} must be an array of numbers; got None.")
    dtypes = np.atleast_1d(getattr(values, "dtypes", getattr(values, "dtype", ())))
    if any(getattr(dtype, "kind", None) == "c" for dtype in dtypes):
        raise ValueError(f"Complex data not supported: {name} must be real. Pass real and imaginary parts as features.")
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} must have no masked values; {np.ma.count_masked(values)} of {np.ma.size(values)} are masked. "
            "Fill them with what the simulator gives where a value is missing."
        )


@contextmanager
def _hinting_at_warm_start(is_continued):
    """Say that `fit` was to go on where scikit-learn only sees other columns than in the last one."""
    try:
        yield
    except ValueError as error:
        if not is_continued or "feature" not in str(error):
            raise
        raise ValueError(
            f"{error}\nwith warm_start=True fit goes on from the last; else use warm_start=False."
        ) from error


@contextmanager
def _naming_what_does_not_convert(**arrays):
    """Say which of `arrays` is not numbers where scikit-learn only repeats what NumPy found."""
    try:
        yield
    except (TypeError, ValueError) as error:
        for name, values in arrays.items():
            try:
                np.asarray(values, dtype=np.float64)
            except (TypeError, ValueError) as reason:
                if str(reason) == str(error):
                    raise type(error)(
                        f"{name} must convert to an array of numbers, with as many in every row; got "
                        f"{type(values).__name__} that does not ({error})."
                    ) from error
        raise


def check_quantiles(quantiles) -> np.ndarray:
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
