"""The test of many data sets as one."""

from dataclasses import dataclass

import numpy as np

from skabi.exceptions import ShapeError

# What counts as the tail when statistics are brought to one scale.
_TAIL = 0.95


@dataclass(frozen=True)
class BatchTest:
    """The test of whether the simulator made these data sets, all of them together.

    Attributes
    ----------
    statistic : float
        How unusual the batch is: 0 in the middle of what is usual, and about 1 at the 95 % point of one question alone.
    null : ndarray of shape (n_null,)
        The statistic of batches of as many simulated data sets.
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


# Of the data sets to compare with, so many may be in a batch.
_LARGEST_SHARE = 0.25


def spread(values):
    """Return the distance from the median to the 95 % point of each column, and 1 for a column without any."""
    width = np.quantile(values, _TAIL, axis=0) - np.median(values, axis=0)
    return np.where(width > 0, width, 1.0)


def draw_batches(n_rows, size, *, n_batches, rng):
    """Return row indices `(n_batches, size)`, none twice in a batch, and none in two batches while there are enough."""
    # Larger batches are alike because they share rows, and new ones are not.
    if size > n_rows * _LARGEST_SHARE:
        raise ShapeError(
            f"a batch may have at most {int(n_rows * _LARGEST_SHARE)} data sets, a quarter of the {n_rows} that fit "
            f"kept for comparison; got {size}. Fit with more simulations."
        )
    if size * n_batches <= n_rows:
        return rng.permutation(n_rows)[: size * n_batches].reshape(n_batches, size)
    return np.stack([rng.choice(n_rows, size, replace=False, shuffle=False) for _ in range(n_batches)])
