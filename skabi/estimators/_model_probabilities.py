"""What follows from the marginal likelihoods of models and their prior."""

from collections.abc import Hashable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from skabi._params import check_count
from skabi._random import draw_categories, seed_sequence
from skabi.estimators._models import check_labels, check_model_prior
from skabi.exceptions import ShapeError


class ModelProbabilities(ClassifierMixin):
    """Base class of what compares models, whatever route leads to their marginal likelihoods.

    A subclass has the constructor parameter `model_prior`, defines `_log_marginals(X)`, and `fit` assigns `classes_`
    and `_default_prior`, the prior where the parameter is None.
    """

    model_prior: object
    classes_: np.ndarray
    _default_prior: np.ndarray

    def _log_marginals(self, X) -> np.ndarray:
        """Return the log of each model's marginal likelihood, `(n_datasets, n_models)`, up to a constant a row."""
        raise NotImplementedError(f"{type(self).__name__} must define _log_marginals(X).")

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return posterior probabilities of the models.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        proba : ndarray of shape (n_datasets, n_models)
            In the order of `classes_`.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Return log posterior probabilities of the models.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        log_proba : ndarray of shape (n_datasets, n_models)
        """
        log_odds = self._log_marginals(X) + np.log(self._model_prior())
        return log_odds - special.logsumexp(log_odds, axis=1, keepdims=True)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable model of each data set.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        labels : ndarray of shape (n_datasets,)
        """
        check_is_fitted(self)
        return self.classes_[self.predict_log_proba(X).argmax(axis=1)]

    def log_bayes_factors(self, X: ArrayLike, reference=None) -> np.ndarray:
        """Return log Bayes factors of each model against one of them: prior odds are taken out.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        reference : label, optional
            By default the first of `classes_`.

        Returns
        -------
        log_bayes_factors : ndarray of shape (n_datasets, n_models)
            In nats: `log p(X | model) - log p(X | reference)`.
        """
        check_is_fitted(self)
        index = 0 if reference is None else self._index_of(reference)
        log_marginals = self._log_marginals(X)
        return log_marginals - log_marginals[:, [index]]

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the mean log posterior probability of the true models, in nats; higher is better.

        Strictly proper, where accuracy is not.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        y : array-like of shape (n_datasets,)

        Returns
        -------
        score : float
        """
        check_is_fitted(self)
        index = np.array([self._index_of(label) for label in check_labels(y, self)], dtype=int)
        log_proba = self.predict_log_proba(X)
        if len(log_proba) != len(index):
            raise ShapeError(f"X and y must have the same n_datasets; got {len(log_proba)} and {len(index)}.")
        return float(log_proba[np.arange(len(index)), index].mean())

    def sample(self, X: ArrayLike, n_draws: int = 1000, *, random_state=None) -> np.ndarray:
        """Draw models from their posterior, for each data set.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        n_draws : int, default=1000
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        labels : ndarray of shape (n_datasets, n_draws)
        """
        check_is_fitted(self)
        n_draws = check_count(n_draws, "n_draws")
        rng = np.random.default_rng(seed_sequence(random_state))
        return self.classes_[draw_categories(self.predict_proba(X), n_draws, rng)]

    def _model_prior(self):
        """Return the prior of the models, `(n_models,)`: the constructor's, else the one by default."""
        return check_model_prior(self.model_prior, self.classes_, self._default_prior)

    def _index_of(self, label):
        """Return the place of a label among the classes."""
        classes = self.classes_.tolist()
        if not isinstance(label, Hashable) or label not in classes:
            raise ValueError(f"the label {label} is none of the models of fit, {classes}.")
        return classes.index(label)
