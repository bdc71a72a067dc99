"""Posterior predictive checks: whether data sets look like what their posterior predicts."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from skabi._params import check_choice
from skabi._shapes import as_float_array
from skabi.diagnostics._ecdf import sbc_ecdf
from skabi.diagnostics._result import Result
from skabi.diagnostics._sbc import sbc_ranks
from skabi.exceptions import ShapeError


@dataclass(frozen=True, repr=False)
class PredictiveCheck(Result):
    """Result of a posterior predictive check.

    Attributes
    ----------
    p_value : array of shape (n_datasets, n_statistics)
        Probability that a replicate is as extreme as the observed data set.
    overall : array of shape (n_statistics,)
        P-value of each statistic over all data sets together.
    ranks : int array of shape (n_datasets, n_statistics)
        Numbers of replicates below the observed value, ties broken at random.
    n_replicates : int
        Replicates of each data set.
    """

    p_value: np.ndarray
    overall: np.ndarray
    ranks: np.ndarray = field(repr=False)
    n_replicates: int


def posterior_predictive_check(
    observed: ArrayLike,
    replicated: ArrayLike,
    *,
    one_draw: bool = False,
    alternative: str = "two-sided",
    random_state=None,
) -> PredictiveCheck:
    """Compare statistics of data sets with those of data sets replicated from their posterior.

    The rank of the observed value among the replicates gives a p-value for each data set and statistic. What it means
    depends on where the replicates come from:

    - All from one posterior draw of the data set, `one_draw=True`: if the posterior is exact and the data sets come
      from the model, p-values are uniform, whatever the statistic and the number of replicates [1]_ [2]_. For the draw
      and the parameters that made the data set may change places. `overall` is then the exact test of uniformity of
      `sbc_ecdf`, which finds values that are too extreme as well as ones that are not extreme enough.
    - Each from a draw of its own, the usual posterior predictive check: p-values are conservative [3]_ [4]_ [5]_. They
      heap up in the middle, the more so the more a statistic determines the parameters, but are at most `alpha` with
      a probability of at most `2 * alpha` [3]_. One half of all replicates are below the observed value on average,
      though, since a data set and one replicate of it may change places. `overall` therefore tests the mean rank by
      Student's t at four fifths of the level, and at one fifth whether values are too extreme, by Fisher's
      combination of the doubled p-values, which is conservative. A single data set has the second alone. It is valid
      for the former kind, too, and so is the default.

    `overall` takes the data sets to be independent.

    Parameters
    ----------
    observed : array-like of shape (n_datasets, n_statistics) or (n_datasets,)
        Statistics of the data sets; one dimension means one statistic.
    replicated : array-like of shape (n_datasets, n_replicates, n_statistics) or (n_datasets, n_replicates)
        The same statistics of data sets that were simulated at posterior draws of each data set.
    one_draw : bool, default=False
        Whether all replicates of a data set come from one and the same posterior draw.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        What counts as extreme: values at both ends, large ones or small ones.
    random_state : None, int, numpy.random.Generator or RandomState, default=None
        Breaks ties between observed and replicated values, which counts have; without ties it has no effect.

    Returns
    -------
    result : PredictiveCheck
        P-values of each data set and overall.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    ValueError
        If values are not finite numbers.

    See Also
    --------
    sbc_ranks : The same for parameters.

    References
    ----------
    .. [1] V. E. Johnson (2004). A Bayesian chi-squared test for goodness-of-fit. Annals of Statistics 32.
    .. [2] F. Gosselin (2011). A new calibrated Bayesian internal goodness-of-fit method: sampled posterior p-values as
       simple and general p-values that allow double use of the data. PLoS ONE 6.
    .. [3] X.-L. Meng (1994). Posterior predictive p-values. Annals of Statistics 22.
    .. [4] M. J. Bayarri, J. O. Berger (2000). P values for composite null models. Journal of the American Statistical
       Association 95.
    .. [5] A. Gelman (2013). Two simple examples for understanding posterior p-values whose distributions are far from
       uniform. Electronic Journal of Statistics 7.

    Examples
    --------
    Mean and standard deviation of 20 observations, replicated from the exact posterior of their mean. The
    observations have twice the standard deviation of the model:

    >>> import numpy as np
    >>> from skabi.diagnostics import posterior_predictive_check
    >>> def statistics(X):
    ...     return np.stack([X.mean(axis=-1), X.std(axis=-1)], axis=-1)
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(50, 1)) + 2 * rng.normal(size=(50, 20))
    >>> draws = rng.normal(X.sum(axis=1) / 21, 1 / np.sqrt(21), size=(1, 50)).T
    >>> replicated = draws[:, np.newaxis] + rng.normal(size=(50, 99, 20))
    >>> check = posterior_predictive_check(statistics(X), statistics(replicated), one_draw=True)
    >>> check.p_value.shape
    (50, 2)
    >>> check.overall < 0.01
    array([False,  True])
    """
    observed, replicated = _check_statistics(observed, replicated)
    check_choice(alternative, "alternative", ("two-sided", "greater", "less"))
    n_replicates = replicated.shape[1]
    ranks = sbc_ranks(replicated, observed, random_state=random_state)
    less, greater = (ranks + 1) / (n_replicates + 1), (n_replicates + 1 - ranks) / (n_replicates + 1)
    both = np.minimum(2 * np.minimum(less, greater), 1.0)
    p_value = {"less": less, "greater": greater, "two-sided": both}[alternative]
    if one_draw:
        overall = sbc_ecdf(ranks, n_replicates).p_value
    else:
        # Ranks are below uniform ones in convex order, and so Meng's bound holds for finite n_replicates, too.
        extreme = stats.combine_pvalues(np.minimum(2 * p_value, 1.0), method="fisher", axis=0).pvalue
        centred = _test_mean(ranks / n_replicates - 0.5, rounding=1 / n_replicates, alternative=alternative)
        overall = extreme if len(ranks) == 1 else np.minimum(np.minimum(extreme / 0.2, centred / 0.8), 1.0)
    return PredictiveCheck(p_value=p_value, overall=overall, ranks=ranks, n_replicates=n_replicates)


def _test_mean(values, *, rounding, alternative):
    """Return p-values of Student's t test of mean 0, for each column; `values` are multiples of `rounding`."""
    n = len(values)
    if n == 1:
        return np.ones(values.shape[1])
    # Equal values are equal but for rounding.
    error = np.sqrt((values.var(axis=0, ddof=1) + rounding**2 / 12) / n)
    less = stats.t.cdf(values.mean(axis=0) / error, n - 1)
    return {"less": less, "greater": 1 - less, "two-sided": 2 * np.minimum(less, 1 - less)}[alternative]


def _check_statistics(observed, replicated) -> tuple[np.ndarray, np.ndarray]:
    """Return observed `(n_datasets, n_statistics)` and replicated `(n_datasets, n_replicates, n_statistics)` values."""
    observed, replicated = _numbers(observed, "observed"), _numbers(replicated, "replicated")
    if observed.ndim == 1:
        observed, replicated = observed[:, np.newaxis], replicated[..., np.newaxis]
    fits = observed.ndim == 2 and replicated.ndim == 3 and observed.shape == replicated.shape[::2]
    if not fits or 0 in replicated.shape:
        raise ShapeError(
            "observed and replicated must have shapes (n_datasets, n_statistics) and (n_datasets, n_replicates, "
            "n_statistics), or (n_datasets,) and (n_datasets, n_replicates), with at least one of each; got "
            f"{observed.shape} and {replicated.shape}."
        )
    return observed, replicated


def _numbers(values, name):
    """Return finite `values` as an array; of NaN, say how many data sets have them."""
    array = np.atleast_1d(values)
    is_nan = np.not_equal(array, array)
    n_missing = np.count_nonzero(is_nan.reshape(len(array), -1).any(axis=1)) if array.size else 0
    advice = (
        f" {n_missing} of {len(array)} data sets have NaN: a rank among NaN means nothing. Take statistics that ignore "
        "missing values, such as np.nanmean, or leave these data sets out of both arrays and count them."
    )
    return as_float_array(values, name=name, advice=advice)
