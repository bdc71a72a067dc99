"""The lattice on which counts and rounded numbers lie."""

from dataclasses import dataclass

import numpy as np

# From here on every double is a whole number.
_ALL_WHOLE = 2.0**52
# Rounding matters where two observations have the same value with at least this probability.
FEWEST_TIES = 1e-3
# Neighbouring values of a lattice are no more steps apart than this, half of them.
_LARGEST_MEDIAN_GAP = 10
# Units in the last place by which rounding moves the difference of two values.
_ROUNDING = 4
# What is off a lattice by less than this much of a step is on it.
_TOLERANCE = 0.01
_LARGEST = np.finfo(float).max


@dataclass(frozen=True)
class Lattice:
    """The numbers `anchor + step * count`, of which a count of zero is the lowest that is not negative.

    Attributes
    ----------
    anchor, step : float
    """

    anchor: float = 0.0
    step: float = 1.0

    def counts(self, values):
        """Return the counts of the lattice's numbers nearest to `values`."""
        with np.errstate(over="ignore"):
            return np.clip(np.rint((values - self.anchor) / self.step), -_LARGEST, _LARGEST)

    def values(self, counts):
        """Return the numbers that have these counts."""
        return self.anchor + self.step * counts

    def contains(self, values):
        """Return which of `values` are on the lattice, to rounding."""
        return np.abs(values - self.values(self.counts(values))) <= _TOLERANCE * self.step


def lattice_of(levels, n_each, *, fewest_ties=FEWEST_TIES):
    """Return the lattice of a column, or None if it is continuous.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        Its different values, sorted.
    n_each : ndarray of int of shape (n_levels,)
        How often each of them comes.
    fewest_ties : float
        The probability that two observations have the same value below which numbers that are not whole are continuous.
    """
    if (levels == np.rint(levels)).all() and np.abs(levels).max() < _ALL_WHOLE:
        return Lattice()
    n = n_each.sum()
    # The share of pairs of observations, without a bias from their number.
    if len(levels) < 2 or (n_each * (n_each - 1.0)).sum() < fewest_ties * n * (n - 1.0):
        return None
    for precision in (np.float64, np.float32):
        rounding = _ROUNDING * np.finfo(precision).eps * np.abs(levels).max()
        if np.array_equal(levels, _cast(levels, precision)) and (step := _common_step(levels, rounding)):
            n_steps = np.floor(levels[0] / step + _TOLERANCE)
            lattice = Lattice(float(levels[0] - n_steps * step), float(step))
            if lattice.contains(levels).all():
                return lattice
    return None


def _cast(levels, precision):
    with np.errstate(over="ignore"):
        return levels.astype(precision).astype(np.float64)


def _common_step(levels, rounding):
    """Return the largest number of which all differences are multiples, by Euclid's algorithm, or None."""
    with np.errstate(over="ignore"):
        gaps = np.diff(levels)
    if not np.isfinite(gaps).all():
        return None
    smallest = max(np.median(gaps) / _LARGEST_MEDIAN_GAP, rounding / _TOLERANCE)
    step = gaps.min()
    while step >= smallest:
        n_steps = np.rint(gaps / step)
        rest = np.abs(gaps - n_steps * step)
        # The step itself is known up to rounding.
        is_rest = rest > rounding * (1 + n_steps)
        if not is_rest.any():
            return (levels[-1] - levels[0]) / n_steps.sum()
        step = rest[is_rest].min()
    return None
