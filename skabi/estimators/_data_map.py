"""Between observations in their own units and the numbers whose density a network knows."""

import numpy as np

from skabi._warnings import warn
from skabi.estimators._column_kinds import columns_of
from skabi.estimators._features import FeatureScaler, location_scale, normality
from skabi.estimators._usual_range import UsualRange
from skabi.exceptions import ApproximationWarning

# Values that come as often as this in a continuous column are no accident.
_LARGEST_SHARE, _FEWEST_FOR_ATOMS = 0.02, 1000
# A count is standardised after its arcsinh if that is closer to normal by this much of a correlation.
_MARGIN = 0.02
# Beyond this all counts are one to networks, in single precision as in double.
_LARGEST_COUNT = 1e30
_LARGEST = np.finfo(float).max


class DataMap:
    """Tell continuous columns, counts and categories apart, and map observations to what networks take.

    A column of at most 32 different values, ten times over on average, is a category, unless these lie on a lattice
    with an open end: its last level is so rare that there may be others. Another column on a lattice is a count, of
    steps: whole numbers, and rounded ones where rounding is coarse, for a density there would be one by accident.
    Coarse is rounding by which two observations have the same value with a probability of 1 in 1000 or more: of a
    normal column, to 1/280 of its standard deviation. Finer rounding moves a log density by less than 0.001, even where
    parameters leave a thirtieth of the spread, and such a column is continuous, as all others are.

    All densities are with respect to the unit of the column. A count has the log of its probability less the log of the
    step, so that a rounded column has much the same density whether it is taken for a count or for continuous; of whole
    numbers the step is 1, and density is probability. A category has probabilities.

    Networks see discrete columns first, a category as the index of its level and a count less the lowest (as it is
    where counts range over orders of magnitude: single precision knows no neighbours of large numbers), and continuous
    ones scaled by a `FeatureScaler`. Counts of a column without negative numbers start at zero, those of others have no
    start: the lowest of `fit` says how far its sample went, not what is possible.

    Attributes
    ----------
    columns : list of Column
    """

    def fit(self, rows, *, name, n_datasets=None, kinds=None):
        """Learn from observations `(n, n_columns)`, by default a data set each; `name` is theirs in messages."""
        self.n_seen = len(rows)
        self.columns = columns_of(rows, kinds, name=name)
        self._discrete = np.array([i for i, kind in enumerate(self.kinds) if kind != "continuous"], dtype=int)
        self._continuous = np.array([i for i, kind in enumerate(self.kinds) if kind == "continuous"], dtype=int)
        self._low, self._high = rows.min(axis=0), rows.max(axis=0)
        self._scaler = FeatureScaler().fit(rows[:, self._continuous]) if self._continuous.size else None
        self._ordered = np.array([i for i, kind in enumerate(self.kinds) if kind != "category"], dtype=int)
        steps = [0.0 if self.columns[i].kind == "continuous" else self.columns[i].step for i in self._ordered]
        n_datasets = len(rows) if n_datasets is None else n_datasets
        usual = UsualRange().fit(rows[:, self._ordered], n_datasets=n_datasets, steps=steps) if steps else None
        self._usual_range = usual
        self._count_map = [_count_map(rows[:, i], self.columns[i].lattice) for i in self._discrete]
        self._origin = np.zeros(len(self.kinds))
        self._origin[self._discrete] = [origin for *_, origin in self._count_map]
        self._warn_of_atoms(rows, name)
        return self

    @property
    def kinds(self):
        """Kind of each column, a list of "continuous", "count" or "category"."""
        return [column.kind for column in self.columns]

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
            "n_levels": [0 if self.columns[i].kind == "count" else len(self.columns[i].levels) for i in self._discrete],
            "lowest": [float(self._lowest(i) - self._origin[i]) for i in self._discrete],
            "is_wide": [is_wide for is_wide, *_ in self._count_map],
            "location": [location for _, location, *_ in self._count_map],
            "scale": [scale for *_, scale, _ in self._count_map],
        }

    def to_network(self, rows):
        """Return `(values, log_det)`, `(n, n_columns)` and `(n,)`: what to add to log densities and probabilities.

        A level that `fit` has not seen is taken for the nearest that it has, at the probability of 1 in `n_seen + 1`
        that the rule of succession gives to all such levels together.
        """
        values = np.empty_like(rows)
        log_det = np.full(len(rows), -sum(np.log(column.step) for column in self.columns))
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
        with np.errstate(over="ignore"):
            span = np.minimum(self._high - self._low, _LARGEST)
            low, high = np.maximum(self._low - span, -_LARGEST), np.minimum(self._high + span, _LARGEST)
        for place, i in enumerate(self._discrete):
            column = values[:, place]
            if self.columns[i].kind == "count":
                rows[:, i] = np.clip(self._lattice_values(column + self._origin[i], i), low[i], high[i])
            else:
                rows[:, i] = self.columns[i].levels[column.astype(int)]
        if self._scaler is not None:
            continuous = self._scaler.inverse_transform(values[:, len(self._discrete) :])
            rows[:, self._continuous] = np.clip(continuous, low[self._continuous], high[self._continuous])
        return rows

    def is_unlike(self, rows):
        """Return which observations lie far outside the range of `fit`, or have a level unseen there, `(n,)`."""
        rows = np.asarray(rows)
        is_unlike = np.zeros(len(rows), dtype=bool)
        if self._usual_range is not None:
            is_unlike |= self._usual_range.excludes(rows[:, self._ordered])
        for i in self._discrete:
            is_unlike |= self._discrete_values(rows[:, i], i)[1]
        return is_unlike

    def _lowest(self, i):
        """Return the lowest count that a column may have; zero for a category."""
        return 0.0 if self.columns[i].kind == "category" or self._low[i] >= 0 else -np.inf

    def _lattice_values(self, counts, i):
        """Return numbers that have these counts; those of `fit` to the last digit."""
        lattice, levels = self.columns[i].lattice, self.columns[i].levels
        values = lattice.values(counts)
        if levels is None:
            return values
        nearest = levels[_nearest(levels, values)]
        return np.where(lattice.counts(nearest) == counts, nearest, values)

    def _discrete_values(self, column, i):
        """Return what networks see of a discrete column, and which values are none of its levels."""
        if self.columns[i].kind == "count":
            lattice = self.columns[i].lattice
            counts = lattice.counts(column)
            is_possible = lattice.contains(column) & (counts >= self._lowest(i))
            counts = np.clip(counts, max(self._lowest(i), -_LARGEST_COUNT), _LARGEST_COUNT)
            return counts - self._origin[i], ~is_possible
        levels = self.columns[i].levels
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


def _nearest(levels, values):
    """Return the indices of the levels nearest to values."""
    return np.searchsorted(levels[1:] / 2 + levels[:-1] / 2, values)


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
