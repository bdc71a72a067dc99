"""Expected coverage of regions of highest posterior density."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from skabi.diagnostics._coverage import coverage_curve
from skabi.diagnostics._result import Result
from skabi.diagnostics._sbc import break_ties
from skabi.diagnostics._uniformity import uniformity_test
from skabi.exceptions import ShapeError


@dataclass(frozen=True, repr=False)
class HighestDensityCoverage(Result):
    """Expected coverage of regions of highest posterior density, with its Monte Carlo error.

    Attributes
    ----------
    levels : array of shape (n_levels,)
        Nominal probabilities of the regions.
    coverage : array of shape (n_levels,)
        Share of the data sets whose region holds the truth.
    lower, upper : array of shape (n_levels,)
        Jeffreys intervals of the coverage for the number of data sets there are, one level at a time.
    prob : float
        Probability of these intervals.
    ranks : int array of shape (n_datasets,)
        Numbers of draws with a higher density than the truth, between 0 and n_draws: small ones where the truth lies
        near the mode.
    p_value : float
        Probability that uniform ranks are as far from uniform as these, by `uniformity_test`.
    """

    levels: np.ndarray
    coverage: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    prob: float
    ranks: np.ndarray
    p_value: float


def highest_density_coverage(
    log_prob_draws: ArrayLike,
    log_prob_y: ArrayLike,
    *,
    levels: ArrayLike | None = None,
    prob: float = 0.95,
    random_state=None,
) -> HighestDensityCoverage:
    """Return how often regions of highest posterior density hold the true parameters, all of them at once.

    The share of draws with a higher density than the truth is the level of the smallest region that holds it. If the
    posterior is exact, this share is uniform, whatever the number of parameters, and so the expected coverage is the
    level itself [1]_ [2]_. Coverage below the level means posteriors that are overconfident, above it too wide. Draws
    are counted as in `central_coverage`, so that this holds for any number of them.

    It is strong against a wrong spread and weak against a small shift, which moves as many truths towards the mode as
    away from it: `sbc_ranks` and `tarp` see that. A posterior that is the prior passes, as it does any check of
    coverage; `recovery` shows it.

    Parameters
    ----------
    log_prob_draws : array-like of shape (n_datasets, n_draws)
        Log posterior densities of draws from the same posterior, in nats and up to a constant for each data set.
    log_prob_y : array-like of shape (n_datasets,)
        Log posterior densities of the true parameters with the same constant; minus infinity outside the support.
    levels : array-like of shape (n_levels,) in (0, 1), optional
        Probabilities of the regions; by default 0.05, 0.1, ..., 0.95.
    prob : float in (0, 1), default=0.95
        Probability of the Jeffreys intervals of the coverage.
    random_state : None, int, numpy.random.Generator or RandomState, default=None
        Breaks ties between the density of the truth and those of draws, which discrete parameters have.

    Returns
    -------
    result : HighestDensityCoverage
        Levels, coverage, Monte Carlo limits, ranks and their p-value.

    Raises
    ------
    ShapeError
        If log_prob_draws or log_prob_y have another shape.
    ValueError
        If a density is NaN or plus infinity, or levels are not numbers between 0 and 1.

    See Also
    --------
    central_coverage : The same for intervals of one parameter at a time, from draws alone.
    tarp : Coverage of all parameters at once, from draws alone.

    References
    ----------
    .. [1] J. Hermans, A. Delaunoy, F. Rozet, A. Wehenkel, V. Begy, G. Louppe (2022). A trust crisis in
       simulation-based inference? Your posterior approximations can be unfaithful. Transactions on Machine Learning
       Research. arXiv:2110.06581.
    .. [2] B. K. Miller, A. Cole, P. Forré, G. Louppe, C. Weniger (2021). Truncated marginal neural ratio estimation.
       NeurIPS. arXiv:2107.01214.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from skabi.diagnostics import highest_density_coverage
    >>> rng = np.random.default_rng(0)
    >>> y, draws = rng.normal(size=1000), 0.8 * rng.normal(size=(1000, 200))  # Too narrow by a fifth.
    >>> posterior = stats.norm(scale=0.8)
    >>> result = highest_density_coverage(posterior.logpdf(draws), posterior.logpdf(y), levels=[0.5, 0.9])
    >>> print(result.coverage.round(2))
    [0.42 0.83]
    >>> print(result.p_value < 0.001)
    True
    """
    log_prob_draws, log_prob_y = _check_densities(log_prob_draws, log_prob_y)
    n_draws = log_prob_draws.shape[1]
    above = np.count_nonzero(log_prob_draws > log_prob_y[:, np.newaxis], axis=1)
    equal = np.count_nonzero(log_prob_draws == log_prob_y[:, np.newaxis], axis=1)
    curve = coverage_curve(above, equal, n_draws, levels=levels, prob=prob, central=False)
    ranks = break_ties(above, equal, random_state)
    return HighestDensityCoverage(**curve, ranks=ranks, p_value=float(uniformity_test(ranks, n_draws)[0]))


def _check_densities(log_prob_draws, log_prob_y) -> tuple[np.ndarray, np.ndarray]:
    """Return log densities of draws `(n_datasets, n_draws)` and of truths `(n_datasets,)`, infinite ones included."""
    log_prob_draws = np.asarray(log_prob_draws, dtype=np.float64)
    log_prob_y = np.asarray(log_prob_y, dtype=np.float64)
    if log_prob_draws.ndim != 2 or 0 in log_prob_draws.shape or log_prob_y.shape != log_prob_draws.shape[:1]:
        raise ShapeError(
            "log_prob_draws and log_prob_y must have shapes (n_datasets, n_draws) and (n_datasets,), none of them 0; "
            f"got {log_prob_draws.shape} and {log_prob_y.shape}."
        )
    for name, values in (("log_prob_draws", log_prob_draws), ("log_prob_y", log_prob_y[:, np.newaxis])):
        n_nan = np.count_nonzero(np.isnan(values).any(axis=1))
        if n_nan:
            raise ValueError(
                f"{name} must not be NaN, and is in {n_nan} of {len(values)} data sets. Outside the support a log "
                "density is minus infinity; for NaN look at these data sets, which may have values out of range."
            )
        n_infinite = np.count_nonzero((values == np.inf).any(axis=1))
        if n_infinite:
            raise ValueError(
                f"{name} must not be plus infinity, and is in {n_infinite} of {len(values)} data sets: all points at "
                "which a density is infinite would count as equal."
            )
    return log_prob_draws, log_prob_y
