"""Data sets with something left out, or drawn again."""

from collections.abc import Mapping

import numpy as np
from sklearn.model_selection import check_cv

from skabi._params import check_count
from skabi._random import seed_sequence
from skabi.estimators._sources import is_ragged
from skabi.exceptions import ShapeError

_LEFT_OUT = "left out"


def perturbed(X, *, cv, n_bootstrap, may_miss, random_state):
    """Yield triples of a name, positions of data sets, and these data sets, perturbed.

    Parameters
    ----------
    X : array-like of shape (n_datasets, n_observations, ...), list of arrays, table, or dict of sources
    cv : int, cross-validation splitter or None
    n_bootstrap : int or None
    may_miss : bool
        Whether values may be missing.
    random_state : int or other seed
    """
    if cv is not None and n_bootstrap is not None:
        raise ValueError("give cv or n_bootstrap, not both.")
    if isinstance(X, Mapping):
        yield from _without_sources(X, cv, n_bootstrap, may_miss=may_miss)
        return
    X = list(X) if is_ragged(X) else np.asarray(X, dtype=np.float64)
    if not isinstance(X, list) and X.ndim == 2:
        yield from _without_features(X, cv, n_bootstrap, may_miss=may_miss)
        return
    if not isinstance(X, list) and X.ndim != 3:
        raise ShapeError(
            f"data sets must have observations, (n_datasets, n_observations, n_features) or a list; got {X.shape}."
        )
    sets = [np.asarray(x, dtype=np.float64) for x in X]
    for name, kept in _kept(sets, cv, n_bootstrap, random_state):
        rows = [i for i, own in enumerate(kept) if own is not None and len(own)]
        data = [sets[i][kept[i]] for i in rows]
        is_even = len({len(x) for x in data}) == 1 and not isinstance(X, list)
        yield name, rows, np.stack(data) if is_even else data


def _kept(sets, cv, n_bootstrap, random_state):
    """Yield a name and, for each data set, the observations that are kept, or None."""
    sizes = [len(x) for x in sets]
    if n_bootstrap is not None:
        for i, seed in enumerate(seed_sequence(random_state).spawn(check_count(n_bootstrap, "n_bootstrap"))):
            rng = np.random.default_rng(seed)
            yield f"resampled {i}", [rng.integers(n, size=n) for n in sizes]
        return
    if cv is None:
        if max(sizes) < 2:
            raise ValueError("data sets of one observation have none to leave out.")
        for i in range(max(sizes)):
            yield f"{i} {_LEFT_OUT}", [np.delete(np.arange(n), i) if i < n and n > 1 else None for n in sizes]
        return
    splitter = check_cv(cv)
    splits = [[train for train, _ in splitter.split(np.zeros((n, 1)))] for n in sizes]
    for i in range(max(map(len, splits))):
        yield f"fold {i} {_LEFT_OUT}", [own[i] if i < len(own) else None for own in splits]


def _without_features(X, cv, n_bootstrap, *, may_miss):
    if not may_miss or cv is not None or n_bootstrap is not None:
        raise ShapeError(
            f"data sets of shape {X.shape} have no axis of observations; pass (n_datasets, n_observations, n_features) "
            'to a posterior of sets. One feature at a time is left out where the estimator has missing="mask".'
        )
    for j in range(X.shape[1]):
        changed = X.copy()
        changed[:, j] = np.nan
        yield f"feature {j} {_LEFT_OUT}", list(range(len(X))), changed


def _without_sources(X, cv, n_bootstrap, *, may_miss):
    if not may_miss or cv is not None or n_bootstrap is not None:
        raise ShapeError(
            f"X has several sources, {list(X)}, of which one at a time can be left out where the estimator has "
            'missing="mask".'
        )
    n = len(next(iter(X.values())))
    for name in X:
        rest = {other: values for other, values in X.items() if other != name}
        yield f"{name} {_LEFT_OUT}", list(range(n)), rest
