"""Two views of summaries: all that they say, and what they say of the parameters."""

import numpy as np
from scipy import special, stats

from skabi.diagnostics._mahalanobis import whitening


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
        """Return arrays `(n, n_coordinates)`: of all summaries, and of what they say of the parameters if known."""
        whitened = self._whitened(summaries)
        return [whitened] if self._coefficients is None else [whitened, whitened @ self._coefficients]

    def _whitened(self, summaries):
        return (summaries - self.mean) @ self._whitening
