"""Statistics of data sets, for predictive checks."""

import numpy as np

from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError


class Statistics:
    """Statistics of data sets, with their names.

    Parameters
    ----------
    given : callable or None
        Takes data sets, returns `(n_datasets, n_statistics)` or `(n_datasets,)`. By default the summaries of an
        estimator that has `transform`, or else mean and standard deviation of the numbers of each data set.
    estimator : object

    Attributes
    ----------
    names : list of str
        After a call: the columns of a DataFrame, or else what they are and their numbers.
    """

    def __init__(self, given, estimator):
        self._noun = "statistic" if given is not None else "summary"
        self._n_features, self._feature_names = None, None
        if given is None and hasattr(estimator, "transform"):
            given = estimator.transform
            self._n_features = getattr(estimator, "n_features_in_", None)
            self._feature_names = getattr(estimator, "feature_names_in_", None)
        self._given = _moments if given is None else given
        self.names = []

    def __call__(self, X, *, n_datasets):
        """Return the statistics of so many data sets, `(n_datasets, n_statistics)`."""
        values = self._given(X)
        columns = getattr(values, "columns", None)
        values = as_float_array(values, name="the statistics of data sets")
        values = values[:, np.newaxis] if values.ndim == 1 else values
        if values.ndim != 2 or not values.size or len(values) != n_datasets:
            raise ShapeError(
                "statistics must have shape (n_datasets, n_statistics), with one row for each data set, here "
                f"{n_datasets}; got {values.shape}."
            )
        self.names = self._names(X, values.shape[1], columns)
        return values

    def _names(self, X, n, columns):
        if self._given is _moments:
            return ["mean", "standard deviation"]
        if self._noun == "summary":
            # Rows of numbers are their own summaries, unless something else was asked for.
            if n == self._n_features and getattr(X, "ndim", 0) == 2:
                columns = [f"column {j}" for j in range(n)] if self._feature_names is None else self._feature_names
                return [str(name) for name in columns]
        elif columns is not None:
            return [str(name) for name in columns]
        return [f"{self._noun} {j}" for j in range(n)]


def _moments(X):
    """Return mean and standard deviation of the numbers of each data set."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        rows = X.reshape(len(X), -1)
        return np.stack([rows.mean(axis=1), rows.std(axis=1)], axis=1)
    return np.array([[np.mean(x), np.std(x)] for x in (X.to_numpy() if hasattr(X, "to_numpy") else X)])
