"""Pairs of a group and a draw of hyper-parameters."""

import numpy as np

# Pairs that are worked on together.
_AT_ONCE = 65_536


class Pairs:
    """Of each data set all draws of hyper-parameters, and with each draw all groups.

    Parameters
    ----------
    n_groups : ndarray of int of shape (n_datasets,)
    n_draws : int
    """

    def __init__(self, n_groups, n_draws):
        self.n_groups, self.n_draws = n_groups, n_draws
        self._ends = np.cumsum(n_groups * n_draws)

    def __len__(self):
        return int(self._ends[-1])

    def blocks(self):
        """Return slices of pairs that are worked on together."""
        return [slice(start, min(start + _AT_ONCE, len(self))) for start in range(0, len(self), _AT_ONCE)]

    def owners(self, block):
        """Return which of all groups, and which of all draws, the pairs of a block are of."""
        pairs = np.arange(block.start, block.stop)
        data_sets = np.searchsorted(self._ends, pairs, side="right")
        within = pairs - (self._ends - self.n_groups * self.n_draws)[data_sets]
        draws, groups = np.divmod(within, self.n_groups[data_sets])
        return groups + (np.cumsum(self.n_groups) - self.n_groups)[data_sets], draws + data_sets * self.n_draws

    def by_data_set(self, values):
        """Return values of all pairs as a list of arrays `(n_draws, n_groups, ...)`."""
        parts = np.split(values, self._ends[:-1])
        return [part.reshape(self.n_draws, n, *values.shape[1:]) for part, n in zip(parts, self.n_groups, strict=True)]
