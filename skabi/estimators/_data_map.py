"""Between observations in their own units and the numbers whose density a network knows."""

import numpy as np

from skabi._warnings import warn
from skabi.estimators._features import FeatureScaler, location_scale, normality
from skabi.exceptions import ApproximationWarning

# Columns with more values than this are counts if they are whole numbers, else continuous.
_MOST_LEVELS = 32
# Values that come as often as this in a continuous column are no accident.
_LARGEST_SHARE, _FEWEST_FOR_ATOMS = 0.02, 1000
# A count is standardised after its arcsinh if that is closer to normal by this much of a correlation.
_MARGIN = 0.02
# From here on every double is a whole number.
_ALL_WHOLE = 2.0**52
# How far beyond the values of `fit`, as a share of their range, is still like them.
_LEEWAY = 0.25


class DataMap:
    """Tell continuous columns, counts and categories apart, and map observations to what networks take.

    A column of at most 32 different values, ten times over on average, is a category, another one of whole numbers a
    count, all others are continuous: a density on whole numbers would be one by accident. Networks see discrete columns
    first, a category as the index of its level and a count less the lowest (as it is where counts range over orders of
    magnitude: single precision knows no neighbours of large numbers), and continuous ones scaled by a `FeatureScaler`.

    Attributes
    ----------
    kinds : list of str
        "continuous", "count" or "category", of each column.
    """

    def fit(self, rows, *, name):
        """Learn from observations `(n, n_columns)`; `name` is theirs in warnings."""
        self.n_seen = len(rows)
        self.levels = [_levels(column) for column in rows.T]
        self.kinds = [_kind(column, levels) for column, levels in zip(rows.T, self.levels, strict=True)]
        self._discrete = np.array([i for i, kind in enumerate(self.kinds) if kind != "continuous"], dtype=int)
        self._continuous = np.array([i for i, kind in enumerate(self.kinds) if kind == "continuous"], dtype=int)
        self._low, self._high = rows.min(axis=0), rows.max(axis=0)
        self._scaler = FeatureScaler().fit(rows[:, self._continuous]) if self._continuous.size else None
        self._count_map = [_count_map(rows[:, i], self.kinds[i]) for i in self._discrete]
        self._origin = np.zeros(len(self.kinds))
        self._origin[self._discrete] = [origin for *_, origin in self._count_map]
        self._warn_of_atoms(rows, name)
        return self

    @property
    def n_continuous(self):
        """Number of continuous columns."""
        return len(self._continuous)

    @property
    def head(self):
        """Arguments of a `DiscreteHead`, or None where all columns are continuous."""
        if not self._discrete.size:
            return None
        is_count = [self.kinds[i] == "count" for i in self._discrete]
        return {
            "n_levels": [0 if c else len(self.levels[i]) for c, i in zip(is_count, self._discrete, strict=True)],
            "lowest": [
                float(self._low[i] - self._origin[i]) if c else 0.0
                for c, i in zip(is_count, self._discrete, strict=True)
            ],
            "is_wide": [is_wide for is_wide, *_ in self._count_map],
            "location": [location for _, location, *_ in self._count_map],
            "scale": [scale for *_, scale, _ in self._count_map],
        }

    def to_network(self, rows):
        """Return `(values, log_det)`, `(n, n_columns)` and `(n,)`.

        A level that `fit` has not seen is taken for the nearest that it has, at the probability of 1 in `n_seen + 1`
        that the rule of succession gives to all such levels together.
        """
        values = np.empty_like(rows)
        log_det = np.zeros(len(rows))
        n_discrete = len(self._discrete)
        for place, i in enumerate(self._discrete):
            values[:, place], is_unseen = self._discrete_values(rows[:, i], i)
            log_det -= is_unseen * np.log(self.n_seen + 1)
        if self._scaler is not None:
            continuous = rows[:, self._continuous]
            values[:, n_discrete:] = self._scaler.transform(continuous)
            log_det += self._scaler.log_derivative(continuous).sum(axis=1)
        return values, log_det

    def from_network(self, values):
        """Return observations in their own units and columns, at most one range beyond those of `fit`."""
        rows = np.empty_like(values)
        # A draw far out in the tails of a network is nothing that was learned.
        span = self._high - self._low
        low, high = self._low - span, self._high + span
        for place, i in enumerate(self._discrete):
            column = values[:, place]
            if self.kinds[i] == "count":
                rows[:, i] = np.clip(column + self._origin[i], low[i], high[i])
            else:
                rows[:, i] = self.levels[i][column.astype(int)]
        if self._scaler is not None:
            continuous = self._scaler.inverse_transform(values[:, len(self._discrete) :])
            rows[:, self._continuous] = np.clip(continuous, low[self._continuous], high[self._continuous])
        return rows

    def is_unlike(self, rows):
        """Return which observations lie far outside the range of `fit`, or have a level unseen there, `(n,)`."""
        leeway = _LEEWAY * (self._high - self._low)
        is_unlike = ((rows < self._low - leeway) | (rows > self._high + leeway)).any(axis=1)
        for i in self._discrete:
            is_unlike |= self._discrete_values(rows[:, i], i)[1]
        return is_unlike

    def _discrete_values(self, column, i):
        """Return what networks see of a discrete column, and which values are none of its levels."""
        if self.kinds[i] == "count":
            counts = np.maximum(np.rint(column), self._low[i])
            return counts - self._origin[i], counts != column
        levels = self.levels[i]
        middles = (levels[1:] + levels[:-1]) / 2
        index = np.searchsorted(middles, column)
        return index, levels[index] != column

    def _warn_of_atoms(self, rows, name):
        if len(rows) < _FEWEST_FOR_ATOMS:
            return
        for i in self._continuous:
            values, counts = np.unique(rows[:, i], return_counts=True)
            share = counts.max() / len(rows)
            if share > _LARGEST_SHARE:
                warn(
                    f"column {i} of {name} is {values[counts.argmax()]:g} in {share:.0%} of the observations and "
                    "continuous elsewhere. The density there is that of a narrow peak, and has no meaning of its own. "
                    "Put a column that says whether it is that value beside it, and noise in its place.",
                    ApproximationWarning,
                )


def _levels(column):
    """Return the different values of a column, sorted."""
    return np.unique(column)


def _kind(column, levels):
    if len(levels) <= _MOST_LEVELS and (len(column) > 10 * len(levels) or len(levels) == 1):
        return "category"
    is_whole = (levels == np.rint(levels)).all() and np.abs(levels).max() < _ALL_WHOLE
    return "count" if is_whole else "continuous"


def _count_map(column, kind):
    """Return whether counts are standardised after their arcsinh, their location and scale, and what is zero there."""
    if kind != "count":
        return False, 0.0, 1.0, 0.0
    lowest = column.min()
    both = np.column_stack([column - lowest, np.arcsinh(column)])
    plain, bent = normality(both)
    is_wide = bool(bent > plain + _MARGIN)
    location, scale = location_scale(both[:, [int(is_wide)]])
    return is_wide, float(location[0]), float(scale[0]), 0.0 if is_wide else float(lowest)
