"""Model probabilities that answer for every choice they were trained with."""

import copy
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from skabi.estimators import AmortizedModelComparator
from skabi.estimators._labels import models_of
from skabi.files._savable import Savable
from skabi.sensitivity._contexts import LIKELIHOOD, ContextSpace
from skabi.sensitivity._simulator import ContextSimulator
from skabi.sensitivity._told import DATA, n_data_sets, sources
from skabi.summaries import FusionSummary


class ContextComparator(Savable, BaseEstimator):
    """Posterior probabilities of models given data and choices [1]_.

    A meta-estimator, as `ContextPosterior` is: an `AmortizedModelComparator` is trained on simulations of several
    `ContextSimulator`, each under choices of all kinds, and told which. Bayes factors are owed to priors more than
    posteriors are, so that these are choices to be looked at.

    Choices of one name are one choice of all models that have it. A choice that a model does not have is told of its
    simulations, too, and changes nothing there: choices do not say which model made the data.

    Parameters
    ----------
    comparator : AmortizedModelComparator, optional
        A recipe, which is cloned. Its `summary` is that of the data, or, if these have several sources, a
        `FusionSummary` of them.

    Attributes
    ----------
    comparator_ : AmortizedModelComparator
        Fitted, of the sources of the data and "context".
    classes_ : ndarray of shape (n_models,)
        Labels of the models.
    priors_ : list of prior
        Of the models under the default choice, in this order.
    context_names_ : list of str
        Names of the choices.
    default_context_ : dict
        What is taken of choices that are not said: powers of one, and the first of all variants.

    See Also
    --------
    SensitivityAnalysis : Tells the changes of probabilities.

    References
    ----------
    .. [1] L. Elsemüller, H. Olischläger, M. Schmitt, P.-C. Bürkner, U. Köthe, S. Radev (2024). Sensitivity-aware
       amortized Bayesian inference. Transactions on Machine Learning Research. arXiv 2310.11122.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi import AmortizedModelComparator
    >>> from skabi.priors import IndependentPrior
    >>> from skabi.sensitivity import ContextComparator, ContextSimulator
    >>> from skabi.simulators import Simulator
    >>> def simulate(rate, rng):
    ...     return rng.poisson(rate, size=(8, len(rate))).T
    >>> models = {
    ...     name: ContextSimulator(Simulator(IndependentPrior({"rate": stats.gamma(a)}), simulate, vectorized=True))
    ...     for name, a in (("few", 2.0), ("many", 9.0))
    ... }
    >>> recipe = AmortizedModelComparator(n_simulations=500, max_iter=10, random_state=0)
    >>> comparator = ContextComparator(recipe).fit(models)
    >>> comparator.context_names_
    ['prior_rate']
    >>> comparator.predict([[0, 1, 0, 2, 0, 1, 1, 0]], context={"prior_rate": 2.0})
    array(['few'], dtype='<U4')
    """

    def __init__(self, comparator=None):
        self.comparator = comparator

    def __sklearn_is_fitted__(self):
        return hasattr(self, "comparator_")

    def fit(self, X: Mapping[str, ContextSimulator] | list[ContextSimulator], y: None = None) -> Self:
        """Train on simulations of all models under random choices.

        Parameters
        ----------
        X : dict of str to ContextSimulator, or list of ContextSimulator
            The models by name, of which the recipe's `n_simulations` are drawn each; those of a list are called 0, 1,
            ...
        y : None
            Not used.

        Returns
        -------
        self : ContextComparator

        Raises
        ------
        TypeError
            If X are no `ContextSimulator`, or the recipe no `AmortizedModelComparator`.
        ValueError
            If y is given, choices of one name differ, or the power of the likelihood is one: a likelihood to a power
            has no marginal likelihood.
        """
        if y is not None:
            raise ValueError("fit(models) simulates its own data sets; y must be None.")
        models = models_of(X, None)
        if models is None or not models or not all(isinstance(each, ContextSimulator) for each in models.values()):
            raise TypeError(
                f"fit takes a dict of name to ContextSimulator, which draw choices beside parameters; got {X!r:.200}. "
                "Make one of each simulator: ContextSimulator(simulator)."
            )
        recipe, space = self._recipe(), _joined(models)
        recipe.fit({name: _with_choices(simulator, space) for name, simulator in models.items()})
        self.comparator_, self._space, self.classes_ = recipe, space, recipe.classes_
        self.priors_ = [simulator.prior for simulator in models.values()]
        self.context_names_, self.default_context_ = space.names, space.default
        return self

    def predict_proba(self, X: ArrayLike, *, context: Mapping[str, Any] | None = None) -> np.ndarray:
        """Return posterior probabilities of the models under some choice.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), list of arrays, or dict of sources
        context : dict of str to value or array-like of shape (n_datasets,), optional
            By the name of a choice; "prior" stands for the powers of all entries. What is not said is the default.

        Returns
        -------
        proba : ndarray of shape (n_datasets, n_models)
            In the order of `classes_`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError, ValueError
            If a choice is not there, a prior is improper at a power, or X does not have the shape seen in `fit`.

        Warns
        -----
        ApproximationWarning
            If a choice lies outside what was simulated.
        """
        return self._at(X, context, "predict_proba")

    def predict_log_proba(self, X: ArrayLike, *, context: Mapping[str, Any] | None = None) -> np.ndarray:
        """Return log posterior probabilities of the models under some choice, as `predict_proba`."""
        return self._at(X, context, "predict_log_proba")

    def predict(self, X: ArrayLike, *, context: Mapping[str, Any] | None = None) -> np.ndarray:
        """Return the most probable model of each data set under some choice, `(n_datasets,)`."""
        return self._at(X, context, "predict")

    def log_bayes_factors(
        self, X: ArrayLike, reference=None, *, context: Mapping[str, Any] | None = None
    ) -> np.ndarray:
        """Return log Bayes factors against one model under some choice, as `AmortizedModelComparator`.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        reference : label, optional
            By default the first of `classes_`.
        context : dict of str to value or array-like of shape (n_datasets,), optional

        Returns
        -------
        log_bayes_factors : ndarray of shape (n_datasets, n_models)
            In nats.
        """
        return self._at(X, context, "log_bayes_factors", reference)

    def _at(self, X, context, method, *arguments):
        """Return what a method of the comparator says of data sets under a context."""
        check_is_fitted(self)
        choices = self._space.read(context, n_data_sets(X))
        for prior in self.priors_:
            self._space.check_proper(prior, choices)
        return getattr(self.comparator_, method)(sources(X, self._space.encode(choices)), *arguments)

    def _recipe(self):
        recipe = AmortizedModelComparator() if self.comparator is None else self.comparator
        if not isinstance(recipe, AmortizedModelComparator):
            raise TypeError(f"comparator must be an AmortizedModelComparator, or None; got {recipe!r}.")
        recipe = clone(recipe)
        if recipe.summary is not None and not isinstance(recipe.summary, FusionSummary):
            recipe.summary = FusionSummary({DATA: recipe.summary})
        return recipe


def _joined(models):
    """Return the choices of all models."""
    powers: dict[str, Any] = {}
    variants: dict[str, Any] = {}
    for label, simulator in models.items():
        space = simulator._space
        if LIKELIHOOD in space.powers:
            raise ValueError(
                f"model {label!r} has likelihood_power, and a likelihood to a power has no marginal likelihood: model "
                "probabilities are not told of it. Use likelihood_power=False."
            )
        for all_of_kind, own in ((powers, space.powers), (variants, space.variants)):
            for name, choice in own.items():
                if all_of_kind.setdefault(name, choice) != choice:
                    raise ValueError(
                        f"models must have the same values of the choice {name!r}, which is one choice of all of them; "
                        f"got {all_of_kind[name]} and, of {label!r}, {choice}."
                    )
    return ContextSpace(powers, variants)


def _with_choices(simulator, space):
    """Return a simulator that draws further choices, which change nothing of it."""
    simulator = copy.copy(simulator)
    simulator._space = space
    return simulator
