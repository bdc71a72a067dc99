"""Two views of summaries: all that they say, and what they say of the parameters."""

import numpy as np
from scipy import special, stats

from skabi.diagnostics._mahalanobis import whitening

# Standardised summaries that differ by less are the same.
_ROUNDING = 1e-5


class SummarySpace:
    """Coordinates in which summaries of simulated data sets have unit variances and no correlations.

    Attributes
    ----------
    mean : ndarray of shape (n_summaries,)
    covariance : ndarray of shape (n_summaries, n_summaries)
    """

    def fit(self, summaries, draws=None):
        """Learn from summaries `(n, n_summaries)` and, for the second view, a posterior draw `(n, n_parameters)` each.

        The second view are predictions of a linear regression on the summaries of the draws, which are brought to
        normal scores and decorrelated: what is said of the parameters, in standard deviations of the prior. Directions
        whose canonical correlation could be chance are left out.
        """
        n = len(summaries)
        self.mean = summaries.mean(axis=0)
        self.covariance = np.atleast_2d(np.cov(summaries, rowvar=False, bias=True))
        self._whitening = whitening(self.covariance)
        # What is left of standardised summaries where those of simulated data sets have no variance at all.
        self._scale = np.sqrt(np.diag(self.covariance))
        self._scale = np.where(self._scale > 0, self._scale, np.abs(self.mean) + 1.0)
        used = np.linalg.qr(self._whitening * self._scale[:, np.newaxis])[0]
        self._unused = np.eye(len(used)) - used @ used.T
        self._coefficients = None
        if draws is None:
            return self
        scores = special.ndtri(stats.rankdata(draws, axis=0) / (n + 1))
        scores -= scores.mean(axis=0)
        parameters = scores @ whitening(np.atleast_2d(np.cov(scores, rowvar=False, bias=True)))
        left, correlations, right = np.linalg.svd(self._whitened(summaries).T @ parameters / n, full_matrices=False)
        # The largest singular value of as many random correlations.
        chance = (np.sqrt(left.shape[0]) + np.sqrt(right.shape[1])) / np.sqrt(n)
        kept = correlations > chance
        if kept.any():
            self._coefficients = left[:, kept] * correlations[kept]
        return self

    def views(self, summaries):
        """Return arrays `(n, n_coordinates)`: of all summaries, and of what they say of the parameters if known.

        The last coordinate of the first is how far summaries are from where those of simulated data sets always are.
        """
        whitened = self._whitened(summaries)
        departures = ((summaries - self.mean) / self._scale) @ self._unused
        departure = np.linalg.norm(departures, axis=1, keepdims=True) / _ROUNDING
        everything = np.hstack([whitened, np.where(departure > 1.0, departure, 0.0)])
        return [everything] if self._coefficients is None else [everything, whitened @ self._coefficients]

    def _whitened(self, summaries):
        return (summaries - self.mean) @ self._whitening
