"""What an estimator with a posterior among its parts is asked as if it were that posterior."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, RegressorMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skabi.estimators._nested import NestedRecipes
from skabi.estimators._posterior import AmortizedPosterior


class PosteriorHalf(ClassNamePrefixFeaturesOutMixin, TransformerMixin, RegressorMixin, NestedRecipes):
    """Base class of estimators whose `fit` leaves a fitted `posterior_`."""

    posterior_: AmortizedPosterior

    def sample(
        self, X: ArrayLike, n_draws: int = 1000, *, n_replicates: int | None = None, store=None, random_state=None
    ):
        """Draw from the posterior of each data set; see `AmortizedPosterior.sample`.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        n_draws : int, default=1000
        n_replicates : int, optional
        store : path-like, optional
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        draws : ndarray or zarr.Array of shape (n_datasets, n_draws, n_parameters)
        """
        check_is_fitted(self)
        return self.posterior_.sample(X, n_draws, n_replicates=n_replicates, store=store, random_state=random_state)

    def log_prob(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Return the log posterior density of parameters; see `AmortizedPosterior.log_prob`.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        y : array-like of shape (n_datasets, n_parameters) or (n_datasets, n_draws, n_parameters)

        Returns
        -------
        log_prob : ndarray of shape (n_datasets,) or (n_datasets, n_draws)
        """
        check_is_fitted(self)
        return self.posterior_.log_prob(X, y)

    def predict(self, X: ArrayLike, *, return_std: bool = False, quantiles: ArrayLike | None = None):
        """Return the posterior mean, or quantiles; see `AmortizedPosterior.predict`.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
        return_std : bool, default=False
        quantiles : array-like of shape (n_quantiles,), optional

        Returns
        -------
        mean : ndarray of shape (n_datasets, n_parameters)
        """
        check_is_fitted(self)
        return self.posterior_.predict(X, return_std=return_std, quantiles=quantiles)

    def transform(self, X: ArrayLike):
        """Return the summaries that the posterior is conditioned on.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        summaries : ndarray of shape (n_datasets, n_summaries)
        """
        check_is_fitted(self)
        return self.posterior_.transform(X)

    @property
    def _n_features_out(self):
        return self.posterior_._n_features_out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags
