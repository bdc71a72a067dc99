"""Units in which no square overflows."""

import numpy as np

_FARTHEST = 1e100


def rescaled(*arrays, by) -> list[np.ndarray]:
    """Return arrays whose columns are divided by the power of two that brings the largest of those of `by` to about 1.

    Nothing is rounded. What is then farther than 1e100 from zero is brought there.
    """
    exponents = np.frexp(np.abs(by).max(axis=tuple(range(by.ndim - 1))))[1]
    with np.errstate(over="ignore", under="ignore"):
        return [np.clip(np.ldexp(array, -exponents), -_FARTHEST, _FARTHEST) for array in arrays]
