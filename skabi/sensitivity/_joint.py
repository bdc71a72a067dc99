"""The distance of two joint posteriors, and how much of it is chance."""

from functools import cached_property

import numpy as np
from scipy.spatial.distance import cdist

# Draws that are compared, at most; a distance counts from this quantile of what chance makes.
_N_COMPARED, _QUANTILE, _N_DIVISIONS = 256, 0.99, 200


class JointDistance:
    """Energy distance of joint posteriors to a baseline.

    The square root of ``2 E|x - z| - E|x - x'| - E|z - z'|`` [1]_, with each parameter divided by the baseline's
    standard deviation. Of the first draws, 256 at most.

    Parameters
    ----------
    draws : ndarray of shape (n_datasets, n_draws, n_parameters)
        Of the baseline.
    sd : ndarray of shape (n_datasets, n_parameters)

    References
    ----------
    .. [1] G. Székely, M. Rizzo (2013). Energy statistics: a class of statistics based on distances. Journal of
       Statistical Planning and Inference 143(8).
    """

    def __init__(self, draws, sd):
        self.scale = np.where(sd > 0, sd, 1.0)[:, np.newaxis]
        self.draws = draws[:, :_N_COMPARED] / self.scale

    @cached_property
    def _means(self):
        """Mean distances of two draws of the baseline."""
        return np.array([cdist(x, x).mean() for x in self.draws])

    def to(self, draws, weights=None):
        """Return the distance to as many other draws, with `weights` `(n_datasets, n_draws)`, `(n_datasets,)`."""
        draws = draws[:, :_N_COMPARED] / self.scale
        weights = np.ones(draws.shape[:2]) if weights is None else weights[:, :_N_COMPARED]
        # Where none of these has a weight there is no distance.
        with np.errstate(invalid="ignore"):
            weights = weights / weights.sum(axis=1, keepdims=True)
        across = [cdist(x, z).mean(axis=0) @ w for x, z, w in zip(self.draws, draws, weights, strict=True)]
        within = [w @ cdist(z, z) @ w for z, w in zip(draws, weights, strict=True)]
        return np.sqrt(np.maximum(2 * np.array(across) - self._means - within, 0.0))

    @cached_property
    def noise(self):
        """The distance that chance alone exceeds once in a hundred times, of independent draws, `(n_datasets,)`.

        Half of the draws of the baseline are compared with the other half, for random divisions; squares shrink with
        the number of draws.
        """
        n = self.draws.shape[1] // 2 * 2
        signs = np.ones((_N_DIVISIONS, n))
        signs[:, n // 2 :] = -1
        signs = np.random.default_rng(0).permuted(signs, axis=1) / (n / 2)
        squares = [-((signs @ cdist(x[:n], x[:n])) * signs).sum(axis=1) for x in self.draws]
        return np.sqrt(np.maximum(np.quantile(squares, _QUANTILE, axis=1), 0.0) / 2)
