"""Between observations in their own units and the numbers whose density a network knows."""

import numpy as np

from skabi._warnings import warn
from skabi.estimators._features import FeatureScaler, location_scale, normality
from skabi.estimators._lattice import lattice_of
from skabi.exceptions import ApproximationWarning

# Columns with more values than this are counts if they lie on a lattice, else continuous.
_MOST_LEVELS = 32
# Values that come as often as this in a continuous column are no accident.
_LARGEST_SHARE, _FEWEST_FOR_ATOMS = 0.02, 1000
# A count is standardised after its arcsinh if that is closer to normal by this much of a correlation.
_MARGIN = 0.02
# Of n data sets as in `fit`, this share of 1 / n at most is taken for unlike them.
_FALSE_ALARMS = 0.001


class DataMap:
    """Tell continuous columns, counts and categories apart, and map observations to what networks take.

    A column of at most 32 different values, ten times over on average, is a category. Another one on a lattice is a
    count, of steps: whole numbers, and rounded ones where rounding is coarse, for a density there would be one by
    accident. Coarse is rounding by which two observations have the same value with a probability of 1 in 1000 or more:
    of a normal column, to 1/280 of its standard deviation. Finer rounding moves a log density by less than 0.001, even
    where parameters leave a thirtieth of the spread, and such a column is continuous, as all others are.

    Networks see discrete columns first, a category as the index of its level and a count less the lowest (as it is
    where counts range over orders of magnitude: single precision knows no neighbours of large numbers), and continuous
    ones scaled by a `FeatureScaler`. Counts of a column without negative numbers start at zero, those of others have no
    start: the lowest of `fit` says how far its sample went, not what is possible.

    Attributes
    ----------
    kinds : list of str
        "continuous", "count" or "category", of each column.
    """

    def fit(self, rows, *, name, n_datasets=None):
        """Learn from observations `(n, n_columns)`, by default a data set each; `name` is theirs in warnings."""
        self.n_seen = len(rows)
        self._n_datasets = len(rows) if n_datasets is None else n_datasets
        self.levels, n_each = zip(*(np.unique(column, return_counts=True) for column in rows.T), strict=True)
        self._lattices = [
            None if _is_category(*each) else lattice_of(*each) for each in zip(self.levels, n_each, strict=True)
        ]
        self.kinds = [_kind(*each) for each in zip(self.levels, n_each, self._lattices, strict=True)]
        self._discrete = np.array([i for i, kind in enumerate(self.kinds) if kind != "continuous"], dtype=int)
        self._continuous = np.array([i for i, kind in enumerate(self.kinds) if kind == "continuous"], dtype=int)
        self._low, self._high = rows.min(axis=0), rows.max(axis=0)
        self._scaler = FeatureScaler().fit(rows[:, self._continuous]) if self._continuous.size else None
        self._count_map = [_count_map(rows[:, i], self._lattices[i]) for i in self._discrete]
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
        return {
            "n_levels": [0 if self.kinds[i] == "count" else len(self.levels[i]) for i in self._discrete],
            "lowest": [float(self._lowest(i) - self._origin[i]) for i in self._discrete],
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
                rows[:, i] = np.clip(self._lattice_values(column + self._origin[i], i), low[i], high[i])
            else:
                rows[:, i] = self.levels[i][column.astype(int)]
        if self._scaler is not None:
            continuous = self._scaler.inverse_transform(values[:, len(self._discrete) :])
            rows[:, self._continuous] = np.clip(continuous, low[self._continuous], high[self._continuous])
        return rows

    def is_unlike(self, rows):
        """Return which observations lie far outside the range of `fit`, or have a level unseen there, `(n,)`."""
        # The range of n numbers with exponential tails is at least log(n) of the lengths in which these fall e-fold.
        leeway = (self._high - self._low) * -np.log(_FALSE_ALARMS) / np.log(self._n_datasets + 1)
        is_unlike = ((rows < self._low - leeway) | (rows > self._high + leeway)).any(axis=1)
        for i in self._discrete:
            is_unlike |= self._discrete_values(rows[:, i], i)[1]
        return is_unlike

    def _lowest(self, i):
        """Return the lowest count that a column may have; zero for a category."""
        return 0.0 if self.kinds[i] == "category" or self._low[i] >= 0 else -np.inf

    def _lattice_values(self, counts, i):
        """Return numbers that have these counts; those of `fit` to the last digit."""
        values = self._lattices[i].values(counts)
        nearest = self.levels[i][_nearest(self.levels[i], values)]
        return np.where(self._lattices[i].counts(nearest) == counts, nearest, values)

    def _discrete_values(self, column, i):
        """Return what networks see of a discrete column, and which values are none of its levels."""
        if self.kinds[i] == "count":
            counts = self._lattices[i].counts(column)
            is_possible = self._lattices[i].contains(column) & (counts >= self._lowest(i))
            return np.maximum(counts, self._lowest(i)) - self._origin[i], ~is_possible
        levels = self.levels[i]
        index = _nearest(levels, column)
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


def _is_category(levels, n_each):
    return len(levels) <= _MOST_LEVELS and (n_each.sum() > 10 * len(levels) or len(levels) == 1)


def _kind(levels, n_each, lattice):
    if _is_category(levels, n_each):
        return "category"
    return "continuous" if lattice is None else "count"


def _nearest(levels, values):
    """Return the indices of the levels nearest to values."""
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, values)


def _count_map(column, lattice):
    """Return whether counts are standardised after their arcsinh, their location and scale, and what is zero there."""
    if lattice is None:
        return False, 0.0, 1.0, 0.0
    counts = lattice.counts(column)
    lowest = counts.min()
    both = np.column_stack([counts - lowest, np.arcsinh(counts)])
    plain, bent = normality(both)
    is_wide = bool(bent > plain + _MARGIN)
    location, scale = location_scale(both[:, [int(is_wide)]])
    return is_wide, float(location[0]), float(scale[0]), 0.0 if is_wide else float(lowest)
