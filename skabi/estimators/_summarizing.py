"""What an estimator offers that is conditioned on summaries."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skabi._torch import to_array
from skabi.estimators._base import AmortizedEstimator
from skabi.estimators._inference import contexts
from skabi.networks._data_sets import n_rows


class SummarizingEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, AmortizedEstimator):
    """Base class of estimators whose answers depend on data sets by way of summaries."""

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the summaries that answers are conditioned on.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)

        Returns
        -------
        summaries : ndarray of shape (n_datasets, n_summaries)
            A DataFrame after `set_output(transform="pandas")`.
        """
        check_is_fitted(self)
        x = self._scaled(X)
        return to_array(contexts(self._network(), x)).reshape(n_rows(x), -1)

    @property
    def _n_features_out(self):
        return self.network_.n_context
