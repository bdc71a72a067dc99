"""Whole numbers whose logarithm is evenly spread."""

import numpy as np
from scipy import stats


class _LogUniform(stats.rv_discrete):
    """The whole part of a number whose logarithm is uniform from `log(low)` to `log(high + 1)`."""

    def _argcheck(self, low, high):  # type: ignore[override]
        return (low >= 1) & (high >= low)

    def _get_support(self, low, high):  # type: ignore[override]
        return low, high

    def _cdf(self, k, low, high):  # type: ignore[override]
        return np.log((np.floor(k) + 1) / low) / np.log((high + 1) / low)

    def _ppf(self, q, low, high):  # type: ignore[override]
        return np.clip(np.ceil(low * ((high + 1) / low) ** q) - 1, low, high)


log_uniform = _LogUniform(name="log_uniform")
