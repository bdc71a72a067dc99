"""Tests of whether two sets of draws come from one distribution, by permutation of the draws."""

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from skabi._params import check_count
from skabi._shapes import as_float_array
from skabi.diagnostics._result import Result
from skabi.diagnostics._units import rescaled
from skabi.exceptions import ShapeError

# Permutations worked on at a time hold some 30 MB.
_MAX_ENTRIES = 4_000_000


@dataclass(frozen=True, repr=False)
class TwoSampleTest(Result):
    """Result of a permutation test, of one data set or of several.

    Attributes
    ----------
    statistic : float, or array of shape (n_datasets,)
        Distance of the two sets of draws; the larger, the more they differ.
    null : array of shape (n_permutations,) or (n_datasets, n_permutations)
        Distances after the draws of both sets were thrown together and divided anew at random.
    p_value : float, or array of shape (n_datasets,)
        Probability of a distance as large as this one if both sets come from the same distribution:
        `(1 + number of null >= statistic) / (1 + n_permutations)`, or the share of all divisions where these are no
        more than n_permutations. It is exact: a p-value of at most 0.05 has a probability of at most 5 %.
    """

    statistic: float | np.ndarray
    null: np.ndarray = field(repr=False)
    p_value: float | np.ndarray


def check_two_sets(x, z) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return both sets `(n_datasets, n_draws, n_columns)`, and whether the axis of data sets was left out."""
    x, z = as_float_array(x, name="x"), as_float_array(z, name="z")
    if x.ndim not in (2, 3):
        raise ShapeError(
            f"x must have shape (n_draws, n_columns) or (n_datasets, n_draws, n_columns); got {x.shape}. "
            "For a single column pass x[:, np.newaxis]."
        )
    is_single = x.ndim == 2
    if x.ndim != z.ndim or x.shape[-1] != z.shape[-1] or x.shape[:-2] != z.shape[:-2]:
        raise ShapeError(
            f"x and z must have the same n_datasets and n_columns, and may differ in n_draws alone; got {x.shape} and "
            f"{z.shape}."
        )
    if x.size == 0 or z.size == 0 or min(x.shape[-2], z.shape[-2]) < 2:
        raise ShapeError(f"x and z must have at least two draws each; got shapes {x.shape} and {z.shape}.")
    return (x[np.newaxis], z[np.newaxis], True) if is_single else (x, z, False)


def standardise_pooled(x, z):
    """Return all draws of a data set, x first, by mean and sd of both sets together; constant columns are zero."""
    pooled = np.concatenate([x, z])
    (pooled,) = rescaled(pooled, by=pooled)
    centred = pooled - pooled.mean(axis=0)
    # By exact equality, for the sd of equal numbers may not be zero by rounding.
    constant = np.ptp(pooled, axis=0) == 0
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, pooled.std(axis=0)))


def one_or_all(values, is_single):
    """Return the values of all data sets as an array, or the first of them where there is but one."""
    values = np.asarray(values)
    return float(values[0]) if is_single else values


def permutation_test(distance_of, x, z, *, n_permutations, rng):
    """Return the `TwoSampleTest` of a distance whose work on the draws is shared by all permutations.

    Parameters
    ----------
    distance_of : callable
        Takes the standardised draws of both sets `(n, n_columns)` and returns a function of bool
        `(n, n_divisions)`, which draws are of the first set, to distances `(n_divisions,)`.
    x, z : array-like of shape (n_draws, n_columns) or (n_datasets, n_draws, n_columns)
    n_permutations : int
    rng : Generator
    """
    x, z, is_single = check_two_sets(x, z)
    n_permutations = check_count(n_permutations, "n_permutations")
    results = [
        _test_one(distance_of(standardise_pooled(*pair)), len(pair[0]), len(pair[1]), n_permutations, rng)
        for pair in zip(x, z, strict=True)
    ]
    statistic, p_value = (
        one_or_all([getattr(r, name) for r in results], is_single) for name in ("statistic", "pvalue")
    )
    null = np.stack([result.null_distribution for result in results])
    return TwoSampleTest(statistic=statistic, null=null[0] if is_single else null, p_value=p_value)


def _test_one(distance, n_x, n_z, n_permutations, rng):
    """Return SciPy's permutation test of one data set, where indices stand for the draws."""
    n = n_x + n_z

    def statistic(first, second, axis):
        """Return the distances of divisions `(..., n_x)`, which SciPy puts on the last axis."""
        first = np.atleast_2d(first)
        is_first = np.zeros((n, len(first)), dtype=bool)
        is_first[first.T, np.arange(len(first))] = True
        values = distance(is_first)
        return values if np.ndim(second) > 1 else values[0]

    return stats.permutation_test(
        (np.arange(n_x), np.arange(n_x, n)),
        statistic,
        vectorized=True,
        n_resamples=n_permutations,
        batch=max(1, _MAX_ENTRIES // n),
        alternative="greater",
        rng=rng,
    )
