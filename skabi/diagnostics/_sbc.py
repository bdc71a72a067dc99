"""Ranks of simulation-based calibration."""

import numpy as np
from numpy.typing import ArrayLike

from skabi._random import generators
from skabi._shapes import check_draws_and_parameters


def count_below_and_equal(draws, y):
    """Return how many draws lie below the truth and how many equal it, each `(n_datasets, n_parameters)`."""
    below, equal = np.empty(y.shape, dtype=np.int64), np.empty(y.shape, dtype=np.int64)
    # One parameter at a time, so that the comparisons need a fraction of the memory of the draws.
    for column in range(y.shape[1]):
        below[:, column] = np.count_nonzero(draws[..., column] < y[:, [column]], axis=1)
        equal[:, column] = np.count_nonzero(draws[..., column] == y[:, [column]], axis=1)
    return below, equal


def sbc_ranks(draws: ArrayLike, y: ArrayLike, *, random_state=None) -> np.ndarray:
    """Return the rank of the true parameters among the posterior draws.

    If the parameters come from the prior, the data sets from the simulator at these parameters, and the draws from
    the exact posterior, then each rank is uniform on 0, 1, ..., n_draws [1]_.

    Parameters
    ----------
    draws : array-like of shape (n_datasets, n_draws, n_parameters)
        Independent posterior draws for each data set.
    y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
        True parameters of each data set; one dimension means one parameter.
    random_state : None, int, numpy.random.Generator or RandomState, default=None
        Breaks ties between the truth and draws, which discrete parameters have; without ties it has no effect.

    Returns
    -------
    ranks : int array of shape (n_datasets, n_parameters)
        Numbers of draws below the truth, between 0 and n_draws.

    Raises
    ------
    ShapeError
        If draws or y have another shape.
    ValueError
        If draws or y are not finite numbers.

    See Also
    --------
    sbc_ecdf, uniformity_test : Are the ranks uniform?

    References
    ----------
    .. [1] S. Talts, M. Betancourt, D. Simpson, A. Vehtari, A. Gelman (2018). Validating Bayesian inference algorithms
       with simulation-based calibration. arXiv:1804.06788.

    Examples
    --------
    >>> from skabi.diagnostics import sbc_ranks
    >>> sbc_ranks([[[0.1], [0.2], [0.3]], [[0.1], [0.2], [0.3]]], [0.25, 1.0])
    array([[2],
           [3]])
    """
    draws, y = check_draws_and_parameters(draws, y)
    below, equal = count_below_and_equal(draws, y)
    return break_ties(below, equal, random_state)


def break_ties(below, equal, random_state):
    """Return ranks, each uniform among those that a truth which equals `equal` draws may have."""
    if not equal.any():
        return below
    (rng,) = generators(random_state, 1)
    return below + rng.integers(equal + 1)
