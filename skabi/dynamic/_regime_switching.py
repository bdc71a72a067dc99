"""A parameter that stays, and now and then is another."""

import numpy as np

from skabi.dynamic._base import BaseTransition, diagonal


class RegimeSwitching(BaseTransition):
    """A parameter that keeps its value, and at some times gets a new one, which owes nothing to the old.

    Parameters
    ----------
    rate : number, frozen distribution or str, default=0.02
        Probability of a new value at a time. See `BaseTransition`.
    mean, sd : number, frozen distribution or str, default=0.0 and 1.0
        Of values, the first and all new ones, on the real line.
    bounds : (float or None, float or None), optional
        Ends between which the parameter lies.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.dynamic import RegimeSwitching
    >>> rng = np.random.default_rng(0)
    >>> states, jumped = RegimeSwitching().sample(1, 200, {"rate": 0.02, "mean": 0.0, "sd": 1.0}, rng)
    >>> bool(len(np.unique(states)) == jumped.sum() + 1)
    True
    """

    _probabilities = ("rate",)
    can_jump = True

    def __init__(self, rate=0.02, *, mean=0.0, sd=1.0, bounds=None):
        self.rate = rate
        self.mean = mean
        self.sd = sd
        self.bounds = bounds

    def advance(self, states, hyper, rng):
        """Return states, of which a share are new, and which these are."""
        jumped = rng.random(len(states)) < hyper["rate"]
        new = self.start(len(states), hyper, rng)
        return np.where(jumped[:, np.newaxis], new, states), jumped

    def pull(self, states, hyper, *, jumped):
        """Return a `Pull` of none after a jump, else one that leaves states where they are."""
        return diagonal(states, np.inf if jumped else 0.0)
