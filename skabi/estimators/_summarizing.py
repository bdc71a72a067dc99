"""What an estimator offers that is conditioned on summaries."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skabi._torch import to_array, torch_generator
from skabi._warnings import warn
from skabi.estimators._base import AmortizedEstimator
from skabi.estimators._inference import contexts
from skabi.estimators._stored import in_parts, is_large
from skabi.estimators._usual_summaries import LARGEST_SAMPLE, UsualSummaries
from skabi.exceptions import ApproximationWarning
from skabi.networks._data_sets import take

# Of as many simulated data sets as in a call of `sample`, any is called outside with about this probability.
_FALSE_ALARMS = 0.001


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
        return self._summaries_of(X)

    def _summaries_of(self, X):
        if is_large(X):
            return in_parts(self._summaries_of, X, doing="summarizing", verbose=self.verbose)
        return _rows(contexts(self._network(), self._scaled(X), verbose=self.verbose))

    @property
    def _n_features_out(self):
        return self.network_.n_context

    def _keep_usual_summaries(self, task):
        """Keep where the summaries of the data sets of a trained `Task` lie."""
        shaping, judging = (task.used, task.held_out) if len(task.held_out) else (task.used[::2], task.used[1::2])
        # Rows are in random order.
        parts = (take(task.x, rows[:LARGEST_SAMPLE]) for rows in (shaping, judging))
        if task.dropping is not None:
            parts = (task.dropping(part, torch_generator(task.seed)) for part in parts)
        self._usual_summaries = UsualSummaries().fit(*(_rows(contexts(self.network_, part)) for part in parts))

    def _p_values_of(self, context):
        return self._usual_summaries.p_values(_rows(context))

    def _warn_of_outside(self, context):
        p_values = self._p_values_of(context)
        outside = discoveries(p_values)
        if outside.size:
            listed = ", ".join(map(str, outside[:5])) + (", ..." if outside.size > 5 else "")
            warn(
                f"{outside.size} of {len(p_values)} data sets lie outside what was simulated, where the posterior is a "
                f"guess: {listed}, counted from 0. Compare them with simulated ones, by skabi.misspecification say, or "
                "switch this warning off by warn_outside=False.",
                ApproximationWarning,
            )


def discoveries(p_values):
    """Return which p-values are small, given how many there are and how many of them are small.

    Where all are of nothing there are any with probability `_FALSE_ALARMS` (Benjamini, Hochberg, 1995).
    """
    ordered = np.sort(p_values)
    is_below = ordered < _FALSE_ALARMS * np.arange(1, len(ordered) + 1) / len(ordered)
    return np.flatnonzero(p_values <= ordered[is_below][-1]) if is_below.any() else np.array([], dtype=int)


def _rows(context):
    """Return summaries as an array `(n_datasets, n_summaries)`, one member of an ensemble after the other."""
    return to_array(context).reshape(len(context), -1)
