"""From how many data sets on training a network pays."""

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike

from skabi._params import check_real
from skabi._shapes import as_float_array
from skabi.diagnostics._result import Result


@dataclass(frozen=True, repr=False)
class BreakEven(Result):
    """Times of amortized inference and of another method, and where the first overtakes the second.

    Attributes
    ----------
    training_seconds : float
        Time spent once, before the first data set.
    seconds : float
        Time for each data set after that.
    other_seconds : float
        Time of the other method for each data set.
    n_datasets : int or math.inf
        Smallest number of data sets for which amortized inference takes no longer than the other method; infinity if
        it never catches up.

    See Also
    --------
    break_even : Makes one from the three times.
    """

    training_seconds: float
    seconds: float
    other_seconds: float
    n_datasets: int | float

    def speedup(self, n_datasets: ArrayLike):
        """Return how many times as long as amortized inference the other method takes, training included.

        Parameters
        ----------
        n_datasets : int or array-like of int
            Numbers of data sets, at least 1.

        Returns
        -------
        ratio : float or array of the same shape
            Above 1 where amortized inference is the quicker one. With the number of data sets it approaches
            `other_seconds / seconds`.
        """
        n = as_float_array(n_datasets, name="n_datasets")
        if (n < 1).any():
            raise ValueError(f"n_datasets must be at least 1; got {n_datasets!r}.")
        return n * self.other_seconds / (self.training_seconds + n * self.seconds)


def break_even(training_seconds: float, seconds: float, other_seconds: float) -> BreakEven:
    """Return from how many data sets on amortized inference takes no longer than another method.

    Amortized inference pays once for training and then little for each data set; methods such as MCMC pay the same
    for each. The times are yours to measure, in seconds or any other unit common to all three.

    Parameters
    ----------
    training_seconds : float
        Time until the network is ready, simulations for its training included.
    seconds : float
        Time of the network for one data set.
    other_seconds : float
        Time of the other method for one data set.

    Returns
    -------
    result : BreakEven
        Its `n_datasets` is the smallest number of data sets that pays, `math.inf` if none does; its method
        `speedup(n_datasets)` gives the ratio of times.

    Raises
    ------
    TypeError
        If a time is not a number.
    ValueError
        If a time is not finite and above 0.

    Examples
    --------
    A network that trains for 10 minutes and then needs 0.1 seconds a data set, against MCMC of 45 seconds each:

    >>> from skabi.diagnostics import break_even
    >>> result = break_even(training_seconds=600, seconds=0.1, other_seconds=45)
    >>> result.n_datasets
    14
    >>> print(result.speedup([1, 14, 1000]).round(2))
    [ 0.07  1.05 64.29]
    """
    training_seconds = check_real(training_seconds, "training_seconds", low=0.0)
    seconds = check_real(seconds, "seconds", low=0.0)
    other_seconds = check_real(other_seconds, "other_seconds", low=0.0)
    n_datasets: int | float = math.inf
    if seconds < other_seconds:
        # A hair less, so that 0.6 / (0.3 - 0.1) is 3 and not the next number after it.
        n_datasets = math.ceil(training_seconds / (other_seconds - seconds) * (1 - 1e-12))
    return BreakEven(training_seconds, seconds, other_seconds, n_datasets)
