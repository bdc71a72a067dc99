"""Two views of summaries: all that they say, and what they say of the parameters."""

import numpy as np
from scipy import special, stats

from skabi.diagnostics._mahalanobis import whitening

_EPSILON = np.finfo(np.float64).eps
# Numbers that differ by less of the largest are equal but for rounding.
ROUNDING = 16 * _EPSILON
# How many times as far as the farthest of simulated data sets another may be from where these always are.
_MARGIN = 10.0
# How unusual it is to be farther, in standard deviations.
_FAR = 1e3
# Squares of coordinates up to this do not overflow.
_FARTHEST = 1e100


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
        self._fit_units(summaries)
        standardised, _ = self._standardised(summaries)
        self._whitening = whitening(np.atleast_2d(np.cov(standardised, rowvar=False, bias=True)))
        used = np.linalg.qr(self._whitening)[0]
        self._unused = np.eye(len(used)) - used @ used.T
        self._unused_noise = max(ROUNDING, float(self._unused_shares(standardised).max(initial=0.0)))
        self._coefficients = None if draws is None else self._regression(standardised @ self._whitening, draws)
        return self

    def _fit_units(self, summaries):
        """Learn middle and spread of each summary, in units in which the largest is about 1 and none overflows."""
        self._exponents = np.frexp(np.abs(summaries).max(axis=0))[1]
        scaled = self._scaled(summaries)
        largest = np.abs(scaled).max(axis=0)
        self._is_constant = np.ptp(scaled, axis=0) <= ROUNDING * largest
        self._middle = np.where(self._is_constant, scaled[0], scaled.mean(axis=0))
        covariance = np.atleast_2d(np.cov(scaled - self._middle, rowvar=False, bias=True))
        rounding = np.maximum(ROUNDING * largest, np.finfo(np.float64).tiny)
        self._spread = np.where(self._is_constant, rounding, np.sqrt(np.diag(covariance)))
        with np.errstate(over="ignore"):
            self.mean = np.ldexp(self._middle, self._exponents)
            self.covariance = np.ldexp(covariance, self._exponents + self._exponents[:, np.newaxis])

    def views(self, summaries):
        """Return arrays `(n, n_coordinates)`: of all summaries, and of what they say of the parameters if known.

        The last coordinate of the first is how far summaries are from where those of simulated data sets always are.
        """
        standardised, departures = self._standardised(summaries)
        whitened = standardised @ self._whitening
        unlike = self._unused_shares(standardised) / (_MARGIN * self._unused_noise)
        departure = np.maximum(unlike, np.abs(departures).max(axis=1, initial=0.0))[:, np.newaxis]
        everything = np.hstack([whitened, np.where(departure > 1.0, _FAR * departure, 0.0)])
        views = [everything] if self._coefficients is None else [everything, whitened @ self._coefficients]
        return [np.clip(view, -_FARTHEST, _FARTHEST) for view in views]

    def _scaled(self, summaries):
        with np.errstate(over="ignore", under="ignore"):
            # Powers of two, so that nothing is rounded.
            return np.ldexp(summaries, -self._exponents)

    def _standardised(self, summaries):
        """Return summaries in standard deviations, zero where there is none, and such in units of rounding."""
        with np.errstate(over="ignore"):
            values = (self._scaled(summaries) - self._middle) / self._spread
        values = np.clip(values, -_FARTHEST, _FARTHEST)
        return np.where(self._is_constant, 0.0, values), values[:, self._is_constant]

    def _unused_shares(self, standardised):
        """Return how far summaries are, in relation to their size, from the directions in which they vary, `(n,)`."""
        sizes = 1 + np.linalg.norm(standardised, axis=1)
        return np.linalg.norm(standardised @ self._unused, axis=1) / sizes

    def _regression(self, whitened, draws):
        """Return what whitened summaries are multiplied by for the second view, or None if they say nothing."""
        n = len(whitened)
        scores = special.ndtri(stats.rankdata(draws, axis=0) / (n + 1))
        scores -= scores.mean(axis=0)
        parameters = scores @ whitening(np.atleast_2d(np.cov(scores, rowvar=False, bias=True)))
        left, correlations, right = np.linalg.svd(whitened.T @ parameters / n, full_matrices=False)
        # The largest singular value of as many random correlations.
        chance = (np.sqrt(left.shape[0]) + np.sqrt(right.shape[1])) / np.sqrt(n)
        kept = correlations > chance
        return left[:, kept] * correlations[kept] if kept.any() else None
