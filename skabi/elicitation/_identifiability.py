"""Do the answers say what the prior is? Directions in which they hardly move, and starts that end elsewhere."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

# What an answer is not more exact than: a share of the spread that was stated.
_EXACTNESS = 0.01
# Ends with a loss this little larger match as well; how far apart they may be, in standard deviations or logarithms.
_AS_GOOD, _NEGLIGIBLE, _APART = 1.5, 1e-5, 0.25
# In a flat direction, parts that are worth mentioning.
_SHARE = 0.3


@dataclass(frozen=True)
class Identification:
    """How sharply answers fix hyper-parameters.

    Attributes
    ----------
    unsure : ndarray of shape (n_coordinates,)
        How far each moves, in prior standard deviations or logarithms, if every answer is off by one per cent of its
        spread, independently; infinite if answers leave it open.
    direction : ndarray of shape (n_coordinates,)
        In which answers move least, of length one.
    distance : float
        How far off in this direction the prior may be, likewise.
    """

    unsure: np.ndarray
    direction: np.ndarray
    distance: float


def identification(slopes, units):
    """Return the `Identification` of a Jacobian `(n_points, n_coordinates)` given a unit for each coordinate."""
    scaled = slopes * units
    _, sizes, directions = np.linalg.svd(scaled)
    n = scaled.shape[1]
    sizes = np.concatenate([sizes, np.zeros(n - len(sizes))])
    with np.errstate(divide="ignore"):
        reach = np.where(sizes > 1e-8, _EXACTNESS / sizes, np.inf)
    # Zero times infinity: a direction that a coordinate has no part in.
    parts = np.abs(directions.T)
    terms = np.where(parts > 1e-6, parts, 0.0) ** 2
    with np.errstate(invalid="ignore"):
        unsure = np.sqrt(np.sum(np.where(terms > 0, terms * reach**2, 0.0), axis=1))
    return Identification(unsure, directions[-1], float(reach[-1]))


def flat_direction(found, names):
    """Return the message of a warning if the answers leave a direction open, or None."""
    if found.distance <= 1.0:
        return None
    order = np.argsort(-np.abs(found.direction))
    parts = [f"{names[i]} ({found.direction[i]:+.2f})" for i in order if abs(found.direction[i]) > _SHARE]
    return (
        f"The answers do not identify the prior: they hardly change if it moves along {', '.join(parts)} (in prior "
        "standard deviations, or logarithms of what is positive). Ask more, for example for spreads or correlations or "
        "about parameters themselves; or fix or share one of these hyper-parameters."
    )


def as_good(losses):
    """Return which ends match as well as the best, the first."""
    return losses <= _AS_GOOD * losses[0] + _NEGLIGIBLE


def are_apart(losses, positions):
    """Return which numbers differ between ends that match as well as the best, a bool ndarray.

    Parameters
    ----------
    losses : ndarray of shape (n_starts,)
        Best first.
    positions : ndarray of shape (n_starts, n_numbers)
        In units in which one is much.
    """
    return np.ptp(positions[as_good(losses)], axis=0) > _APART


def moments_of(prior, base):
    """Return means, deviations and correlations of a prior, a Series; the same to compare, and their units."""
    names = prior.parameter_names
    y = prior.from_real(base)
    mean, sd = y.mean(axis=0), y.std(axis=0)
    rows, columns = np.triu_indices(len(names), 1)
    correlation = np.corrcoef(y.T).reshape(len(names), -1)[rows, columns]
    labels = [f"mean of {n}" for n in names] + [f"sd of {n}" for n in names]
    labels += [f"correlation of {names[i]}, {names[j]}" for i, j in zip(rows, columns, strict=True)]
    moments = pd.Series(np.concatenate([mean, sd, correlation]), index=labels)
    return (
        moments,
        np.concatenate([mean, np.log(sd), correlation]),
        np.concatenate([sd, np.ones(len(moments) - len(sd))]),
    )
