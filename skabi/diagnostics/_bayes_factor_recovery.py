"""How well log Bayes factors recover exact ones."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skabi._params import check_count, check_real
from skabi._random import generators
from skabi._shapes import as_float_array
from skabi.exceptions import ShapeError

_FIGURES = ["correlation", "bias", "mean_absolute_error", "rmse"]


def bayes_factor_recovery(
    log_bayes_factors: ArrayLike,
    exact: ArrayLike,
    *,
    largest: float = 6.0,
    classes: ArrayLike | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    random_state=None,
) -> pd.DataFrame:
    """Return how well log Bayes factors agree with exact ones.

    What is compared are data sets whose exact log Bayes factor is below `largest` in absolute value: beyond a
    few nats the evidence is clear, and networks, which have seen next to no counter-example there, are imprecise
    without harm. Data sets are chosen by the exact value alone, never by the network's own.

    Parameters
    ----------
    log_bayes_factors : array-like of shape (n_datasets, n_models) or (n_datasets,)
        In nats, as of `AmortizedModelComparator.log_bayes_factors`. One dimension means one pair of models.
    exact : array-like of the same shape
        Exact ones, against the same reference.
    largest : float, default=6.0
        In nats.
    classes : array-like of shape (n_models,), optional
        Labels of the models; by default the numbers of the columns.
    confidence_level : float in (0, 1), default=0.95
        Probability of the intervals.
    n_resamples : int, default=1000
        Bootstrap samples of data sets for the intervals.
    random_state : int, numpy.random.Generator, SeedSequence, RandomState or None
        Seed of the bootstrap.

    Returns
    -------
    table : DataFrame
        Indexed by `model` and `figure`: `correlation` (NaN if either does not vary), `bias` (mean of log Bayes factor
        minus exact one), `mean_absolute_error` and `rmse`, the last three in nats. Its columns are

        - `value`;
        - `lower`, `upper`: percentile interval of a bootstrap over data sets [1]_;
        - `n_datasets`: how many were compared.

        The reference, whose column is 0 in both arrays, is left out.

    Raises
    ------
    ShapeError
        If the arrays differ in shape or have another one, or the number of classes is not that of the columns.
    ValueError
        If values are not finite, the references differ, or fewer than two data sets of a model are below `largest`.

    References
    ----------
    .. [1] B. Efron, R. Tibshirani (1993). An introduction to the bootstrap. Chapman and Hall.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import bayes_factor_recovery
    >>> rng = np.random.default_rng(0)
    >>> exact = rng.normal(scale=3.0, size=1000)
    >>> learned = exact + rng.normal(scale=0.3, size=1000)
    >>> table = bayes_factor_recovery(learned, exact, random_state=0)
    >>> table.loc[0, "value"][["correlation", "rmse"]].round(2).tolist()
    [0.99, 0.31]
    >>> value, lower, upper, n_datasets = table.loc[(0, "rmse")]
    >>> bool(lower < value < upper)
    True
    """
    learned, truth = _check_pair(log_bayes_factors, exact)
    labels = _check_classes(classes, learned.shape[1])
    largest = check_real(largest, "largest", low=0.0)
    level = check_real(confidence_level, "confidence_level", low=0.0, high=1.0)
    n_resamples = check_count(n_resamples, "n_resamples")
    rows: dict[tuple, np.ndarray] = {}
    rngs = generators(random_state, len(labels))
    for j in np.flatnonzero(_find_models(learned, truth, labels)):
        is_small = np.abs(truth[:, j]) < largest
        if is_small.sum() < 2:
            raise ValueError(
                f"bayes_factor_recovery needs at least 2 data sets whose exact log Bayes factor of model {labels[j]!r} "
                f"is below largest={largest:g}; got {is_small.sum()} of {len(truth)}."
            )
        figures = _compare(learned[is_small, j], truth[is_small, j], level, n_resamples, rngs[j])
        rows |= {(labels[j], figure): row for figure, row in zip(_FIGURES, figures, strict=True)}
    index = pd.MultiIndex.from_tuples(list(rows), names=["model", "figure"])
    table = pd.DataFrame(list(rows.values()), index=index, columns=["value", "lower", "upper", "n_datasets"])
    return table.astype({"n_datasets": int})


def _check_classes(classes, n_columns):
    """Return the labels of the columns, a list."""
    labels = list(range(n_columns)) if classes is None else np.asarray(classes).tolist()
    if not isinstance(labels, list) or len(labels) != n_columns:
        raise ShapeError(f"classes must have one label for each of {n_columns} columns; got {labels}.")
    if len(set(labels)) < n_columns:
        raise ValueError(f"classes must be different labels; got {labels}.")
    return labels


def _check_pair(learned, exact):
    """Return both as `(n_datasets, n_models)`."""
    learned = as_float_array(learned, name="log_bayes_factors")
    exact = as_float_array(exact, name="exact")
    if learned.shape != exact.shape or learned.ndim not in (1, 2) or learned.size == 0:
        raise ShapeError(
            "log_bayes_factors and exact must both have shape (n_datasets, n_models), or (n_datasets,) for one pair of "
            f"models; got {learned.shape} and {exact.shape}. Of log evidences pass the differences from one column."
        )
    if learned.ndim == 1:
        learned, exact = learned[:, np.newaxis], exact[:, np.newaxis]
    return learned, exact


def _find_models(learned, exact, labels):
    """Return which columns are no reference."""
    is_zero = [(values == 0).all(axis=0) for values in (learned, exact)]
    if learned.shape[1] > 1 and (differ := np.flatnonzero(is_zero[0] != is_zero[1])).size:
        raise ValueError(
            f"log_bayes_factors and exact must be against the same reference; the column of {labels[differ[0]]!r} is "
            "0 in one of them only. Subtract that column of the other from all of its columns."
        )
    is_reference = is_zero[0] & is_zero[1]
    if is_reference.all():
        raise ValueError("log_bayes_factors and exact are all 0: there is nothing to compare with the reference.")
    return ~is_reference


def _compare(learned, exact, level, n_resamples, rng):
    """Return `(n_figures, 4)`: value, interval and number of data sets of each figure."""
    value = _figures(learned, exact)
    resamples = np.empty((n_resamples, len(value)))
    for resample in resamples:
        rows = rng.integers(len(exact), size=len(exact))
        resample[:] = _figures(learned[rows], exact[rows])
    # Tiny samples repeat one data set now and then, and have no correlation.
    varies = np.isfinite(value)
    lower, upper = np.full((2, len(value)), np.nan)
    tails = [(1 - level) / 2, (1 + level) / 2]
    lower[varies], upper[varies] = np.nanquantile(resamples[:, varies], tails, axis=0)
    return np.column_stack([value, lower, upper, np.full(len(value), len(exact))])


def _figures(learned, exact):
    """Return correlation, bias, mean absolute error and root mean squared error."""
    error = learned - exact
    correlation = np.nan
    if np.ptp(learned) > 0 and np.ptp(exact) > 0:
        x, y = learned - learned.mean(), exact - exact.mean()
        correlation = x @ y / np.sqrt((x @ x) * (y @ y))
    return np.array([correlation, error.mean(), np.abs(error).mean(), np.sqrt((error**2).mean())])
