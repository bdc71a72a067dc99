"""How many groups data sets have, and how many observations each group."""

import numbers

import numpy as np

from skabi._params import check_count
from skabi.simulators._sizes import GROUPS, OBSERVATIONS, size_distributions


class Sizes:
    """Numbers of groups, and of observations of each, fixed or drawn.

    Numbers of groups are drawn for each data set. In a quarter of the data sets all groups have one size, in another
    each has its own, and in the rest a share of them, drawn for the data set, has a common one: data sets of small
    groups, of large ones, and of both, are all among the simulations.

    Parameters
    ----------
    n_groups, n_observations : int, (int, int), frozen discrete distribution or None
        None for `n_observations` where a group is one observation.
    """

    def __init__(self, n_groups, n_observations):
        if n_groups is None:
            raise TypeError("n_groups must be an int, a range such as (2, 20), or a distribution; got None.")
        self._fixed = {
            name: check_count(value, name)
            for name, value in ((GROUPS, n_groups), (OBSERVATIONS, n_observations))
            if isinstance(value, numbers.Integral)
        }
        drawn = [None if name in self._fixed else value for name, value in (
            (OBSERVATIONS, n_observations), (GROUPS, n_groups)
        )]  # fmt: skip
        self._drawn = {name: each for (name, _), each in size_distributions(*drawn).items()}
        self.has_observations = n_observations is not None
        if self._most_groups() < 2:
            raise ValueError(
                "a model with levels needs groups: n_groups must be at least 2, or a range such as (1, 20). For one "
                "group use AmortizedPosterior with a ChainedPrior."
            )

    @property
    def n_groups(self):
        """The number of groups where it is fixed, else None."""
        return self._fixed.get(GROUPS)

    def _most_groups(self):
        return self._fixed[GROUPS] if GROUPS in self._fixed else self._drawn[GROUPS].support()[1]

    def draw_groups(self, n, rng):
        """Return numbers of groups of `n` data sets, `(n,)`."""
        return self._draw(GROUPS, n, rng)

    def draw_observations(self, n_groups, rng):
        """Return numbers of observations of all groups, one data set after the other; None where they have no axis."""
        if not self.has_observations:
            return None
        n = int(n_groups.sum())
        own = self._draw(OBSERVATIONS, n, rng)
        common = np.repeat(self._draw(OBSERVATIONS, len(n_groups), rng), n_groups)
        share = np.repeat(rng.uniform(-0.5, 1.5, size=len(n_groups)), n_groups)
        return np.where(rng.uniform(size=n) < share, common, own)

    def _draw(self, name, n, rng):
        if name in self._fixed:
            return np.full(n, self._fixed[name])
        return self._drawn[name].rvs(size=n, random_state=rng).astype(np.int64)
