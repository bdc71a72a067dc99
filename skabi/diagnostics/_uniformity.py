"""A test of uniform ranks that sees a wrong spread with fewer data sets than bands of the ECDF do."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from skabi._params import check_count
from skabi.diagnostics._ecdf import check_ranks

# With fewer data sets, chi-squared p-values below 0.001 come up to four times as often as they should.
_N_DATASETS_FOR_CHI2 = 100
_N_SIMULATIONS = 9999


def uniformity_test(ranks: ArrayLike, n_draws: int, *, order: int = 4) -> np.ndarray:
    """Return p-values of Neyman's smooth test that ranks are uniform on 0, 1, ..., n_draws.

    The statistic is the sum of `order` squares, each of which has mean 1 if ranks are uniform [1]_: the first takes
    the mean of the ranks (a posterior that is shifted), the second their spread (too narrow, or too wide), the next
    two their skewness and their tails. They are means of polynomials that are orthonormal on the grid of ranks [2]_, so
    that few draws are no approximation. A test of a few smooth shapes sees a wrong spread with fewer data sets than
    the bands of `sbc_ecdf`, which watch for any shape, and a shift with as many. Bands say where ranks are too many,
    and see single spikes, which this test overlooks.

    P-values are those of the chi-squared distribution with `order` degrees of freedom, and for fewer than 100 data
    sets of 9,999 simulations with a fixed seed; 0.0001 is their smallest then.

    Parameters
    ----------
    ranks : int array of shape (n_datasets, n_parameters) or (n_datasets,)
        Ranks from `sbc_ranks`.
    n_draws : int
        Number of posterior draws behind each rank.
    order : int, default=4
        Number of squares; there are n_draws if that is less.

    Returns
    -------
    p_value : array of shape (n_parameters,)
        Probability that uniform ranks give a statistic as large, for each parameter by itself.

    Raises
    ------
    ShapeError
        If ranks have another number of dimensions.
    ValueError
        If ranks are not whole numbers between 0 and n_draws, or n_draws or order is less than 1.

    See Also
    --------
    sbc_ecdf : Where on the line ranks are too many or too few.

    References
    ----------
    .. [1] J. Neyman (1937). "Smooth test" for goodness of fit. Skandinavisk Aktuarietidskrift 20.
    .. [2] J. C. W. Rayner, O. Thas, D. J. Best (2009). Smooth tests of goodness of fit: using R. 2nd edition. Wiley.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import uniformity_test
    >>> rng = np.random.default_rng(0)
    >>> even, heaped = rng.integers(100, size=500), (100 * rng.beta(1.2, 1.2, size=500)).astype(int)
    >>> (uniformity_test(np.column_stack([even, heaped]), 99) > 0.05)
    array([ True, False])
    """
    n_draws, order = check_count(n_draws, "n_draws"), check_count(order, "order")
    return smooth_p_values(check_ranks(ranks, n_draws), n_draws, order)


def smooth_p_values(ranks, n_draws, order, *, directions=None):
    """Return p-values of the smooth test, which may look for a shift along directions too.

    Parameters
    ----------
    ranks : int ndarray of shape (n_datasets, n_columns)
    n_draws, order : int
    directions : ndarray of shape (n_datasets, n_directions), default=None
        Covariates that say nothing of uniform ranks. The first polynomial is then projected on the space of these and
        of a constant, where its covariance is known: one more degree of freedom for each direction that is new.

    Returns
    -------
    p_value : ndarray of shape (n_columns,)
    """
    n_datasets = len(ranks)
    polynomials = _polynomials(n_draws, min(order, n_draws))
    basis = _basis(n_datasets, directions)
    statistic = _statistic(ranks, polynomials, basis)
    if n_datasets >= _N_DATASETS_FOR_CHI2:
        return stats.chi2.sf(statistic, len(polynomials) - 1 + basis.shape[1])
    simulated = np.random.default_rng(0).integers(n_draws + 1, size=(n_datasets, _N_SIMULATIONS))
    # Just below, so that equal statistics count as equal in spite of rounding.
    ordered = np.sort(_statistic(simulated, polynomials, basis))
    n_smaller = np.searchsorted(ordered, statistic * (1 - 1e-9))
    return (1 + _N_SIMULATIONS - n_smaller) / (1 + _N_SIMULATIONS)


@lru_cache(maxsize=32)
def _polynomials(n_draws, order):
    """Return the values `(order, n_draws + 1)` of polynomials 1, 2, ... with mean 0, variance 1 and no covariance."""
    grid = np.linspace(-1, 1, n_draws + 1)
    # From Legendre polynomials, which are nearly orthogonal on a fine grid already, so that no digits are lost.
    columns, _ = np.linalg.qr(np.polynomial.legendre.legvander(grid, order))
    return np.sqrt(n_draws + 1) * columns.T[1:]


def _basis(n_datasets, directions):
    """Return an orthonormal basis `(n_datasets, n_basis)` of a constant and the directions."""
    columns = np.ones((n_datasets, 1))
    if directions is not None:
        columns = np.hstack([columns, directions])
    basis, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return basis[:, sizes > 1e-8 * sizes[0]]


def _statistic(ranks, polynomials, basis):
    """Return the sum of squares of each column of ranks."""
    first = ((basis.T @ polynomials[0][ranks]) ** 2).sum(axis=0)
    return first + sum(values[ranks].sum(axis=0) ** 2 for values in polynomials[1:]) / len(ranks)
