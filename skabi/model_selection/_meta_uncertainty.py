"""Would a replication select the same model? Model probabilities of data sets that were not observed."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import draw_categories, generators, seed_sequence
from skabi._shapes import as_float_array
from skabi._warnings import warn
from skabi.estimators._sources import is_ragged, is_several
from skabi.exceptions import ApproximationWarning, ShapeError, SimulatorError
from skabi.files._savable import Savable
from skabi.model_selection._meta_models import LogisticNormal, check_probabilities
from skabi.simulators import is_simulator

# With fewer replications a model, distributions are those of their priors.
_FEWEST_SIMULATIONS = 20
_N_SHARE_DRAWS = 4000
_INTERVAL = (0.05, 0.95)
# Data sets whose risks are drawn together.
_BLOCK = 200


@dataclass(frozen=True)
class ReplicationRisk:
    """Probabilities that a replication selects another model, arrays `(n_datasets,)`.

    Attributes
    ----------
    risk : ndarray of shape (n_datasets,)
        Posterior mean.
    lower, upper : ndarray of shape (n_datasets,)
        Central 90 % interval: what the finite number of simulations leaves unknown.
    """

    risk: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


class MetaUncertainty(Savable, BaseEstimator):
    """How model probabilities would vary over replications of a study [1]_.

    Probabilities of models are of one data set, and do not say what another one would give. Here data sets are
    simulated from each model, parameters drawn anew from its prior, and a distribution is fitted to the model
    probabilities that they get: p_j if model j is the true one. Which one is true is not known, so that a replication
    of data X has model probabilities from the mixture of all p_j, with weights p(model j | X).

    Parameters
    ----------
    n_simulations : int, default=500
        Replications a model, at least 20.
    meta_model : meta-model recipe, optional
        The distribution of model probabilities, `LogisticNormal()` by default or `Dirichlet()`.
    n_jobs : int, optional
        Number of joblib workers that simulate.
    verbose : int, default=0
        Positive for progress bars.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
        Governs `fit`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Labels of the models, in the comparator's order.
    comparator_ : object
        A deep copy of the comparator of `fit`: what is set or fitted there later does not matter here.
    meta_model_ : recipe
        What was used.
    meta_models_ : list
        The distribution under each model, with `sample_parameters(n_draws, rng)`, `sample(n_draws, rng)` and
        `log_prob(proba)`.
    simulated_proba_ : ndarray of shape (n_models, n_simulations, n_models)
        Model probabilities of the replications, by the model that made them. Where simulations were dropped, as many
        as the model with the fewest has.
    size_ranges_ : dict of str to (int, int)
        Least and largest number of "observations" and of "groups" in a replication; of several sources, of
        "observations of 'name'". Empty where data sets are `(n_features,)`.
    n_selected_ : ndarray of int of shape (n_models, n_models)
        Replications of each model (row) for which each model (column) is the most probable one.

    References
    ----------
    .. [1] M. Schmitt, S. Radev, P.-C. Bürkner (2023). Meta-uncertainty in Bayesian model comparison. AISTATS 2023.
       arXiv 2210.07278.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi import AmortizedModelComparator
    >>> from skabi.model_selection import MetaUncertainty
    >>> from skabi.priors import IndependentPrior
    >>> from skabi.simulators import Simulator
    >>> def simulate(rate, rng):
    ...     return rng.poisson(rate, size=(8, len(rate))).T
    >>> few, many = (
    ...     Simulator(IndependentPrior({"rate": stats.gamma(shape)}), simulate, vectorized=True) for shape in (1.0, 9.0)
    ... )
    >>> models = {"few": few, "many": many}
    >>> comparator = AmortizedModelComparator(n_simulations=500, max_iter=10, random_state=0).fit(models)
    >>> meta = MetaUncertainty(random_state=0).fit(comparator, models)
    >>> meta.sample([[0, 1, 0, 2, 0, 1, 1, 0]], n_draws=100, random_state=0).shape
    (1, 100, 2)
    >>> meta.replication_risk([[0, 1, 0, 2, 0, 1, 1, 0]]).risk.round(1)
    array([0.])
    """

    def __init__(self, n_simulations=500, *, meta_model=None, n_jobs=None, verbose=0, random_state=None):
        self.n_simulations = n_simulations
        self.meta_model = meta_model
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, comparator, simulators, *, n_observations=None, n_groups=None) -> Self:
        """Simulate replications of each model, and learn how their model probabilities are distributed.

        Parameters
        ----------
        comparator : object
            Fitted, with `predict_proba(X)` and `classes_`; an `AmortizedModelComparator`, for example.
        simulators : dict of label to Simulator, or list of Simulator
            The models that it compares; those of a list are called 0, 1, ...
        n_observations : int or dict of str to int, optional
            Number of observations of a replication, where the simulators draw such at random: that of the data sets
            that are asked about. As in `Simulator.simulate_from`.
        n_groups : int, optional
            Number of groups of observations, likewise.

        Returns
        -------
        self : MetaUncertainty

        Raises
        ------
        TypeError
            If the comparator has no `predict_proba`, models are no simulators, or `meta_model` is no recipe.
        NotFittedError
            If the comparator is not fitted.
        ValueError
            If the simulators are not the comparator's models, their data sets have another shape than those of its fit,
            or `n_simulations` is too small.
        SimulatorError
            If a simulator fails, and says whose it is.
        """
        n = check_count(self.n_simulations, "n_simulations", minimum=_FEWEST_SIMULATIONS)
        classes = _classes_of(comparator)
        models = _in_order(simulators, classes.tolist())
        meta_model = _checked(LogisticNormal() if self.meta_model is None else self.meta_model)
        simulating, fitting, sharing = seed_sequence(self.random_state).spawn(3)
        sizes = {"n_observations": n_observations, "n_groups": n_groups}
        sizes = {counted: size for counted, size in sizes.items() if size is not None}
        proba, ranges = [], []
        for (label, simulator), seed in zip(models.items(), simulating.spawn(len(models)), strict=True):
            X = self._replications(label, simulator, n, sizes, seed)
            try:
                proba.append(_probabilities_of(comparator, X, len(classes)))
                ranges.append(_size_ranges(X))
            except ValueError as error:
                raise ValueError(f"the comparator cannot tell models of data sets of {label!r}: {error}") from error
        n_kept = min(map(len, proba))
        check_count(n_kept, "the number of simulations that succeed", minimum=_FEWEST_SIMULATIONS)
        self.simulated_proba_ = np.stack([rows[:n_kept] for rows in proba])
        self.classes_, self.comparator_, self.meta_model_ = classes, copy.deepcopy(comparator), meta_model
        self.size_ranges_ = _joined(ranges)
        rngs = generators(fitting, len(models))
        self.meta_models_ = [
            self.meta_model_.posterior(rows, rng) for rows, rng in zip(self.simulated_proba_, rngs, strict=True)
        ]
        self._count_selected(np.random.default_rng(sharing))
        return self

    def sample(self, X: ArrayLike, n_draws: int = 1000, *, random_state=None) -> np.ndarray:
        """Draw model probabilities that replications of each data set would get.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        n_draws : int, default=1000
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        proba : ndarray of shape (n_datasets, n_draws, n_models)
            For each draw a model is drawn from p(model | X), and from that model's distribution, whose parameters are
            a draw from their posterior, the probabilities.

        Warns
        -----
        ApproximationWarning
            If replications do not have the numbers of observations and groups of X, or have random ones.
        """
        n_draws = check_count(n_draws, "n_draws")
        observed = self._observed(X)
        choosing, *rngs = generators(random_state, 1 + len(self.classes_))
        source = draw_categories(observed, n_draws, choosing)
        proba = np.empty((*source.shape, len(self.classes_)))
        for j, rng in enumerate(rngs):
            proba[source == j] = self.meta_models_[j].sample(np.count_nonzero(source == j), rng)
        return proba

    def log_prob(self, X: ArrayLike, proba: ArrayLike) -> np.ndarray:
        """Return the log density of model probabilities that replications would get.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        proba : array-like of shape (n_datasets, n_draws, n_models)

        Returns
        -------
        log_prob : ndarray of shape (n_datasets, n_draws)
            Of all probabilities but the last, in nats.

        Warns
        -----
        ApproximationWarning
            As in `sample`.
        """
        observed = self._observed(X)
        proba = check_probabilities(proba, n_models=len(self.classes_))
        if proba.ndim != 3 or len(proba) != len(observed):
            raise ShapeError(
                f"proba must have shape (n_datasets, n_draws, n_models), of the {len(observed)} data sets of X; got "
                f"{proba.shape}."
            )
        terms = np.stack([model.log_prob(proba) for model in self.meta_models_], axis=-1)
        return special.logsumexp(terms, axis=-1, b=observed[:, np.newaxis])

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the comparator's probabilities of the models, `(n_datasets, n_models)`.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        proba : ndarray of shape (n_datasets, n_models)
        """
        check_is_fitted(self)
        return _probabilities_of(self.comparator_, X, len(self.classes_))

    def replication_risk(self, X: ArrayLike) -> ReplicationRisk:
        """Return the probability that a replication selects another model than X does.

        The most probable model is the selected one. Probabilities of selection under each model are shares of
        `n_selected_`, with Jeffreys' prior, and not shares of the draws of `sample`: no fitted distribution comes
        between, and the risk is calibrated wherever p(model | X) is, also where no logistic normal fits.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        risk : ReplicationRisk
            `risk`, `lower` and `upper`, arrays `(n_datasets,)`.

        Warns
        -----
        ApproximationWarning
            As in `sample`.
        """
        observed = self._observed(X)
        selected = observed.argmax(axis=1)
        counts = self.n_selected_ + 0.5
        shares = counts / counts.sum(axis=1, keepdims=True)
        risk = 1 - np.sum(observed * shares[:, selected].T, axis=1)
        ends = [np.empty((2, 0))]
        for start in range(0, len(observed), _BLOCK):
            rows = slice(start, start + _BLOCK)
            drawn = 1 - np.einsum("nj,djn->dn", observed[rows], self._share_draws[:, :, selected[rows]])
            ends.append(np.quantile(drawn, _INTERVAL, axis=0))
        return ReplicationRisk(risk, *np.concatenate(ends, axis=1))

    def _observed(self, X):
        """Return model probabilities of data sets, and warn if replications are not of their size."""
        proba = self.predict_proba(X)
        asked = _size_ranges(X)
        for counted, (least, most) in self.size_ranges_.items():
            low, high = asked.get(counted, (least, most))
            if least < most or low < least or high > most:
                warn(
                    f"replications have {_range(least, most)} {counted}, and data sets of X {_range(low, high)}. Model "
                    "probabilities vary more or less with other sizes: fit to replications of one size, that of your "
                    "data, with n_observations=len(data_set), or n_groups, where simulators draw sizes at random.",
                    ApproximationWarning,
                )
        return proba

    def _replications(self, label, simulator, n, sizes, seed):
        """Return `n` data sets of a model."""
        settings = {"n_jobs": self.n_jobs, "verbose": self.verbose}
        try:
            if not sizes:
                return simulator.sample(n, random_state=seed, **settings)[0]
            prior_seed, data_seed = seed.spawn(2)
            y = simulator.prior.sample(n, random_state=prior_seed)
            return simulator.simulate_from(y, **sizes, random_state=data_seed, **settings)
        except SimulatorError as error:
            raise SimulatorError(f"model {label!r}: {error}") from error
        except ValueError as error:
            raise ValueError(f"model {label!r}: {error}") from error

    def _count_selected(self, rng):
        """Count the models that replications select, and draw from the posterior of their shares."""
        n_models = len(self.classes_)
        selected = self.simulated_proba_.argmax(axis=2)
        self.n_selected_ = np.stack([np.bincount(row, minlength=n_models) for row in selected])
        gamma = rng.standard_gamma(self.n_selected_ + 0.5, size=(_N_SHARE_DRAWS, n_models, n_models))
        self._share_draws = gamma / gamma.sum(axis=2, keepdims=True)


def _classes_of(comparator):
    """Return the labels of a comparator's models, or raise unless it is a fitted one."""
    if isinstance(comparator, type) or not callable(getattr(comparator, "predict_proba", None)):
        raise TypeError(
            "comparator must have predict_proba and classes_, as a fitted AmortizedModelComparator has; got "
            f"{comparator!r:.200}."
        )
    if not hasattr(comparator, "classes_"):
        raise NotFittedError(f"the comparator, {type(comparator).__name__}, is not fitted: call its fit first.")
    return np.asarray(comparator.classes_)


def _in_order(simulators, labels):
    """Return a dict of label to simulator, in the order of `labels`."""
    if not isinstance(simulators, (Mapping, list, tuple)):
        raise TypeError(
            "simulators must be a dict of the comparator's labels to simulators, or a list; got "
            f"{type(simulators).__name__}."
        )
    models = dict(simulators if isinstance(simulators, Mapping) else enumerate(simulators))
    missing, unknown = ([x for x in a if x not in b] for a, b in ((labels, models), (models, labels)))
    if missing or unknown:
        raise ValueError(
            f"simulators must be those of the comparator's models, {labels}; got {list(models)}"
            + f", without {missing}" * bool(missing)
            + f", of which it does not know {unknown}" * bool(unknown)
            + "."
        )
    for label, simulator in models.items():
        if not is_simulator(simulator):
            raise TypeError(f"simulators must have a prior and sample; model {label!r} is {type(simulator).__name__}.")
    return {label: models[label] for label in labels}


def _checked(meta_model):
    """Return a meta-model recipe, or raise if it is none."""
    if isinstance(meta_model, type) or not callable(getattr(meta_model, "posterior", None)):
        raise TypeError(f"meta_model must be a recipe, LogisticNormal() or Dirichlet(); got {meta_model!r:.200}.")
    return meta_model


def _size_ranges(X, of=""):
    """Return the least and largest number of what data sets have, a dict of str to (int, int)."""
    if is_several(X):
        return {k: v for name, values in X.items() for k, v in _size_ranges(values, f" of {name!r}").items()}
    if not is_ragged(X):
        counts = [[n] for n in np.shape(X)[1:-1]]
    else:
        there = [x for x in X if x is not None and len(x)]
        counts = [[len(x) for x in there]]
        if any(np.ndim(x[0]) > 1 for x in there):
            counts.append([len(group) for x in there for group in x])
    names = ["groups", "observations"][-len(counts) :]
    return {name + of: (min(n), max(n)) for name, n in zip(names, counts, strict=False) if n}


def _joined(ranges):
    """Return the ranges that hold those of all models."""
    ends: dict[str, tuple[int, int]] = {}
    for counted, (least, most) in (item for each in ranges for item in each.items()):
        low, high = ends.get(counted, (least, most))
        ends[counted] = min(low, least), max(high, most)
    return ends


def _range(least, most):
    return f"{least}" if least == most else f"{least} to {most}"


def _probabilities_of(comparator, X, n_models):
    """Return the comparator's probabilities of models, `(n_datasets, n_models)`, each row of sum one."""
    proba = as_float_array(comparator.predict_proba(X), name="predict_proba(X)")
    if proba.ndim != 2:
        raise ShapeError(f"predict_proba(X) must have shape (n_datasets, {n_models}); got {proba.shape}.")
    return check_probabilities(proba, n_models=n_models, name="predict_proba(X)")
