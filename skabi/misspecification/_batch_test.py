"""The test of many data sets as one."""

from dataclasses import dataclass

import numpy as np

from skabi.diagnostics._result import Result

# What counts as the tail when statistics are brought to one scale.
_TAIL = 0.95


@dataclass(frozen=True, repr=False)
class BatchTest(Result):
    """The test of whether the simulator made these data sets, all of them together.

    Attributes
    ----------
    statistic : float
        How unusual the batch is: 0 in the middle of what is usual, and about 1 at the 95 % point of one question alone.
    null : ndarray of shape (n_null,)
        The statistic of batches that were drawn from simulated data sets and these ones, thrown together.
    p_value : float
        `(1 + n_as_unusual) / (1 + n_null)`.
    """

    statistic: float
    null: np.ndarray
    p_value: float

    @classmethod
    def from_questions(cls, values):
        """Return the test of the largest of several statistics, each in units of its own tail.

        Parameters
        ----------
        values : ndarray of shape (1 + n_null, n_questions)
            The batch itself comes first.
        """
        # Batch and null together, so that under the null hypothesis no row is special and the p-value is exact.
        middle = np.median(values, axis=0)
        largest = ((values - middle) / spread(values)).max(axis=1)
        statistic, null = largest[0], largest[1:]
        return cls(float(statistic), null, float((1 + np.count_nonzero(null >= statistic)) / (1 + len(null))))


def spread(values):
    """Return the distance from the median to the 95 % point of each column, and 1 for a column without any."""
    width = np.quantile(values, _TAIL, axis=0) - np.median(values, axis=0)
    return np.where(width > 0, width, 1.0)


def draw_batches(n_rows, size, *, n_batches, rng):
    """Return row indices `(1 + n_batches, size)`: the first rows, and as many at random, none twice in a batch.

    If rows are exchangeable, so are the batches, however many rows they share.
    """
    others = [rng.choice(n_rows, size, replace=False, shuffle=False) for _ in range(n_batches)]
    return np.stack([np.arange(size), *others])
