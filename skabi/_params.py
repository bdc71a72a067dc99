"""Checks of constructor and method parameters, and their messages."""

import math
import numbers


def check_count(value, name, *, minimum=1):
    """Return `value` as an int of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an int; got {value!r} of type {type(value).__name__}.")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}; got {value}.")
    return int(value)


def check_real(value, name, *, low=-math.inf, high=math.inf):
    """Return `value` as a finite float in the open interval `(low, high)`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number; got {value!r} of type {type(value).__name__}.")
    if not math.isfinite(value) or not low < value < high:
        raise ValueError(f"{name} must lie between {low} and {high}, ends excluded; got {value}.")
    return float(value)


def check_share(value, name):
    """Return `value` as a float from 0 to below 1."""
    return 0.0 if value == 0 and not isinstance(value, bool) else check_real(value, name, low=0.0, high=1.0)


def check_sizes(value, name, *, allow_empty=False):
    """Return `value`, a tuple or list of positive ints, as a tuple; an empty one only if `allow_empty`."""
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name} must be a tuple of int, such as (64,); got {value!r} of type {type(value).__name__}.")
    if not value and not allow_empty:
        raise ValueError(f"{name} must have at least one entry, such as (64,); got {value!r}.")
    return tuple(check_count(size, f"{name}[{i}]") for i, size in enumerate(value))


def check_choice(value, name, choices):
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}.")
    return value
