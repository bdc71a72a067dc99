"""Models to compare: their simulations, labels and priors."""

from collections.abc import Mapping

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skabi._params import check_count
from skabi._shapes import as_float_array
from skabi.estimators._sources import is_ragged, is_several
from skabi.exceptions import ShapeError, SimulatorError
from skabi.simulators import is_simulator

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
    """Return data sets of all models, their classes, and the index of the class of each data set.

    Parameters
    ----------
    models : dict of str to Simulator, or list of Simulator
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
    models = models if isinstance(models, Mapping) else dict(enumerate(models))
    names, simulators = list(models), list(models.values())
    check_models(models)
    n_simulations = check_count(n_simulations, "n_simulations", minimum=2)
    data = []
    for name, simulator, seed in zip(names, simulators, random_state.spawn(len(names)), strict=True):
        try:
            X, _ = simulator.sample(n_simulations, random_state=seed, n_jobs=n_jobs, verbose=verbose)
        except SimulatorError as error:
            raise SimulatorError(f"model {name!r}: {error}") from error
        data.append(X)
    _check_alike(names, data)
    index = np.repeat(np.arange(len(names), dtype=float), [len(_first(X)) for X in data])
    return _join(data), np.array(names), index


def check_models(models, *, optional=()):
    """Raise unless `models`, a dict, are two or more, and simulators; those of the names `optional` may be None."""
    names = list(models)
    if len(names) < 2:
        raise ValueError(f"a comparison needs at least two models; got {len(names)}: {names}.")
    for name, simulator in models.items():
        if not is_simulator(simulator) and not (simulator is None and name in optional):
            raise TypeError(
                f"models must be simulators, with a prior and sample; model {name!r} is {type(simulator).__name__}. "
                "For data sets already simulated pass their labels, too: fit(X, y)."
            )
    if len(set(map(str, names))) < len(names):
        raise ValueError(f"models must have different names; got {names}.")


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


def _join(data):
    if is_several(data[0]):
        return type(data[0])(**{name: _join([X[name] for X in data]) for name in data[0]})
    return [x for X in data for x in X] if isinstance(data[0], list) else np.concatenate(data)
