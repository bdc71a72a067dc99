"""Simultaneous bands for the ECDF of ranks, and where the ECDF leaves them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from skabi._params import check_count, check_real
from skabi.diagnostics._result import Result
from skabi.exceptions import ShapeError

# More points than this change the bands by less than a pixel and cost time.
_MAX_POINTS = 1000


@dataclass(frozen=True, repr=False)
class ECDFBands(Result):
    """Simultaneous bands for the ECDF of uniform ranks.

    Attributes
    ----------
    z : array of shape (n_points,)
        Fractional ranks at which the ECDF is evaluated, from 0 to 1.
    lower, upper : array of shape (n_points,)
        Limits of the ECDF, as fractions; limits included.
    n_datasets, n_draws : int
        Number of ranks, and the largest rank.
    prob : float
        Coverage asked for.
    coverage : float
        Exact probability that the ECDF of `n_datasets` uniform ranks lies within the limits at all points: the
        smallest possible that is at least `prob`.
    gamma : float
        One minus the coverage of the limits at a single point.
    """

    z: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    n_datasets: int
    n_draws: int
    prob: float
    coverage: float
    gamma: float


@dataclass(frozen=True, repr=False)
class RankECDF(Result):
    """ECDF of the ranks of each parameter, with simultaneous bands.

    Attributes
    ----------
    z : array of shape (n_points,)
        Fractional ranks at which the ECDF is evaluated, from 0 to 1.
    ecdf : array of shape (n_points, n_parameters)
        Share of the data sets whose fractional rank `(rank + 1) / (n_draws + 1)` is at most z; z itself is expected.
    bands : ECDFBands
        The limits within which the ECDF of one parameter stays with probability `bands.coverage` if its ranks are
        uniform.
    inside : bool array of shape (n_parameters,)
        Whether the ECDF stays within the limits at all points.
    p_value : array of shape (n_parameters,)
        Exact probability that uniform ranks go as far out as these at their most extreme point;
        at most `1 - bands.prob` where `inside` is False.
    """

    z: np.ndarray
    ecdf: np.ndarray
    bands: ECDFBands
    inside: np.ndarray
    p_value: np.ndarray


def ecdf_bands(n_datasets: int, n_draws: int, *, prob: float = 0.95) -> ECDFBands:
    """Return the simultaneous bands of the ECDF of uniform ranks.

    The limits at each point are those of a central interval of the binomial distribution, with the same tail
    probability at all points, chosen as large as the simultaneous coverage allows [1]_. The coverage is computed
    exactly, not simulated: the ECDF is a Poisson process given its last value, whose probability to stay between
    limits is a chain of convolutions [2]_. Points are multiples of 1 / (n_draws + 1), where the distribution is
    exactly binomial whatever n_datasets.

    Parameters
    ----------
    n_datasets : int
        Number of ranks.
    n_draws : int
        Number of posterior draws behind each rank, so that ranks are 0, 1, ..., n_draws.
    prob : float in (0, 1), default=0.95
        Least probability that the whole ECDF lies within the limits.

    Returns
    -------
    bands : ECDFBands
        Points, limits and their exact coverage. There are `min(n_datasets, n_draws + 1, 1000) + 1` points.

    Raises
    ------
    ValueError
        If a number is less than 1 or prob lies outside (0, 1).

    References
    ----------
    .. [1] T. Säilynoja, P.-C. Bürkner, A. Vehtari (2022). Graphical test for discrete uniformity and its applications
       in goodness-of-fit evaluation and multiple sample comparison. Statistics and Computing 32. arXiv:2103.10522.
    .. [2] A. Moscovich, B. Nadler (2017). Fast calculation of boundary crossing probabilities for Poisson processes.
       Statistics and Probability Letters 123. arXiv:1503.04363.

    Examples
    --------
    >>> from skabi.diagnostics import ecdf_bands
    >>> bands = ecdf_bands(100, 99)
    >>> print(bands.z[50], bands.lower[50], bands.upper[50])
    0.5 0.36 0.64
    >>> round(bands.coverage, 4)
    0.9505
    """
    n_datasets = check_count(n_datasets, "n_datasets")
    n_draws = check_count(n_draws, "n_draws")
    prob = check_real(prob, "prob", low=0.0, high=1.0)
    gamma, coverage = _solve_gamma(n_datasets, n_draws, prob)
    z = _points(n_datasets, n_draws)
    lower, upper = _count_limits(n_datasets, z, gamma)
    return ECDFBands(
        z=z,
        lower=lower / n_datasets,
        upper=upper / n_datasets,
        n_datasets=n_datasets,
        n_draws=n_draws,
        prob=prob,
        coverage=coverage,
        gamma=gamma,
    )


def sbc_ecdf(ranks: ArrayLike, n_draws: int, *, prob: float = 0.95) -> RankECDF:
    """Return the ECDF of the ranks of each parameter and whether it stays within simultaneous bands.

    Ranks of a posterior that is too wide heap up in the middle, of one that is too narrow at both ends, of one that
    is biased at one end; in each case the ECDF leaves the bands.

    Parameters
    ----------
    ranks : int array of shape (n_datasets, n_parameters) or (n_datasets,)
        Ranks from `sbc_ranks`.
    n_draws : int
        Number of posterior draws behind each rank.
    prob : float in (0, 1), default=0.95
        Coverage of the bands, for each parameter by itself. With several parameters,
        `1 - 0.05 / n_parameters` keeps the rate of false alarms for all of them together at 5 %.

    Returns
    -------
    result : RankECDF
        ECDF, bands, and for each parameter `inside` and an exact p-value.

    Raises
    ------
    ShapeError
        If ranks have another number of dimensions.
    ValueError
        If ranks are not whole numbers between 0 and n_draws, or prob lies outside (0, 1).

    See Also
    --------
    ecdf_bands : The method and its references.
    uniformity_test : A test that sees a wrong spread with fewer data sets.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import sbc_ecdf
    >>> rng = np.random.default_rng(0)
    >>> even, heaped = rng.integers(0, 100, size=200), rng.binomial(99, 0.5, size=200)
    >>> sbc_ecdf(np.column_stack([even, heaped]), 99).inside
    array([ True, False])
    """
    n_draws = check_count(n_draws, "n_draws")
    ranks = check_ranks(ranks, n_draws)
    n_datasets, n_parameters = ranks.shape
    bands = ecdf_bands(n_datasets, n_draws, prob=prob)
    # Points are multiples of 1 / (n_draws + 1), and so whole numbers on the scale of the ranks.
    steps = np.rint(bands.z * (n_draws + 1)).astype(np.int64)
    ordered = np.sort(ranks + 1, axis=0)
    counts = np.stack([np.searchsorted(ordered[:, j], steps, side="right") for j in range(n_parameters)], axis=1)
    ecdf = counts / n_datasets
    inside = ((ecdf >= bands.lower[:, np.newaxis]) & (ecdf <= bands.upper[:, np.newaxis])).all(axis=0)
    p_value = np.array([_p_value(n_datasets, bands.z, counts[:, j]) for j in range(n_parameters)])
    return RankECDF(z=bands.z, ecdf=ecdf, bands=bands, inside=inside, p_value=p_value)


def check_ranks(ranks, n_draws) -> np.ndarray:
    """Return ranks as an int array `(n_datasets, n_parameters)`."""
    ranks = np.asarray(ranks)
    if ranks.ndim == 1:
        ranks = ranks[:, np.newaxis]
    if ranks.ndim != 2 or 0 in ranks.shape:
        raise ShapeError(f"ranks must have shape (n_datasets, n_parameters); got {ranks.shape}.")
    if ranks.dtype.kind not in "iuf":
        raise ValueError(f"ranks must be whole numbers; got an array of type {ranks.dtype}.")
    n_nan = np.count_nonzero(np.isnan(ranks).any(axis=1))
    if n_nan:
        raise ValueError(
            f"ranks must be whole numbers between 0 and n_draws={n_draws}; those of {n_nan} of {len(ranks)} data sets "
            f"are NaN. Find out why these have none before the others are judged: they may be the hard ones."
        )
    if not ((ranks >= 0) & (ranks <= n_draws) & (ranks == np.floor(ranks))).all():
        raise ValueError(
            f"ranks must be whole numbers between 0 and n_draws={n_draws}; they go from {ranks.min()} to "
            f"{ranks.max()}. Use those of sbc_ranks, and the number of draws given to it."
        )
    return ranks.astype(np.int64)


def _points(n_datasets, n_draws):
    """Return 0 and up to 1000 multiples of 1 / (n_draws + 1), as evenly spaced as can be, the last one 1."""
    n_points = min(n_datasets, n_draws + 1, _MAX_POINTS)
    return np.arange(n_points + 1) * (n_draws + 1) // n_points / (n_draws + 1)


def _count_limits(n_datasets, z, gamma):
    """Return the least and largest counts at z whose tails each hold more than gamma / 2 (Säilynoja et al., eq. 9)."""
    lower = stats.binom.ppf(gamma / 2, n_datasets, z).astype(np.int64)
    # The upper limit by symmetry, because 1 - gamma / 2 loses digits. ppf is -1 where the distribution is one point.
    upper = n_datasets - stats.binom.ppf(gamma / 2, n_datasets, 1 - z).astype(np.int64).clip(0)
    return lower.clip(0), upper


def _band_coverage(n_datasets, z, lower, upper):
    """Return the probability that counts of uniform ranks lie between lower and upper at all of z.

    Counts up to z are those of a Poisson process of rate n_datasets given that it ends at n_datasets. Its increments
    are independent, so that one convolution a point carries the probabilities on (Moscovich & Nadler 2017, eq. 10).
    """
    mass, start = np.ones(1), 0
    counts = np.arange(n_datasets + 1)
    log_factorials = special.gammaln(counts + 1.0)
    for rate, low, high in zip(n_datasets * np.diff(z), lower[1:], upper[1:], strict=True):
        low = max(low, start)
        if low > high:
            return 0.0
        jumps = counts[: high - start + 1]
        kernel = np.exp(jumps * np.log(rate) - rate - log_factorials[: len(jumps)])
        mass = np.convolve(mass, kernel)[low - start : high - start + 1]
        start = low
    return float(min(mass[-1] / stats.poisson.pmf(n_datasets, n_datasets), 1.0))


@lru_cache(maxsize=128)
def _solve_gamma(n_datasets, n_draws, prob):
    """Return the largest gamma whose limits hold with probability `prob` or more, and that probability."""
    z = _points(n_datasets, n_draws)

    def coverage(gamma):
        """Return the probability that uniform ranks lie within the limits of `gamma` at all points."""
        return _band_coverage(n_datasets, z, *_count_limits(n_datasets, z, gamma))

    # Bonferroni's gamma is always small enough; the coverage falls in steps as gamma grows.
    low, high = np.log((1 - prob) / len(z)), np.log1p(-prob)
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if coverage(np.exp(middle)) >= prob else (low, middle)
    gamma = float(np.exp(low))
    return gamma, coverage(gamma)


def _p_value(n_datasets, z, counts):
    """Return the probability of a smallest tail probability at most that of `counts`."""
    tails = np.minimum(stats.binom.cdf(counts, n_datasets, z), stats.binom.cdf(n_datasets - counts, n_datasets, 1 - z))
    # Just above, so that counts with this very tail fall outside.
    gamma = 2 * tails.min() * (1 + 1e-9)
    if gamma >= 1:
        return 1.0
    return max(1.0 - _band_coverage(n_datasets, z, *_count_limits(n_datasets, z, gamma)), 0.0)
