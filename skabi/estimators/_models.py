"""Models to compare: their simulations, labels and priors."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skabi._params import check_count
from skabi._shapes import as_float_array
from skabi._warnings import warn
from skabi.estimators._sources import is_ragged, is_several
from skabi.exceptions import ApproximationWarning, ShapeError, SimulatorError
from skabi.simulators import is_simulator

# Sizes of data sets that differ between models: not by chance, nor by little.
_BY_CHANCE, _SMALLEST_GAP = 1e-4, 0.1
# What to do about a simulator whose data sets are groups.
_WITH_LEVELS = (
    " Of data sets with levels X is the list of their groups, X.data of each X, y = simulator.sample(n); "
    "NestedSummary() summarizes it."
)
# How far from one a prior may sum by rounding.
_ROUNDING = 1e-6


def check_labels(y, estimator):
    """Return labels that `estimator` was given as an array `(n_datasets,)`."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None. Pass the "
            "label of the model that made each data set, or, to fit, simulators: fit({name: simulator, ...})."
        )
    y = column_or_1d(y, warn=True)
    if y.dtype.kind in "fc":
        assert_all_finite(y, input_name="y")
    # scikit-learn asks whether labels are whole by way of integers, which have an end.
    with np.errstate(invalid="ignore"):
        check_classification_targets(y)
    return y


def check_model_prior(model_prior, classes, default):
    """Return probabilities of the models in the order of `classes`, `(n_models,)`, or `default` if there are none.

    Raises
    ------
    ValueError
        If they are not positive, do not sum to one, or are not those of the models.
    """
    if model_prior is None:
        return default
    labels = classes.tolist()
    if isinstance(model_prior, pd.Series):
        model_prior = model_prior.to_dict()
    if isinstance(model_prior, Mapping):
        if set(model_prior) != set(labels):
            raise ValueError(f"model_prior must have one entry for each of {labels}; got {list(model_prior)}.")
        model_prior = [model_prior[label] for label in labels]
    prior = as_float_array(model_prior, name="model_prior")
    if prior.shape != (len(classes),):
        raise ShapeError(f"model_prior must have one entry for each of {labels}; got shape {prior.shape}.")
    if not (prior > 0).all() or abs(prior.sum() - 1) > _ROUNDING:
        raise ValueError(
            f"model_prior must be positive and sum to one; got {prior.tolist()}, which sums to {prior.sum():g}."
        )
    return prior / prior.sum()


def simulate_models(models, *, n_simulations, random_state, n_jobs, verbose):
    """Return data sets of all models, and the index of the model of each data set.

    Parameters
    ----------
    models : dict of label to Simulator
    n_simulations : int
        Of each model.
    random_state : SeedSequence
    n_jobs, verbose
        As in `Simulator.sample`.

    Raises
    ------
    SimulatorError
        If a simulator fails, and says whose it is.
    ShapeError
        If data sets of models differ in more than their number of observations.
    """
    n_simulations = check_count(n_simulations, "n_simulations", minimum=2)
    data = []
    for (name, simulator), seed in zip(models.items(), random_state.spawn(len(models)), strict=True):
        try:
            X, _ = simulator.sample(n_simulations, random_state=seed, n_jobs=n_jobs, verbose=verbose)
        except SimulatorError as error:
            raise SimulatorError(f"model {name!r}: {error}") from error
        data.append(X)
        _check_alike(list(models)[: len(data)], data)
    _warn_of_other_sizes(list(models), data)
    return _join(data), np.repeat(np.arange(len(models), dtype=float), [len(_first(X)) for X in data])


def check_models(models, *, optional=()):
    """Return labels of `models`, a dict, as an array `(n_models,)`.

    Raises
    ------
    ValueError, TypeError
        Unless they are two or more, and simulators; those of the names `optional` may be None.
    """
    names = list(models)
    if len(names) < 2:
        raise ValueError(f"a comparison needs at least two models; got {len(names)}: {names}.")
    for name, simulator in models.items():
        if not is_simulator(simulator) and not (simulator is None and name in optional):
            raise TypeError(
                f"models must be simulators, with a prior and sample; model {name!r} is {type(simulator).__name__}. "
                "For data sets already simulated pass their labels, too: fit(X, y)."
                + (_WITH_LEVELS if hasattr(simulator, "group_prior") else "")
            )
    if len(set(map(str, names))) < len(names):
        raise ValueError(f"models must have different names; got {names}.")
    if not any(all(isinstance(name, kind) for name in names) for kind in (str, (int, np.integer))):
        raise TypeError(f"names of models must all be str, or all int; got {names}.")
    return np.array(names)


def _first(X):
    return next(iter(X.values())) if is_several(X) else X


def _kind(X):
    """Return what data sets must have in common to be those of one comparison."""
    if is_several(X):
        return {name: _kind(values) for name, values in X.items()}
    if not is_ragged(X):
        return np.shape(X)[1:]
    shape = np.shape(X[0][0])
    return ("n_observations", *shape) if len(shape) < 2 else ("n_groups", "n_observations", *shape[1:])


def _check_alike(names, data):
    kinds = [_kind(X) for X in data]
    for name, kind in zip(names, kinds, strict=True):
        if kind != kinds[0]:
            raise ShapeError(
                f"data sets of all models must have one shape; {names[0]!r} has {kinds[0]} and {name!r} {kind}."
            )


def _warn_of_other_sizes(names, data):
    """Warn if a data set's number of observations tells of the model that made it."""
    if is_several(data[0]):
        for source in data[0]:
            _warn_of_other_sizes([f"{name} ({source})" for name in names], [X[source] for X in data])
    elif is_ragged(data[0]):
        sizes = [[np.size(x) for x in X] for X in data]
        for name, other in zip(names[1:], sizes[1:], strict=True):
            test = stats.ks_2samp(sizes[0], other, method="asymp")
            if test.pvalue < _BY_CHANCE and test.statistic > _SMALLEST_GAP:
                warn(
                    f"data sets of {names[0]!r} have {min(sizes[0])} to {max(sizes[0])} numbers, and those of {name!r} "
                    f"{min(other)} to {max(other)}: the size of a data set is then evidence for one of them. Draw the "
                    "sizes of all models from one distribution.",
                    ApproximationWarning,
                )


def _join(data):
    if is_several(data[0]):
        return type(data[0])(**{name: _join([X[name] for X in data]) for name in data[0]})
    return [x for X in data for x in X] if isinstance(data[0], list) else np.concatenate(data)
