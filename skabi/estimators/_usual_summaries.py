"""Where the summaries of simulated data sets lie, and how unusual others are among them."""

import numpy as np
from scipy import special
from sklearn.covariance import ledoit_wolf

from skabi.diagnostics._mahalanobis import whitening

# More data sets than this change nothing that could be seen, and cost time.
LARGEST_SAMPLE = 10_000
# The tail is the largest tenth of distances.
_TAIL = 0.1
# Fewer distances say nothing of its shape.
_SMALLEST_TAIL = 10
# From fewer data sets than this no covariance is learned.
_FEWEST_FOR_COVARIANCE = 10
# Power by which chances fall beyond the farthest of a few distances. That of Student's t with three degrees of freedom
# is three, that of lognormal summaries no larger at first.
_POWER = 2.5
# Shapes of tails that are thought possible, from some that end to those without a variance, none of them zero; and how
# many times as wide as a tail of the same mean they are.
_SHAPES, _WIDTHS = np.linspace(-0.25, 0.5, 30), np.geomspace(0.1, 10.0, 61)
# Tails that are less probable than this change no chance that anyone looks at.
_NEGLIGIBLE = 1e-12
# Distances that are looked at together.
_AT_ONCE = 32


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
        enough = len(shaping) >= _FEWEST_FOR_COVARIANCE
        covariance = ledoit_wolf(standardised, assume_centered=True)[0] if enough else np.eye(shaping.shape[1])
        constant = np.ptp(shaping, axis=0) == 0
        covariance[constant] = covariance[:, constant] = 0.0
        self._whitening = whitening(covariance * scale * scale[:, np.newaxis])
        self._distances = np.sort(self.distances(judging))
        n_tail = int(_TAIL * len(judging))
        self._tail = None
        if n_tail >= _SMALLEST_TAIL:
            start = self._distances[-n_tail - 1]
            self._tail = start, *_generalised_pareto(self._distances[-n_tail:] - start)
        return self

    def distances(self, summaries):
        """Return Mahalanobis distances of summaries `(n, n_summaries)`, `(n,)`."""
        return np.linalg.norm((summaries - self._mean) @ self._whitening, axis=1)

    def p_values(self, summaries):
        """Return the share of data sets like those of `fit` that are as far out or farther, `(n,)`."""
        distances = self.distances(summaries)
        n = len(self._distances)
        p_values = (1 + n - np.searchsorted(self._distances, distances)) / (1 + n)
        if self._tail is None:
            is_beyond = distances > self._distances[-1]
            p_values[is_beyond] *= (self._distances[-1] / distances[is_beyond]) ** _POWER
            return p_values
        few = _SMALLEST_TAIL / (1 + n)
        is_beyond = p_values <= few
        if is_beyond.any():
            p_values[is_beyond] = np.minimum(_TAIL * _beyond(distances[is_beyond], *self._tail), few)
        return p_values


def _generalised_pareto(excess):
    """Return shapes and scales that are possible, and their posterior probabilities, each `(n_tails,)`.

    Before the data shapes are equally probable, and so are logarithms of scales.
    """
    shapes = _SHAPES[:, np.newaxis]
    scales = max(excess.mean(), np.finfo(float).tiny) * (1 - shapes) * _WIDTHS
    log_prob = np.zeros(scales.shape)
    for each in excess:
        log_prob += _log_beyond(each / scales, shapes) * (1 + shapes) - np.log(scales)
    probabilities = special.softmax(log_prob)
    is_possible = probabilities > _NEGLIGIBLE
    return np.broadcast_to(shapes, scales.shape)[is_possible], scales[is_possible], probabilities[is_possible]


def _beyond(distances, start, shapes, scales, probabilities):
    """Return the chance that what exceeds `start` is as far out as `distances` `(n,)`, over all possible tails."""
    excess = np.maximum(distances - start, 0.0)[:, np.newaxis]
    parts = np.array_split(excess, -(-len(excess) // _AT_ONCE))
    return np.concatenate([np.exp(_log_beyond(part / scales, shapes)) @ probabilities for part in parts])


def _log_beyond(excess, shape):
    """Return log(1 + shape * excess) / -shape, the log chance of a larger excess; minus infinity beyond the end."""
    with np.errstate(divide="ignore"):
        return np.log1p(np.maximum(shape * excess, -1.0)) / -shape
