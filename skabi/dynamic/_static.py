"""A parameter that does not move."""

from skabi.dynamic._base import BaseTransition, diagonal


class Static(BaseTransition):
    """A parameter that is the same at all times.

    Parameters
    ----------
    mean, sd : number, frozen distribution or str, default=0.0 and 1.0
        Of the normal distribution on the real line; see `BaseTransition`.
    bounds : (float or None, float or None), optional
        Ends between which the parameter lies.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.dynamic import Static
    >>> states, _ = Static(bounds=(0.0, None)).sample(2, 5, {"mean": 0.0, "sd": 1.0}, np.random.default_rng(0))
    >>> bool((states == states[:, :1]).all())
    True
    """

    is_static = True

    def __init__(self, *, mean=0.0, sd=1.0, bounds=None):
        self.mean = mean
        self.sd = sd
        self.bounds = bounds

    def advance(self, states, hyper, rng):
        """Return the states as they are, and that none of them jumped."""
        return states, False

    def pull(self, states, hyper, *, jumped):
        """Return a `Pull` that leaves states where they are."""
        return diagonal(states, 0.0)
