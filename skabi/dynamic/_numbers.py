"""What a number of a recipe may be: a number, a distribution, or the name of a hyper-parameter."""

import numpy as np

from skabi._params import check_real


def is_distribution(value):
    """Return whether `value` is a frozen distribution."""
    return hasattr(value, "rvs") and hasattr(value, "logpdf")


def number_of(value, name, *, low=-np.inf, high=np.inf):
    """Return `value` checked: a number above `low` and at most `high`, a distribution whose support is there, or a str.

    Raises
    ------
    TypeError, ValueError
        If it is none of these, or outside.
    """
    if isinstance(value, str):
        return value
    if not is_distribution(value):
        if np.isfinite(high) and not isinstance(value, bool) and value == high:
            return high
        return check_real(value, name, low=low, high=high)
    ends = value.support()
    if np.size(ends[0]) != 1 or not low <= float(np.min(ends[0])) < float(np.max(ends[1])) <= high:
        raise ValueError(
            f"{name} must be a number between {low:g} and {high:g}, or one distribution of such; the support of the "
            f"one given is {ends[0]} to {ends[1]}."
        )
    return value


def hyper_distributions(transitions):
    """Return distributions of the hyper-parameters that recipes bring themselves, a dict of name to distribution.

    Parameters
    ----------
    transitions : dict of parameter name to transition
    """
    return {
        f"{parameter}_{number}": value
        for parameter, transition in transitions.items()
        for number, value in transition.numbers().items()
        if is_distribution(value)
    }


def numbers_for(transitions, hyper):
    """Return, for each parameter, the numbers of its recipe, given hyper-parameters.

    Parameters
    ----------
    transitions : dict of parameter name to transition
    hyper : dict of str to ndarray of shape (n,)

    Returns
    -------
    numbers : dict of parameter name to dict of str to ndarray of shape (n,) or float
    """

    def resolved(parameter, number, value):
        if is_distribution(value):
            return hyper[f"{parameter}_{number}"]
        return hyper[value] if isinstance(value, str) else value

    return {
        parameter: {number: resolved(parameter, number, value) for number, value in transition.numbers().items()}
        for parameter, transition in transitions.items()
    }
