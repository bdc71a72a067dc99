"""Slice sampling of many posteriors with many chains each, without gradients."""

import numpy as np

from skabi._params import check_count, check_real
from skabi.refine._base import BaseSampler

# After so many shrinkages an interval has no length that matters; the chain stays where it is.
_MOST_SHRINKAGES = 60
_SHORTEST_SWEEP, _THINNING = 5, 5


class SliceSampler(BaseSampler):
    """Slice sampling [1]_ along the differences of draws [2]_, [3]_, in one batch for all chains of all data sets.

    An update moves a chain along a line whose direction is the difference of two points of an archive, so that steps
    are as long, and as correlated, as the posterior is; between modes, too, where the archive has several. Nothing is
    tuned and nothing rejected. The archive is draws of the posterior so far, then some of these and chains themselves
    while they warm up; it is fixed while draws are kept, as it must be for their distribution to be right. Modes far
    apart are visited, but not often: their weights are right only after many sweeps.

    Parameters
    ----------
    n_superchains : int, default=16
        Starting points a data set.
    n_chains : int, default=64
        Chains from each of them.
    n_warm_up : int, default=10
        Sweeps that are thrown away; a sweep is one update for each parameter, and at least five. Of those that follow
        draws are kept after every fifth of as many.
    width : float, default=3.0
        Length of the interval that an update begins with, in lengths of its direction.

    References
    ----------
    .. [1] R. Neal (2003). Slice sampling. Annals of Statistics 31(3).
    .. [2] C. ter Braak, J. Vrugt (2008). Differential evolution Markov chain with snooker updater and fewer chains.
       Statistics and Computing 18.
    .. [3] M. Karamanis, F. Beutler (2021). Ensemble slice sampling. Statistics and Computing 31. arXiv 2002.06212.

    Examples
    --------
    >>> from skabi.refine import SliceSampler
    >>> SliceSampler(n_warm_up=20)
    SliceSampler(n_warm_up=20)
    """

    def __init__(self, n_superchains=16, *, n_chains=64, n_warm_up=10, width=3.0):
        self.n_superchains = n_superchains
        self.n_chains = n_chains
        self.n_warm_up = n_warm_up
        self.width = width

    def run(self, target, starts, archive, *, n_draws, rng):
        """Return draws of each posterior, `(n_datasets, n_superchains, n_chains, n_kept, n_parameters)`."""
        n_chains, n_warm_up = check_count(self.n_chains, "n_chains"), check_count(self.n_warm_up, "n_warm_up")
        width = check_real(self.width, "width", low=0.0)
        n_datasets, n_superchains, n_parameters = starts.shape
        n_kept = self.n_kept(n_draws)
        n_updates = max(n_parameters, _SHORTEST_SWEEP)
        u = np.repeat(starts, n_chains, axis=1)
        chains = _Chains(target, u, archive, width=width, rng=rng)
        # The archive is as old as half the sweeps so far, so that it forgets where chains began.
        renewals = {2**power for power in range(n_warm_up.bit_length())} | {n_warm_up}
        for sweep in range(1, n_warm_up + 1):
            chains.sweep(n_updates)
            if sweep in renewals:
                # Beside chains some of the first archive stays, which may know of modes that no chain is in.
                chains.archive = np.concatenate([archive[:, : chains.u.shape[1] // 8], chains.u], axis=1)
        kept = []
        for _ in range(n_kept):
            chains.sweep(n_updates * -(-n_warm_up // _THINNING))
            kept.append(chains.u.copy())
        return np.stack(kept, axis=2).reshape(n_datasets, n_superchains, n_chains, n_kept, n_parameters)


class _Chains:
    """Chains `u` `(n_datasets, n_chains, n_parameters)`, their log densities, and the archive of directions."""

    def __init__(self, target, u, archive, *, width, rng):
        self.target, self.u, self.archive, self.width, self.rng = target, u, archive, width, rng
        self.log_prob = target.log_prob_real(u)

    def sweep(self, n_updates):
        for _ in range(n_updates):
            self._update()

    def _update(self):
        shape = self.log_prob.shape
        rows = np.arange(shape[0])[:, np.newaxis]
        n_archived = self.archive.shape[1]
        one = self.rng.integers(n_archived, size=shape)
        other = (one + self.rng.integers(1, max(n_archived, 2), size=shape)) % n_archived
        direction = self.archive[rows, one] - self.archive[rows, other]
        level = self.log_prob - self.rng.exponential(size=shape)
        low = -self.width * self.rng.random(shape)
        high = low + self.width
        # Chains that are still looking, `(n_datasets, n_chains)`; each step asks as many of each data set.
        looking = np.ones(shape, dtype=bool)
        for _ in range(_MOST_SHRINKAGES):
            columns, is_asked = _first(looking)
            step = low[rows, columns] + self.rng.random(columns.shape) * (high - low)[rows, columns]
            u = self.u[rows, columns] + step[..., np.newaxis] * direction[rows, columns]
            log_prob = self.target.log_prob_real(u)
            is_found = is_asked & (log_prob >= level[rows, columns])
            where = np.nonzero(is_found)
            chains = where[0], columns[where]
            self.u[chains], self.log_prob[chains], looking[chains] = u[where], log_prob[where], False
            where = np.nonzero(is_asked & ~is_found)
            chains, step = (where[0], columns[where]), step[where]
            low[chains] = np.where(step < 0, step, low[chains])
            high[chains] = np.where(step < 0, high[chains], step)
            if not looking.any():
                break


def _first(looking):
    """Return columns of the chains that look, those of each data set first, and which of the columns do."""
    n_most = int(looking.sum(axis=1).max())
    columns = np.argsort(~looking, axis=1, kind="stable")[:, :n_most]
    return columns, np.take_along_axis(looking, columns, axis=1)
