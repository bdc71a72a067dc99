"""Coverage of central posterior intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from skabi._params import check_real
from skabi._shapes import as_float_array, check_draws_and_parameters
from skabi.diagnostics._binomial import jeffreys_interval
from skabi.diagnostics._result import Result
from skabi.diagnostics._sbc import count_below_and_equal


@dataclass(frozen=True, repr=False)
class CentralCoverage(Result):
    """Coverage of central posterior intervals, with its Monte Carlo error.

    Attributes
    ----------
    levels : array of shape (n_levels,)
        Nominal probabilities of the intervals.
    coverage : array of shape (n_levels, n_parameters)
        Share of the data sets whose interval holds the truth.
    lower, upper : array of shape (n_levels, n_parameters)
        Jeffreys intervals of the coverage for the number of data sets there are, one level at a time.
    prob : float
        Probability of these intervals.
    """

    levels: np.ndarray
    coverage: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    prob: float


def central_coverage(
    draws: ArrayLike, y: ArrayLike, *, levels: ArrayLike | None = None, prob: float = 0.95
) -> CentralCoverage:
    """Return how often central posterior intervals hold the true parameters.

    The draws cut the line into n_draws + 1 pieces of equal probability, one of which holds the truth. What counts is
    the share of that piece which lies between the probabilities (1 - level) / 2 and (1 + level) / 2: 0 or 1 but for
    the pieces at the ends of the interval. So the expected coverage of an exact posterior is the level itself, for
    any number of draws; intervals between sample quantiles would cover too little when draws are few. A truth that
    equals several draws lies in all the pieces between them.

    Parameters
    ----------
    draws : array-like of shape (n_datasets, n_draws, n_parameters)
        Posterior draws for each data set.
    y : array-like of shape (n_datasets, n_parameters) or (n_datasets,)
        True parameters of each data set; one dimension means one parameter.
    levels : array-like of shape (n_levels,) in (0, 1), optional
        Probabilities of the intervals; by default 0.05, 0.1, ..., 0.95.
    prob : float in (0, 1), default=0.95
        Probability of the Jeffreys intervals of the coverage [1]_.

    Returns
    -------
    result : CentralCoverage
        Levels, coverage and Monte Carlo limits.

    Raises
    ------
    ShapeError
        If draws or y have another shape.
    ValueError
        If draws or y are not finite numbers, or levels are not numbers between 0 and 1.

    References
    ----------
    .. [1] L. D. Brown, T. T. Cai, A. DasGupta (2001). Interval estimation for a binomial proportion. Statistical
       Science 16.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import central_coverage
    >>> rng = np.random.default_rng(0)
    >>> y, draws = rng.normal(size=(1000, 1)), rng.normal(size=(1000, 200, 1))
    >>> result = central_coverage(draws, y, levels=[0.5, 0.9])
    >>> print(result.coverage.round(2).ravel())
    [0.51 0.91]
    >>> print(bool(result.lower[0, 0] < 0.5 < result.upper[0, 0]))
    True
    """
    draws, y = check_draws_and_parameters(draws, y)
    below, equal = count_below_and_equal(draws, y)
    return CentralCoverage(**coverage_curve(below, equal, draws.shape[1], levels=levels, prob=prob, central=True))


def coverage_curve(below, equal, n_draws, *, levels, prob, central):
    """Return the fields of a coverage, counted over pieces of probability.

    Parameters
    ----------
    below, equal : int ndarray of shape (n_datasets, ...)
        Draws before the truth, in whatever order they are put, and draws that equal it.
    n_draws : int
    levels, prob
        As they were given by the user.
    central : bool
        Whether the region of a level is the middle of the order, or its beginning.

    Returns
    -------
    fields : dict
        `levels`, `coverage`, `lower` and `upper`, the last three of shape (n_levels, ...), and `prob`.
    """
    levels = np.linspace(0.05, 0.95, 19) if levels is None else as_float_array(np.atleast_1d(levels), name="levels")
    if levels.ndim != 1 or len(levels) == 0 or (levels <= 0).any() or (levels >= 1).any():
        raise ValueError(f"levels must be a list of probabilities between 0 and 1, ends excluded; got {levels}.")
    prob = check_real(prob, "prob", low=0.0, high=1.0)
    start, end = below / (n_draws + 1), (below + equal + 1) / (n_draws + 1)
    covered = np.empty((len(levels), *below.shape[1:]))
    for i, level in enumerate(levels):
        low, high = ((1 - level) / 2, (1 + level) / 2) if central else (0.0, level)
        overlap = np.minimum(end, high) - np.maximum(start, low)
        covered[i] = (overlap.clip(0) / (end - start)).sum(axis=0)
    lower, upper = jeffreys_interval(covered, len(below), prob)
    return {"levels": levels, "coverage": covered / len(below), "lower": lower, "upper": upper, "prob": prob}
