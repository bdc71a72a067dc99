"""Between a parameter inside its bounds and the real line on which it moves."""

import math
import numbers

import numpy as np
from scipy import special


def check_bounds(bounds, *, name="bounds"):
    """Return `(low, high)` as floats, either of which may be infinite.

    Raises
    ------
    TypeError, ValueError
        Unless `bounds` is None or a pair of numbers, the first below the second; None stands for infinity.
    """
    if bounds is None:
        return -math.inf, math.inf
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        raise TypeError(f"{name} must be a pair (low, high), either of which may be None; got {bounds!r}.")
    low, high = (end if end is not None else sign * math.inf for end, sign in zip(bounds, (-1, 1), strict=True))
    if not all(isinstance(end, numbers.Real) for end in (low, high)) or not low < high:
        raise ValueError(f"{name} must be numbers, the first below the second; got {bounds!r}.")
    return float(low), float(high)


def to_real(values, bounds):
    """Return where on the real line parameters are, and the log of the derivative, elementwise.

    Between two bounds the line is `width / 4 * logit`, whose slope in the middle is one, so that a step there has the
    parameter's own units. Above one bound it is the logarithm of the distance, and steps are relative changes.
    """
    low, high = bounds
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore"):
        if math.isfinite(low) and math.isfinite(high):
            width = high - low
            share = (values - low) / width
            x = width / 4 * special.logit(share)
            return x, -np.log(4 * share * (1 - share))
        if math.isfinite(low):
            return np.log(values - low), -np.log(values - low)
        if math.isfinite(high):
            return -np.log(high - values), -np.log(high - values)
    return values, np.zeros_like(values)


def from_real(x, bounds):
    """Return parameters inside their bounds: the inverse of `to_real`."""
    low, high = bounds
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(over="ignore"):
        if math.isfinite(low) and math.isfinite(high):
            width = high - low
            return low + width * special.expit(4 / width * x)
        if math.isfinite(low):
            return low + np.exp(x)
        if math.isfinite(high):
            return high - np.exp(-x)
    return x
