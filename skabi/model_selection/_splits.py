"""Which observations are left out of which data set."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import LeaveOneOut, check_cv

from skabi.exceptions import ShapeError


@dataclass(frozen=True)
class Refit:
    """One posterior that cross-validation asks for.

    Attributes
    ----------
    dataset : int
    left, held_out : ndarray of int
        Observations that the posterior is of, and those that it is to predict.
    """

    dataset: int
    left: np.ndarray
    held_out: np.ndarray


def refits_of(data_sets, cv, groups, *, is_series):
    """Return a list of `Refit`, of all data sets.

    Raises
    ------
    ShapeError
        If groups do not fit the data sets, or nothing is left, or held out, of one.
    ValueError
        If a splitter fails, splits are not of the observations, or a series loses something else than its future.
    """
    splitter = LeaveOneOut() if cv is None else check_cv(cv)
    groups = _check_groups(groups, data_sets)
    refits = []
    for i, x in enumerate(data_sets):
        try:
            splits = list(splitter.split(x, groups=groups[i]))
        except TypeError as error:
            raise ValueError(
                f"cv must split observations without labels, of which there are none here; got {splitter!r} ({error})."
            ) from error
        except ValueError as error:
            raise ValueError(f"data set {i}, of {len(x)} observations, cannot be split: {error}") from error
        for left, held_out in splits:
            refit = Refit(i, _check_rows(left, i, len(x)), _check_rows(held_out, i, len(x)))
            _check_split(refit, len(x))
            if is_series:
                _check_future(refit)
            refits.append(refit)
    if not refits:
        raise ValueError(f"cv must have at least one split; {cv!r} has none.")
    return refits


def _check_groups(groups, data_sets):
    """Return one entry a data set."""
    if groups is None:
        return [None] * len(data_sets)
    groups = [np.asarray(g) for g in groups] if isinstance(groups, (list, tuple)) else np.asarray(groups)
    if len(groups) != len(data_sets) or any(np.shape(g) != (len(x),) for g, x in zip(groups, data_sets, strict=True)):
        raise ShapeError(
            f"groups must have shape (n_datasets, n_observations), one entry for each observation of the "
            f"{len(data_sets)} data sets; got {[np.shape(g) for g in groups][:5]}."
        )
    return groups


def _check_rows(rows, i, n):
    """Return the indices of observations of a data set."""
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n,):
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or (rows.size and (rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= n)):
        raise ValueError(f"splits must be indices of the {n} observations of data set {i}; got {rows!r}.")
    return rows


def _check_split(refit, n):
    for rows, what in ((refit.left, "left of"), (refit.held_out, "held out of")):
        if not len(rows):
            raise ShapeError(f"nothing is {what} data set {refit.dataset}, of {n} observations.")
    both = np.concatenate([refit.left, refit.held_out])
    if len(np.unique(both)) < len(both):
        raise ValueError(
            f"a split of data set {refit.dataset} has an observation twice, or both left and held out: {refit.left} "
            f"and {refit.held_out}."
        )


def _check_future(refit):
    both = np.concatenate([refit.left, refit.held_out])
    if not np.array_equal(both, np.arange(len(both))):
        raise ValueError(
            "of a series the future alone can be left out, directly after all that is before it: use "
            "sklearn.model_selection.TimeSeriesSplit() without gap and max_train_size. A split has "
            f"{refit.left} and {refit.held_out}."
        )
