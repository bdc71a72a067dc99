"""What memories of series are usual, for series of any length."""

import itertools

import numpy as np
import torch

from skabi._torch import to_array, to_tensor
from skabi.estimators._usual_summaries import LARGEST_SAMPLE, UsualSummaries

# Times of series that are read at once.
_PLACES = 100_000


def what_is_read(network, memory):
    """Return what beliefs of states are formed from, `(..., n)`, of memories `(..., n_memory)`."""
    belief, memory = network.belief, memory.to(torch.float32)
    return torch.cat([belief.from_memory(memory), belief.straight(memory)], dim=-1)


def usual_memories(network, shaping, judging, *, dropping, generator):
    """Return `UsualMemories` of simulated series, some for where they lie and others for how far out they are.

    Parameters
    ----------
    network : TrajectoryNetwork
    shaping, judging : ndarray of shape (n, n_subjects, n_times, n_tokens)
    dropping : callable or None
        Leaves values out as in training.
    generator : torch.Generator
    """
    usual = UsualMemories(shaping.shape[2])
    rng = np.random.default_rng(generator.initial_seed())
    parts = []
    for tokens in (shaping, judging):
        series = to_tensor(tokens).flatten(0, 1)[:LARGEST_SAMPLE]
        series = series if dropping is None else dropping(series, generator)
        lengths = torch.as_tensor(np.stack(usual.lengths(len(series), rng)))
        n_each = max(1, _PLACES // series.shape[1])
        with torch.no_grad():
            chunks = zip(series.split(n_each), lengths.split(n_each, dim=1), strict=True)
            found = [what_is_read(network, _at_ends(network.memory(part), ends)) for part, ends in chunks]
        parts.append(list(to_array(torch.cat(found, dim=1))))
    return usual.fit(*parts)


def _at_ends(memory, lengths):
    """Return memories `(n_lengths, n, n_memory)` at the ends of beginnings of `lengths` `(n_lengths, n)`."""
    return memory[torch.arange(len(memory)), lengths - 1]


class UsualMemories:
    """Where the memories of simulated series lie, and how unusual others are among those of about the same length.

    Lengths are about the same between two powers of two.

    Parameters
    ----------
    n_times : int
        Length of the simulated series.
    """

    def __init__(self, n_times):
        self.n_times = n_times

    def lengths(self, n, rng):
        """Return lengths of `n` series up to each of which memories are to be learned from, a list of arrays `(n,)`."""
        ends = np.append(2 ** np.arange(self._place(self.n_times)), [self.n_times, self.n_times + 1])
        return [rng.integers(low, high, size=n) for low, high in itertools.pairwise(ends)]

    def fit(self, shaping, judging):
        """Learn from what is read of series of the lengths above, two lists of `(n, n_read)`."""
        self._each = [UsualSummaries().fit(*pair) for pair in zip(shaping, judging, strict=True)]
        return self

    def p_values(self, read, lengths):
        """Return the share of simulated series of about the same length that are as far out or farther.

        Parameters
        ----------
        read : ndarray of shape (n, n_subjects, n_read)
        lengths : ndarray of int of shape (n,)

        Returns
        -------
        p_values : ndarray of shape (n,)
            Of the most unusual subject, given how many there are.
        """
        n, n_subjects, n_read = read.shape
        found, places = np.empty((n, n_subjects)), self._place(np.minimum(lengths, self.n_times))
        for place in np.unique(places):
            rows = places == place
            p_values = self._each[place].p_values(read[rows].reshape(-1, n_read))
            found[rows] = p_values.reshape(-1, n_subjects)
        return np.minimum(n_subjects * found.min(axis=1), 1.0)

    def _place(self, lengths):
        """Return the place of lengths among powers of two, the whole length in one of its own."""
        whole = int(np.ceil(np.log2(self.n_times)))
        return np.where(lengths == self.n_times, whole, np.floor(np.log2(lengths)).astype(int))
