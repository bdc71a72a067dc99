"""Draws and quantiles of a mixture, from those of what it is made of."""

import numpy as np


def n_draws_of_members(n_draws, weights):
    """Return how many draws each member is asked for, so that `draw_mixture` has enough of them: a list of int."""
    # What rounding adds to a whole number is no reason for one more.
    return np.minimum(np.floor(n_draws * weights + 1e-9).astype(int) + 1, n_draws).tolist()


def draw_mixture(parts, n_draws, weights, *, rng):
    """Return draws of a mixture in random order, `(n_datasets, n_parts, n_draws, n_parameters)`.

    Of each member there are as many as its share, rounded down or up by systematic sampling: the expected number is the
    share.

    Parameters
    ----------
    parts : list of ndarray of shape (n_datasets, n_parts, n_own, n_parameters)
        Draws of each member, with n_own from `n_draws_of_members`.
    n_draws : int
    weights : ndarray of shape (n_members,)
    rng : numpy.random.Generator
    """
    shape = parts[0].shape[:2]
    ends = n_draws * np.cumsum(weights)
    ends[-1] = n_draws
    ends = np.floor(ends + rng.random((*shape, 1)))
    counts = np.diff(ends, axis=-1, prepend=0.0)
    keys = [
        np.where(np.arange(own.shape[2]) < count[..., np.newaxis], rng.random(own.shape[:3]), 2.0)
        for own, count in zip(parts, np.moveaxis(counts, -1, 0), strict=True)
    ]
    order = np.argsort(np.concatenate(keys, axis=2), axis=2)[..., :n_draws]
    return np.take_along_axis(np.concatenate(parts, axis=2), order[..., np.newaxis], axis=2)


def mixture_quantiles(points, levels, weights):
    """Return quantiles of a mixture, `(n_datasets, n_levels, ...)`.

    Parameters
    ----------
    points : ndarray of shape (n_members, n_datasets, n_points, ...)
        Quantiles of each member at probabilities from 0 to 1 in equal steps.
    levels : ndarray of shape (n_levels,)
    weights : ndarray of shape (n_members,)
    """
    n_members, n_datasets, n_points = points.shape[:3]
    # The first and the last step are halves of one.
    steps = np.full(n_points, 1.0)
    steps[[0, -1]] = 0.5
    masses = np.multiply.outer(weights, steps / steps.sum()).ravel()
    pooled = np.moveaxis(points, 0, 1).reshape(n_datasets, n_members * n_points, -1)
    order = np.argsort(pooled, axis=1, kind="stable")
    pooled, mass = np.take_along_axis(pooled, order, axis=1), masses[order]
    below = np.cumsum(mass, axis=1) - mass / 2
    result = np.empty((n_datasets, len(levels), pooled.shape[2]))
    for row, column in np.ndindex(n_datasets, pooled.shape[2]):
        result[row, :, column] = np.interp(levels, below[row, :, column], pooled[row, :, column])
    return result.reshape(n_datasets, len(levels), *points.shape[3:])
