"""How many observations, and groups of them, data sets have, drawn at random.

Sizes, and the distributions that they come from, are dicts by what is counted, "n_groups" or "n_observations", and
source; the name None is that of X without several sources.
"""

from collections.abc import Mapping

import numpy as np
from scipy import stats

from skabi._params import check_count
from skabi.exceptions import ShapeError

# What is counted, and the arguments of simulate that say how many.
OBSERVATIONS, GROUPS = "n_observations", "n_groups"
# No row of a block has this number, so that its sizes have a stream of random numbers of their own.
_STREAM = 2**32 - 1


def size_distributions(n_observations, n_groups):
    """Return frozen discrete distributions; an empty dict where there are no sizes."""
    distributions = {}
    if isinstance(n_observations, Mapping):
        if not n_observations or not all(isinstance(source, str) for source in n_observations):
            raise TypeError(
                "n_observations must be a range (low, high), a distribution, or a non-empty dict of source name to "
                f"these; got {n_observations!r}."
            )
        if n_groups is not None:
            raise TypeError("n_groups is for X of one source; n_observations is a dict, for several.")
        for source, value in n_observations.items():
            distributions[OBSERVATIONS, source] = _distribution(value, f"n_observations[{source!r}]")
    elif n_observations is not None:
        distributions[OBSERVATIONS, None] = _distribution(n_observations, OBSERVATIONS)
    if n_groups is not None:
        distributions[GROUPS, None] = _distribution(n_groups, GROUPS)
    return distributions


def check_range(value, name):
    """Return a tuple or list of two counts as `(low, high)`."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} must be a range of int (low, high), such as (20, 200); got {value!r}.")
    low = check_count(value[0], f"{name}[0]")
    return low, check_count(value[1], f"{name}[1]", minimum=low)


def draw_sizes(distributions, seed, n):
    """Return `n` sizes from each distribution; `seed` is the `SeedSequence` of a block."""
    stream = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, _STREAM), pool_size=seed.pool_size)
    return {
        key: distribution.rvs(size=n, random_state=np.random.default_rng(child)).astype(np.int64)
        for (key, distribution), child in zip(distributions.items(), stream.spawn(len(distributions)), strict=True)
    }


def check_sizes(sizes, distributions, n, *, counted):
    """Return given sizes of `n` data sets as arrays `(n,)`; `counted` says what of, and names them in messages."""
    if sizes is None:
        return {}
    sources = [source for kind, source in distributions if kind == counted]
    if not sources:
        raise ValueError(
            f"simulate_from takes {counted} where sizes may differ, with Simulator(..., {counted}=...); this simulator "
            "was made without."
        )
    given = sizes if isinstance(sizes, Mapping) else {None: sizes}
    if any(source not in sources for source in given):
        wanted = "an int or an array" if None in sources else f"a dict with names among {sources}"
        raise ValueError(f"{counted} must be {wanted}, as in Simulator(..., {counted}=...); got {given!r}.")
    return {(counted, source): _counts(value, n, counted) for source, value in given.items()}


def _counts(value, n, counted):
    counts = np.asarray(value)
    if counts.dtype.kind not in "iu" or (counts < 1).any():
        raise ValueError(f"{counted} must be int of at least 1; got {value!r}.")
    if counts.shape not in {(), (n,)}:
        raise ShapeError(f"{counted} must be one int, or one for each of {n} data sets; got shape {counts.shape}.")
    return np.broadcast_to(counts, n)


def _distribution(value, name):
    if isinstance(value, (tuple, list)):
        low, high = check_range(value, name)
        return stats.randint(low, high + 1)
    if isinstance(value, stats.rv_discrete):
        try:
            value = value()
        except TypeError:
            raise TypeError(
                f"the distribution of {name} is not frozen: call it with its parameters, as in stats.randint(20, 201)."
            ) from None
    if not isinstance(getattr(value, "dist", None), stats.rv_discrete):
        raise TypeError(
            f"{name} must be a range of int (low, high), such as (20, 200), or a frozen discrete distribution, such as "
            f"stats.randint(20, 201); got {value!r}."
        )
    low = value.support()[0]
    if np.ndim(low) or not low >= 1 or not float(low).is_integer():
        raise ValueError(
            f"{name} must draw one int of at least 1; the support of its distribution begins at {low}. Move it with "
            "loc, as in stats.poisson(50, loc=1)."
        )
    return value
