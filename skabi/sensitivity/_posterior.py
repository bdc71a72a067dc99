"""A posterior that answers for every choice it was trained with."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi.estimators import AmortizedPosterior
from skabi.files._savable import Savable
from skabi.sensitivity._simulator import ContextSimulator
from skabi.sensitivity._told import CONTEXT, DATA, n_data_sets, sources
from skabi.summaries import FusionSummary


class ContextPosterior(Savable, BaseEstimator):
    """Posterior given data and choices: sensitivity-aware amortized inference [1]_.

    A meta-estimator: an `AmortizedPosterior` is trained on simulations of a `ContextSimulator`, under choices of all
    kinds, and told which. It then answers for any of them without training, and for all of them in one batch.

    Parameters
    ----------
    posterior : AmortizedPosterior, optional
        A recipe, which is cloned. Its `summary` is that of the data, or, if these have several sources, a
        `FusionSummary` of them; its loss may not ask for a prior or a likelihood, which here are no single ones.

    Attributes
    ----------
    posterior_ : AmortizedPosterior
        Fitted, of the sources of the data and "context".
    prior_ : prior
        That of the default choice.
    parameter_names_, context_names_ : list of str
        Of parameters and of choices.
    default_context_ : dict
        What is taken of choices that are not said: powers of one, and the first of all variants.

    See Also
    --------
    ContextSimulator : What it is fitted to, and the names of choices.
    SensitivityAnalysis : Compares the answers.

    References
    ----------
    .. [1] L. Elsemüller, H. Olischläger, M. Schmitt, P.-C. Bürkner, U. Köthe, S. Radev (2024). Sensitivity-aware
       amortized Bayesian inference. Transactions on Machine Learning Research. arXiv 2310.11122.

    Examples
    --------
    >>> from skabi import AmortizedPosterior
    >>> from skabi.datasets import ConjugateGaussian
    >>> from skabi.engines import Gaussian
    >>> from skabi.sensitivity import ContextPosterior, ContextSimulator
    >>> recipe = AmortizedPosterior(Gaussian((16,)), n_simulations=1000, max_iter=10, random_state=0)
    >>> posterior = ContextPosterior(recipe).fit(ContextSimulator(ConjugateGaussian()))
    >>> narrow, wide = (posterior.predict([[1.0, -2.0]], context={"prior_theta": a}, return_std=True) for a in (2, 0.5))
    >>> bool((narrow[1] < wide[1]).all())
    True
    """

    def __init__(self, posterior=None):
        self.posterior = posterior

    def __sklearn_is_fitted__(self):
        return hasattr(self, "posterior_")

    def fit(self, X: ContextSimulator, y: None = None) -> Self:
        """Train on simulations under random choices.

        Parameters
        ----------
        X : ContextSimulator
            Of which the recipe's `n_simulations` are drawn.
        y : None
            Not used.

        Returns
        -------
        self : ContextPosterior

        Raises
        ------
        TypeError
            If X is no `ContextSimulator`, or the recipe no `AmortizedPosterior`.
        ValueError
            If y is given, or the recipe's loss asks for a prior or a likelihood.
        """
        if not isinstance(X, ContextSimulator):
            raise TypeError(
                f"fit takes a ContextSimulator, which draws choices beside parameters; got {type(X).__name__}. Make "
                "one of a simulator: ContextSimulator(simulator)."
            )
        if y is not None:
            raise ValueError("fit(simulator) simulates its own parameters; y must be None.")
        recipe = self._recipe()
        recipe.fit(X)
        self.posterior_, self._space = recipe, X._space
        self.prior_, self.parameter_names_ = recipe.prior_, recipe.parameter_names_
        self.context_names_, self.default_context_ = self._space.names, self._space.default
        return self

    def sample(
        self, X: ArrayLike, n_draws: int = 1000, *, context: Mapping[str, Any] | None = None, random_state=None
    ) -> np.ndarray:
        """Draw from the posterior under some choice.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), list of arrays, or dict of sources
        n_draws : int, default=1000
            Draws a data set.
        context : dict of str to value or array-like of shape (n_datasets,), optional
            By the name of a choice; "prior" stands for the powers of all entries. What is not said is the default.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_draws, n_parameters)

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError, ValueError
            If a choice is not there, the prior is improper at a power, or X does not have the shape seen in `fit`.

        Warns
        -----
        ApproximationWarning
            If a choice, or a data set, lies outside what was simulated.
        """
        return self._at(X, context, lambda told: self.posterior_.sample(told, n_draws, random_state=random_state))

    def log_prob(self, X: ArrayLike, y: ArrayLike, *, context: Mapping[str, Any] | None = None) -> np.ndarray:
        """Return the log posterior density of parameters under some choice, as `AmortizedPosterior.log_prob`.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets, n_draws, n_parameters)
        context : dict of str to value or array-like of shape (n_datasets,), optional

        Returns
        -------
        log_prob : ndarray of shape (n_datasets,) or (n_datasets, n_draws)
        """
        return self._at(X, context, lambda told: self.posterior_.log_prob(told, y))

    def score(self, X: ArrayLike, y: ArrayLike, *, context: Mapping[str, Any] | None = None) -> float:
        """Return the mean log density of the true parameters under some choice, in nats; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        y : array-like of shape (n_datasets, n_parameters)
        context : dict of str to value or array-like of shape (n_datasets,), optional

        Returns
        -------
        score : float
        """
        return float(np.mean(self.log_prob(X, y, context=context)))

    def predict(
        self,
        X: ArrayLike,
        *,
        context: Mapping[str, Any] | None = None,
        return_std: bool = False,
        quantiles: ArrayLike | None = None,
    ):
        """Return the posterior mean, or quantiles, under some choice, as `AmortizedPosterior.predict`.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        context : dict of str to value or array-like of shape (n_datasets,), optional
        return_std : bool, default=False
            Whether to return the posterior standard deviation as well.
        quantiles : array-like of shape (n_quantiles,), optional
            Probabilities: marginal quantiles instead of the mean.

        Returns
        -------
        mean : ndarray of shape (n_datasets, n_parameters), or (n_datasets, n_quantiles, n_parameters)
        std : ndarray of shape (n_datasets, n_parameters)
            Only with `return_std=True`.
        """
        how = {"return_std": return_std, "quantiles": quantiles}
        return self._at(X, context, lambda told: self.posterior_.predict(told, **how))

    def sample_contexts(
        self, X: ArrayLike, contexts: list | pd.DataFrame, n_draws: int = 1000, *, random_state=None
    ) -> np.ndarray:
        """Draw from the posteriors under many choices in one batch; each data set is summarized once.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...), list of arrays, or dict of sources
        contexts : list of dict, or DataFrame of shape (n_contexts, n_choices)
            One value a choice. What is not said is the default.
        n_draws : int, default=1000
            Draws a data set and context.
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_contexts, n_draws, n_parameters)

        Raises
        ------
        NotFittedError, TypeError, ValueError
            As in `sample`.
        """
        check_is_fitted(self)
        n_draws = check_count(n_draws, "n_draws")
        choices = self._space.several(contexts)
        self._space.check_proper(self.prior_, choices)
        told = self._told(X, self._space.read(None, n_data_sets(X)))
        seed = seed_sequence(random_state)
        return self.posterior_._sample_values(told, CONTEXT, self._space.encode(choices), n_draws, seed)

    def prior_given(self, context: Mapping[str, Any] | None = None):
        """Return the prior under some choice.

        Parameters
        ----------
        context : dict of str to value, optional

        Returns
        -------
        prior : prior
        """
        check_is_fitted(self)
        return self._space.prior_given(self.prior_, context)

    def _at(self, X, context, answer):
        """Return what `answer` returns of data sets that are told a context, a SliceDict."""
        check_is_fitted(self)
        choices = self._space.read(context, n_data_sets(X))
        self._space.check_proper(self.prior_, choices)
        return answer(self._told(X, choices))

    def _told(self, X, choices):
        return sources(X, self._space.encode(choices))

    def _recipe(self):
        recipe = AmortizedPosterior() if self.posterior is None else self.posterior
        if not isinstance(recipe, AmortizedPosterior):
            raise TypeError(f"posterior must be an AmortizedPosterior, or None; got {recipe!r}.")
        if recipe.loss is not None and recipe.loss.needs_joint_density:
            raise ValueError(
                f"loss={recipe.loss!r} asks for one prior and likelihood, and here they are choices. Use ForwardKL()."
            )
        recipe = clone(recipe)
        if recipe.summary is not None and not isinstance(recipe.summary, FusionSummary):
            recipe.summary = FusionSummary({DATA: recipe.summary})
        return recipe
