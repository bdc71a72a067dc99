"""Posteriors of two parameters on grids that zoom in on them."""

from typing import NamedTuple

import numpy as np

from skabi._params import check_count
from skabi._random import generators
from skabi.datasets._exact import ExactSimulator

# Nodes whose density is lower than the largest by more nats are left out of the grid.
DEPTH = 30.0
N_ROUNDS = 5
# Nodes at once, so that memory does not grow with the number of data sets.
MAX_NODES = 2_000_000


class _Grid(NamedTuple):
    """Grids of several data sets.

    Attributes
    ----------
    nodes : ndarray of shape (n_datasets, 2, n_nodes)
        Coordinates.
    sides : ndarray of shape (n_datasets, 2)
        How long the grid is in each.
    log_joint : ndarray of shape (n_datasets, n_nodes, n_nodes)
        Log joint density of data and coordinates.
    """

    nodes: np.ndarray
    sides: np.ndarray
    log_joint: np.ndarray


class GridSimulator(ExactSimulator):
    """A simulator of two parameters whose posterior is computed on a fine grid.

    The grid is in two coordinates of a child's choice, in which the joint density is smooth, and shrinks in a few
    rounds to where the posterior is. A child sets `box`, the ends of the coordinates, `(2, 2)`, and defines
    `_statistics`, `_log_joint` and `_parameters`.
    """

    box: np.ndarray
    n_coarse = 64
    n_fine = 256

    def _statistics(self, X):
        """Return what the posterior depends on, `(n_datasets, n_statistics)`."""
        raise NotImplementedError

    def _log_joint(self, statistics, first, second):
        """Return the log joint density of data and coordinates, `(n_datasets, n_nodes, n_nodes)`.

        `first` and `second` are the values of the coordinates, `(n_datasets, n_nodes)`.
        """
        raise NotImplementedError

    def _parameters(self, coordinates):
        """Return the parameters at coordinates, both `(..., 2)`."""
        raise NotImplementedError

    def log_evidence(self, X):
        """Log marginal likelihood of each data set, by Gauss-Legendre quadrature.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
            Data sets.

        Returns
        -------
        log_evidence : ndarray of shape (n_datasets,)
            `log p(X)`.
        """
        # A data set often comes once for each of its draws.
        distinct, inverse = np.unique(self._statistics(self._check(X)), axis=0, return_inverse=True)
        nodes, weights = np.polynomial.legendre.leggauss(self.n_fine // 2)
        parts = []
        for grid in self._grids(distinct, (1 + nodes) / 2):
            top = grid.log_joint.max(axis=(1, 2))
            density = np.exp(grid.log_joint - top[:, np.newaxis, np.newaxis])
            parts.append(top + np.log((density @ weights) @ weights) + np.log(grid.sides / 2).sum(axis=1))
        return np.concatenate(parts)[inverse]

    def sample_posterior(self, X, n_draws=1000, *, random_state=None):
        """Independent draws from the posterior, whose density is interpolated between the nodes of a fine grid.

        Parameters
        ----------
        X : array-like of shape (n_datasets, ...)
            Data sets.
        n_draws : int, default=1000
            Draws for each data set.
        random_state : int, Generator, RandomState or None, default=None
            Source of randomness.

        Returns
        -------
        draws : ndarray of shape (n_datasets, n_draws, 2)
            Posterior draws.
        """
        statistics = self._statistics(self._check(X))
        n_draws = check_count(n_draws, "n_draws")
        (rng,) = generators(random_state, 1)
        return np.concatenate(
            [self._sample(grid, n_draws, rng) for grid in self._grids(statistics, _middles(self.n_fine))]
        )

    def _sample(self, grid, n_draws, rng):
        """Draw nodes by their probability, then points around them: the density is linear between nodes."""
        n_datasets, _, n_nodes = grid.nodes.shape
        top = grid.log_joint.max(axis=(1, 2), keepdims=True)
        cumulative = np.cumsum(np.exp(grid.log_joint - top).reshape(n_datasets, -1), axis=1)
        shares = rng.random((n_datasets, n_draws)) * cumulative[:, -1:]
        chosen = np.stack([np.searchsorted(c, s, side="right") for c, s in zip(cumulative, shares, strict=True)])
        index = np.stack([chosen // n_nodes, chosen % n_nodes], axis=1)
        shift = rng.random((*index.shape, 2)).sum(axis=-1) - 1
        points = np.take_along_axis(grid.nodes, index, axis=2) + grid.sides[:, :, np.newaxis] / n_nodes * shift
        low, high = self.box.T[:, :, np.newaxis]
        points = low + np.abs(points - low)
        points = high - np.abs(high - points)
        return self._parameters(np.moveaxis(points, 1, 2))

    def _grids(self, statistics, places):
        """Yield grids of some data sets after the other, with nodes at `places` between 0 and 1 of their sides."""
        n = max(1, MAX_NODES // max(len(places), self.n_coarse) ** 2)
        for start in range(0, len(statistics), n):
            part = statistics[start : start + n]
            box = np.broadcast_to(self.box, (len(part), 2, 2))
            for _ in range(N_ROUNDS):
                box = _zoom(self._grid(part, box, _middles(self.n_coarse)), self.box)
            yield self._grid(part, box, places)

    def _grid(self, statistics, box, places):
        sides = box[..., 1] - box[..., 0]
        nodes = box[..., :1] + sides[..., np.newaxis] * places
        return _Grid(nodes, sides, self._log_joint(statistics, nodes[:, 0], nodes[:, 1]))


def _middles(n):
    """Return the middles of n equal parts of (0, 1)."""
    return (np.arange(n) + 0.5) / n


def _zoom(grid, largest):
    """Return the box of the nodes that matter and two more on each side, `(n_datasets, 2, 2)`."""
    matters = grid.log_joint >= grid.log_joint.max(axis=(1, 2), keepdims=True) - DEPTH
    n_nodes, rows = grid.nodes.shape[2], np.arange(len(matters))
    box = np.empty((len(matters), 2, 2))
    for axis in (0, 1):
        along = matters.any(axis=2 - axis)
        first, last = along.argmax(axis=1), n_nodes - 1 - along[:, ::-1].argmax(axis=1)
        nodes, margin = grid.nodes[:, axis], 2.5 * grid.sides[:, axis] / n_nodes
        box[:, axis, 0] = np.maximum(nodes[rows, first] - margin, largest[axis, 0])
        box[:, axis, 1] = np.minimum(nodes[rows, last] + margin, largest[axis, 1])
    return box
