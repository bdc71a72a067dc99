"""Data sets in blocks of one random seed each, from the workers of joblib."""

import joblib

from skabi._parallel import results
from skabi._progress import progress
from skabi._random import seed_sequence


def seeded_blocks(block, n, *, block_size, random_state=None, n_jobs=None, verbose=0):
    """Return what `block(seed)` returns for as many blocks of `block_size` data sets as hold `n`, a list.

    Blocks depend on `random_state` and their place alone: not on `n`, nor on `n_jobs`.
    """
    seeds = seed_sequence(random_state).spawn(-(-n // block_size))
    blocks = []
    with progress(n, "simulating", verbose=verbose) as advance:
        for each in results((joblib.delayed(block)(seed) for seed in seeds), n_jobs=n_jobs):
            blocks.append(each)
            advance(min(block_size, n - block_size * (len(blocks) - 1)))
    return blocks
