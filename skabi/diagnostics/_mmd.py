"""Maximum mean discrepancy of two sets of draws, and its permutation test."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist, squareform

from skabi._random import generators
from skabi._shapes import as_float_array
from skabi.diagnostics._two_sample import (
    TwoSampleTest,
    check_two_sets,
    one_or_all,
    permutation_test,
    standardise_pooled,
)

_MULTIPLES = (0.25, 0.5, 1.0, 2.0, 4.0)


def mmd(x: ArrayLike, z: ArrayLike, *, bandwidths: ArrayLike | None = None):
    """Return the squared maximum mean discrepancy (MMD) of two sets of draws.

    This is the unbiased estimate [1]_, equation 3: it scatters around 0, and may be negative, if both sets come from
    the same distribution. Columns are standardised by mean and standard deviation of both sets together, so that
    units do not matter. The kernel is the mean of Gaussian kernels `exp(-distance**2 / (2 * bandwidth**2))` over
    the bandwidths, which, like their sum, sees fine as well as coarse differences; the result is at most 2.

    Parameters
    ----------
    x, z : array-like of shape (n_draws, n_columns) or (n_datasets, n_draws, n_columns)
        Draws to compare, of one data set or of several; n_draws may differ between x and z. Time and memory grow with
        the square of the number of draws of both: 2,000 need 0.1 GB, 20,000 need 10 GB.
    bandwidths : array-like of shape (n_bandwidths,), optional
        Widths of the kernels, in standard deviations of a column. By default 1/4, 1/2, 1, 2 and 4 times the median
        distance between two draws of both sets together, for each data set by itself; times the root mean square
        distance if the median is 0, as it may be of discrete draws.

    Returns
    -------
    squared_mmd : float, or array of shape (n_datasets,)
        An array if draws have three dimensions.

    Raises
    ------
    ShapeError
        If the sets have other shapes, or fewer than two draws.
    ValueError
        If values are not finite numbers, or bandwidths not positive ones.

    See Also
    --------
    mmd_test : Is it larger than chance makes it?

    References
    ----------
    .. [1] A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf, A. Smola (2012). A kernel two-sample test. Journal of
       Machine Learning Research 13. arXiv:0805.2368.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import mmd
    >>> rng = np.random.default_rng(0)
    >>> x, same, shifted = rng.normal(size=(500, 2)), rng.normal(size=(500, 2)), rng.normal(1.0, 1.0, size=(500, 2))
    >>> print(f"{mmd(x, same):.3f} {mmd(x, shifted):.3f}")
    0.001 0.120
    """
    x, z, is_single = check_two_sets(x, z)
    widths = _check_bandwidths(bandwidths)
    is_first = np.arange(x.shape[1] + z.shape[1])[:, np.newaxis] < x.shape[1]
    values = [_distance_of(standardise_pooled(*pair), widths)(is_first)[0] for pair in zip(x, z, strict=True)]
    return one_or_all(values, is_single)


def mmd_test(
    x: ArrayLike, z: ArrayLike, *, bandwidths: ArrayLike | None = None, n_permutations: int = 199, random_state=None
) -> TwoSampleTest:
    """Test by maximum mean discrepancy whether two sets of draws come from the same distribution [1]_.

    The p-value is exact for any number of draws, if they are independent; draws of a Markov chain are not, and must be
    thinned. The kernels are computed once for all permutations.

    Parameters
    ----------
    x, z : array-like of shape (n_draws, n_columns) or (n_datasets, n_draws, n_columns)
        Draws to compare, of one data set or of several; n_draws may differ between x and z.
    bandwidths : array-like of shape (n_bandwidths,), optional
        As in `mmd`.
    n_permutations : int, default=199
        Random divisions of all draws into two sets. If so few draws have no more different divisions than that, each
        of these counts once.
    random_state : None, int, numpy.random.Generator, SeedSequence or RandomState, default=None
        Seed of the permutations.

    Returns
    -------
    result : TwoSampleTest
        Squared MMD, that of the permutations, and p-value; of each data set if draws have three dimensions.

    Raises
    ------
    ShapeError
        If the sets have other shapes, or fewer than two draws.
    ValueError
        If values are not finite numbers, or bandwidths not positive ones.

    See Also
    --------
    mmd : The statistic alone.
    sliced_wasserstein_test : Another distance, quick with many draws.

    References
    ----------
    .. [1] A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf, A. Smola (2012). A kernel two-sample test. Journal of
       Machine Learning Research 13. arXiv:0805.2368.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import mmd_test
    >>> rng = np.random.default_rng(0)
    >>> reference, narrow = rng.normal(size=(300, 2)), rng.normal(scale=0.7, size=(300, 2))
    >>> mmd_test(reference, narrow, random_state=0).p_value
    0.005
    """
    widths = _check_bandwidths(bandwidths)
    (rng,) = generators(random_state, 1)
    return permutation_test(lambda draws: _distance_of(draws, widths), x, z, n_permutations=n_permutations, rng=rng)


def _check_bandwidths(bandwidths):
    """Return bandwidths as an array, or None for the default."""
    if bandwidths is None:
        return None
    widths = as_float_array(np.atleast_1d(bandwidths), name="bandwidths")
    if widths.ndim != 1 or len(widths) == 0 or (widths <= 0).any():
        raise ValueError(f"bandwidths must be a list of positive numbers; got {bandwidths!r}.")
    return widths


def _kernel(draws, widths):
    """Return the matrix `(n, n)` of mean kernels between draws, zero on its diagonal."""
    squared = pdist(draws, "sqeuclidean")
    if widths is None:
        # More than half of the distances are zero if most draws are equal, as with discrete parameters.
        typical = np.median(np.sqrt(squared)) or np.sqrt(squared.mean()) or 1.0
        widths = typical * np.array(_MULTIPLES)
    return squareform(sum(np.exp(squared / (-2 * width**2)) for width in widths) / len(widths))


def _distance_of(draws, widths):
    """Return a function of divisions of the draws, bool `(n, n_divisions)`, to squared MMDs."""
    kernel = _kernel(draws, widths)
    of_one, total = kernel.sum(axis=1), kernel.sum()

    def distance(is_first):
        first = is_first.astype(np.float64)
        n_x = first.sum(axis=0)
        n_z = len(first) - n_x
        # Sums over pairs with both draws in the first set, and with at least one in it.
        within_x, any_x = np.einsum("ij,ij->j", first, kernel @ first), of_one @ first
        across = any_x - within_x
        within_z = total - any_x - across
        return within_x / (n_x * (n_x - 1)) + within_z / (n_z * (n_z - 1)) - 2 * across / (n_x * n_z)

    return distance
