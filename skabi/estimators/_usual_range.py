"""Between which ends the numbers of a column are not unlike those of `fit`."""

import numpy as np

from skabi.estimators._features import FeatureScaler

# Of as many observations as in `fit`, and like them, one or more is beyond an end with at most this probability.
_FALSE_ALARMS = 0.01


class UsualRange:
    """The range of each column, and a leeway at both ends by the tail there.

    Beyond a high quantile a tail is taken for exponential, where the column is closest to normal by the map that
    `FeatureScaler` chooses: that is more than a normal tail has, and as much as a power of the numbers themselves has.
    An end is where the predictive distribution of such a tail, whose mean excess is known from as many data sets as are
    beyond the quantile, leaves the probability of a false alarm.
    """

    def fit(self, rows, *, n_datasets, steps):
        """Learn from observations `(n, n_columns)`; `steps` are those of counts, and zero for what is continuous."""
        self._scaler = FeatureScaler().fit(rows)
        z = self._scaler.standardize(rows)
        # Observations of one data set are alike, so that data sets are what counts.
        n_beyond = np.ceil(np.sqrt(n_datasets))
        share = n_beyond / n_datasets
        log_odds = np.log(share * 2 * rows.size / _FALSE_ALARMS)
        # The gamma mixture of exponential distributions: Lomax, with n_beyond for its shape.
        n_excesses = n_beyond * np.expm1(log_odds / n_beyond)
        low, high = rows.min(axis=0), rows.max(axis=0)
        with np.errstate(over="ignore"):
            steps_up = self._scaler.standardize((high + steps)[np.newaxis])[0] - z.max(axis=0)
            steps_down = z.min(axis=0) - self._scaler.standardize((low - steps)[np.newaxis])[0]
            self._high = _end(z, share, steps_up, n_excesses)
            self._low = -_end(-z, share, steps_down, n_excesses)
        return self

    def excludes(self, rows):
        """Return which observations have a number beyond an end, `(n,)`."""
        z = self._scaler.standardize(rows)
        return ((z < self._low) | (z > self._high)).any(axis=1)


def _end(z, share, steps, n_excesses):
    quantile = np.quantile(z, 1 - share, axis=0)
    excess = np.maximum(z - quantile, 0.0)
    mean = excess.sum(axis=0) / np.maximum((excess > 0).sum(axis=0), 1)
    return np.maximum(quantile + n_excesses * np.maximum(mean, steps), z.max(axis=0))
