"""Where the summaries of simulated data sets lie, and how unusual others are among them."""

import numpy as np
from sklearn.covariance import ledoit_wolf

from skabi.diagnostics._mahalanobis import whitening

# More data sets than this change nothing that could be seen, and cost time.
LARGEST_SAMPLE = 10_000
# The tail is the largest tenth of distances.
_TAIL = 0.1
# Fewer data sets say nothing of what lies beyond them.
_SMALLEST_TAIL = 10
# As many exceedances as this, of this shape, join those there are.
_PRIOR_WEIGHT, _PRIOR_SHAPE = 10, 0.3
# Nothing is simulated that is so many times as far out as the farthest of those that were.
_FAR = 3.0


class UsualSummaries:
    """The distribution of Mahalanobis distances of summaries, with a generalised Pareto tail.

    Mean and covariance are of some data sets and distances of others, which are as far from the mean as new ones.
    """

    def fit(self, shaping, judging):
        """Learn from summaries `(n, n_summaries)` of data sets for mean and covariance, and of others for distances."""
        self._mean = shaping.mean(axis=0)
        scale = shaping.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        standardised = (shaping - self._mean) / scale
        enough = len(shaping) >= _SMALLEST_TAIL
        covariance = ledoit_wolf(standardised, assume_centered=True)[0] if enough else np.eye(shaping.shape[1])
        constant = np.ptp(shaping, axis=0) == 0
        covariance[constant] = covariance[:, constant] = 0.0
        self._whitening = whitening(covariance * scale * scale[:, np.newaxis])
        self._distances = np.sort(self.distances(judging))
        n_tail = int(_TAIL * len(judging))
        self._has_tail = n_tail >= _SMALLEST_TAIL
        if self._has_tail:
            self._start = self._distances[-n_tail - 1]
            self._shape, self._scale = _generalised_pareto(self._distances[-n_tail:] - self._start)
        return self

    def distances(self, summaries):
        """Return Mahalanobis distances of summaries `(n, n_summaries)`, `(n,)`."""
        return np.linalg.norm((summaries - self._mean) @ self._whitening, axis=1)

    def p_values(self, summaries):
        """Return the share of data sets like those of `fit` that are as far out or farther, `(n,)`."""
        distances = self.distances(summaries)
        n = len(self._distances)
        p_values = (1 + n - np.searchsorted(self._distances, distances)) / (1 + n)
        if n >= _SMALLEST_TAIL:
            p_values[distances > _FAR * self._distances[-1]] = 0.0
        if not self._has_tail:
            return p_values
        excess = np.maximum(distances - self._start, 0.0) / self._scale
        beyond = _TAIL * (1 + self._shape * excess) ** (-1 / self._shape)
        few = _SMALLEST_TAIL / (1 + n)
        return np.where((p_values > few) | (p_values == 0), p_values, np.minimum(beyond, few))


def _generalised_pareto(excess):
    """Return shape and scale by probability-weighted moments (Hosking, Wallis, 1987), no tail being shorter than 0."""
    n = len(excess)
    mean = excess.mean()
    weighted = (excess * (n - np.arange(n) - 0.65) / n).mean()
    shape = 2 - mean / (mean - 2 * weighted) if mean > 2 * weighted else _PRIOR_SHAPE
    shape = (n * np.clip(shape, 1e-3, 1.0) + _PRIOR_WEIGHT * _PRIOR_SHAPE) / (n + _PRIOR_WEIGHT)
    return shape, max(mean * (1 - shape), np.finfo(float).tiny)
