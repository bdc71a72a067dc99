"""Checks of what `fit`, `sample` and the others are given."""

import numbers
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.utils.validation import validate_data
from skorch.callbacks import Callback

from skabi._params import check_choice, check_count, check_real
from skabi._shapes import as_float_array, check_parameters, refuse_lossy
from skabi._torch import resolve_device
from skabi.engines import BaseEngine
from skabi.estimators._sources import (
    MISSING_ADVICE,
    Source,
    is_nothing,
    is_ragged,
    is_several,
    n_axes,
    read,
    read_several,
    refuse_uneven,
    sources_of,
)
from skabi.estimators._stored import in_memory
from skabi.exceptions import ShapeError
from skabi.heads import BaseHead
from skabi.losses import SumLoss
from skabi.losses._base import Loss
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
    check_choice(estimator.missing, "missing", ("mask", None))
    if hasattr(estimator, "missing_rate"):
        check_real(estimator.missing_rate, "missing_rate", low=0.0, high=1.0)
    for name in ("early_stopping", "warm_start", "warn_outside", "fresh_simulations"):
        if not isinstance(getattr(estimator, name, True), (bool, np.bool_)):
            raise TypeError(f"{name} must be True or False; got {getattr(estimator, name)!r}.")
    if not isinstance(estimator.verbose, (numbers.Integral, bool)):
        raise TypeError(f"verbose must be an int or a bool; got {estimator.verbose!r}.")
    for name, (base, example) in RECIPES.items():
        recipe = getattr(estimator, name, None)
        if recipe is not None and not isinstance(recipe, base):
            raise TypeError(
                f"{name} must be a recipe from skabi.{base.__module__.split('.')[1]}, such as {example}, or None; "
                f"got {recipe!r}."
            )
    _check_loss(getattr(estimator, "loss", None))
    _check_callbacks(estimator.callbacks)
    _check_checkpoint(estimator.checkpoint)


def _check_checkpoint(checkpoint):
    """Raise unless `checkpoint` is None or may be the path of a folder."""
    if checkpoint is None:
        return
    if not isinstance(checkpoint, (str, os.PathLike)):
        raise TypeError(f"checkpoint must be the path of a folder, or None; got {checkpoint!r}.")
    if not str(checkpoint):
        raise ValueError("checkpoint must be the path of a folder, or None; got an empty text.")
    if Path(checkpoint).exists() and not Path(checkpoint).is_dir():
        raise ValueError(f"checkpoint must be the path of a folder; {str(checkpoint)!r} is a file. Name another.")


def check_fresh(estimator, X):
    """Raise if there is no simulator to make fresh simulations, or another class learns from it."""
    check_own_simulator(estimator, X)
    if estimator.fresh_simulations and not is_simulator(X):
        raise ValueError(
            "fresh_simulations=True needs a simulator, which makes new ones for each epoch: fit(simulator). For data "
            "sets already simulated use fresh_simulations=False."
        )


def check_own_simulator(estimator, X):
    """Raise if X is a simulator that another class learns from."""
    learner = getattr(type(X), "learned_by", None)
    if learner is not None:
        raise TypeError(
            f"{type(estimator).__name__} does not learn from a {type(X).__name__}; use {learner}().fit(simulator)."
        )


def check_no_simulator(X):
    """Raise if X of `partial_fit` is a simulator."""
    if is_simulator(X):
        raise TypeError(
            "partial_fit takes simulations, a part at a time: X, y = simulator.sample(n, random_state=i). To train on "
            "new simulations each epoch use fit(simulator) with fresh_simulations=True."
        )


def _check_loss(loss):
    """Raise unless a loss is one by itself, and the terms of a sum are of different classes."""
    if isinstance(loss, SumLoss):
        loss.check()
    if loss is not None and loss.is_penalty:
        raise ValueError(f"loss={loss!r} trains no posterior by itself. Add it to one that does: ForwardKL() + ...")


RECIPES = {
    "engine": (BaseEngine, "SplineFlow()"),
    "posterior": (BaseEngine, "SplineFlow()"),
    "likelihood": (BaseEngine, "SplineFlow()"),
    "head": (BaseHead, "Softmax()"),
    "summary": (BaseSummary, "SetSummary()"),
    "loss": (Loss, "ForwardKL()"),
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


def check_training_data(estimator, X, y, *, is_continued):
    """Return X as a `Source` or a dict of such, and y, `(n_datasets,)` or `(n_datasets, n_parameters)`, as an array.

    Without y, where the loss needs none, that is None.
    """
    loss = getattr(estimator, "loss", None)
    if y is None and (loss is None or loss.needs_parameters):
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None. Pass the "
            "parameters that made each data set, fit(X, y), or a skabi.simulators.Simulator, fit(simulator)."
        )
    X = in_memory(X)
    refuse_lossy(X, name="X")
    if y is not None:
        refuse_lossy(y, name="y")
    # A fit that goes on leaves what the last one knows of X as it is, also where it is refused.
    if estimator.summary is not None:
        X = estimator.summary.expand(X)
    may_miss = estimator.missing is not None
    if _is_table(X):
        X, y = _check_table(estimator, X, y, may_miss=may_miss, is_continued=is_continued)
    else:
        X, y = _read(X, may_miss=may_miss), None if y is None else as_float_array(y, name="y")
        if y is not None:
            _check_rows(X, y)
        if not is_continued:
            estimator.n_features_in_ = sum(source.shape[-1] for source in sources_of(X))
            vars(estimator).pop("feature_names_in_", None)
    if y is None:
        return X, y
    if len(y) < 2:
        raise ValueError(f"fit needs at least 2 data sets, and makes sense with hundreds; got {len(y)}.")
    check_parameters(y)
    return X, y


def _check_table(estimator, X, y, *, may_miss, is_continued):
    """Return X `(n_datasets, n_features)` as a `Source`, and y, as scikit-learn checks them."""
    if y is None:
        rules = _table_rules(may_miss=may_miss)
        with _hinting_at_warm_start(is_continued):
            return Source(check_table(estimator, X, reset=not is_continued, **rules)), None
    if n_axes(y) > 2:
        raise ShapeError(f"y must have shape (n_datasets, n_parameters); got {np.shape(y)}.")
    refuse_uneven(X)
    for name, table in (("X", X), ("y", y)):
        _refuse_twice(table, name=name)
    rules = {"multi_output": True, "y_numeric": True, "ensure_min_samples": 2, **_table_rules(may_miss=may_miss)}
    with _hinting_at_warm_start(is_continued), _saying_what_is_wrong(X=X, y=y):
        X, y = validate_data(estimator, X, y, reset=not is_continued, **rules)
    return Source(X), as_float_array(y, name="y")


def _check_rows(X, y):
    """Raise unless each data set has its parameters."""
    source = sources_of(X)[0]
    if y.ndim == 0 or len(source) != len(y):
        shown = source.values.shape if isinstance(X, Source) and not source.is_ragged else f"({len(source)}, ...)"
        raise ShapeError(f"X and y must have the same n_datasets; got shapes {shown} and {y.shape}.")


def check_data_sets(estimator, X):
    """Return X as a `Source` or a dict of such, as `fit` saw it, and in what its data sets are unlike any there."""
    X = in_memory(X)
    if is_simulator(X):
        raise TypeError("X must be data sets; got a simulator. Draw data sets first: X, y = simulator.sample(n).")
    refuse_lossy(X, name="X")
    X = estimator.summary_.expand(X)
    reader = estimator._reader
    if reader.is_several:
        X = _check_sources(estimator, X)
    elif is_several(X):
        raise ShapeError(f"X has several sources, {list(X)}; in fit it had one. Pass the array alone.")
    elif len(reader.shape) == 1 and n_axes(X) <= 2:
        X = Source(check_table(estimator, X, reset=False, **_table_rules(may_miss=reader.may_miss)))
    else:
        X = _read(X, may_miss=reader.may_miss)
    return X, reader.check(X)


def check_table(estimator, X, **rules):
    """Return X `(n_datasets, n_features)` as scikit-learn checks it by `rules`."""
    refuse_uneven(X)
    _refuse_twice(X, name="X")
    with _saying_what_is_wrong(X=X, advice=MISSING_ADVICE if hasattr(estimator, "missing") else ""):
        return validate_data(estimator, X, **rules)


def _refuse_twice(table, *, name):
    """Raise if columns of a DataFrame share a name."""
    columns = list(getattr(table, "columns", []))
    twice = sorted({str(column) for column in columns if columns.count(column) > 1})
    if twice:
        raise ValueError(f"{name} must have columns of different names; got {twice} more than once.")


def _check_sources(estimator, X):
    """Return a dict with a `Source` for each source of `fit`."""
    readers, may_miss = estimator._reader.each, estimator._reader.may_miss
    if not is_several(X):
        raise ShapeError(f"X must have the sources {list(readers)}, a SliceDict as in fit; got {type(X).__name__}.")
    unknown = [name for name in X if name not in readers]
    absent = [name for name in readers if name not in X or is_nothing(X[name])]
    if unknown:
        raise ShapeError(f"X has the sources {unknown}, unseen in fit; there were {list(readers)}.")
    if absent and not may_miss:
        raise ShapeError(f'X lacks the sources {absent} of fit. To do without, fit with missing="mask".')
    if len(absent) == len(readers):
        raise ShapeError("X must hold something of at least one source; none of them is there.")
    sources = read_several({name: X[name] for name in readers if name not in absent}, may_miss=may_miss)
    n = len(next(iter(sources.values())))
    lengths = {name: len(X[name]) for name in absent if X.get(name) is not None}
    if any(length != n for length in lengths.values()):
        raise ShapeError(f"all sources of X must have the same n_datasets; got {n} and {lengths}.")
    for name in absent:
        nothing = np.full((n, *readers[name].shape), np.nan)
        sources[name] = Source(nothing, np.zeros(readers[name].places(n), dtype=bool))
    return {name: sources[name] for name in readers}


def _read(X, *, may_miss):
    return read_several(X, may_miss=may_miss) if is_several(X) else read(X, may_miss=may_miss)


def _table_rules(*, may_miss):
    return {"dtype": np.float64, "ensure_all_finite": "allow-nan" if may_miss else True}


def _is_table(X):
    return not (is_several(X) or is_ragged(X) or n_axes(X) > 2)


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
def _saying_what_is_wrong(*, advice=MISSING_ADVICE, **arrays):
    """Say which of `arrays` is not numbers where scikit-learn only repeats NumPy, and what to do of NaN in X."""
    try:
        # scikit-learn looks at the sum first, which huge numbers of both signs do not have.
        with np.errstate(invalid="ignore"):
            yield
    except (TypeError, ValueError) as error:
        if advice and "Input X contains NaN" in str(error):
            raise ValueError(f"Input X contains NaN.{advice}") from error
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
