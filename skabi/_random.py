"""One random_state in, independent streams out; no global seed is ever set."""

import numbers

import numpy as np
from sklearn.utils import check_random_state


def seed_sequence(random_state=None):
    """Return the `SeedSequence` that `random_state` stands for.

    Parameters
    ----------
    random_state : None, int, numpy.random.SeedSequence, Generator or RandomState
        `None` gives fresh entropy, an int or a sequence always the same sequence (children that it has already are
        not counted), a generator one that depends on its state (and advances it).
    """
    if isinstance(random_state, np.random.SeedSequence):
        return np.random.SeedSequence(
            random_state.entropy, spawn_key=random_state.spawn_key, pool_size=random_state.pool_size
        )
    if isinstance(random_state, np.random.Generator):
        return np.random.SeedSequence(random_state.integers(2**32, size=4).tolist())
    if random_state is None:
        return np.random.SeedSequence()
    if not isinstance(random_state, bool) and isinstance(random_state, numbers.Integral):
        if random_state < 0:
            raise ValueError(f"random_state must be a non-negative int; got {random_state}.")
        return np.random.SeedSequence(int(random_state))
    state = check_random_state(random_state)
    return np.random.SeedSequence(state.randint(0, 2**31 - 1, size=4).tolist())


def generators(random_state, n):
    """Return `n` independent `numpy.random.Generator`."""
    return [np.random.default_rng(child) for child in seed_sequence(random_state).spawn(n)]


def integer_seed(sequence):
    """Return 63 bits of a `SeedSequence`, for libraries that are seeded with an int."""
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def draw_categories(proba, n_draws, rng):
    """Return `n_draws` indices of columns for each row of probabilities `proba`, `(n_rows, n_draws)`."""
    # The last of the sums may be a little less than one.
    ends = proba.cumsum(axis=1)[:, np.newaxis, :-1]
    return (rng.random((len(proba), n_draws, 1)) > ends).sum(axis=2)
