"""A parameter that drifts."""

import numpy as np

from skabi.dynamic._base import BaseTransition, diagonal


class RandomWalk(BaseTransition):
    """A parameter that takes a normal step from each time to the next [1]_.

    Parameters
    ----------
    scale : number, frozen distribution or str, default=0.1
        Standard deviation of a step on the real line: in units of the parameter without bounds, and in the middle
        between two; as a relative change above one. See `BaseTransition`.
    mean, sd : number, frozen distribution or str, default=0.0 and 1.0
        Of the first time, on the real line.
    bounds : (float or None, float or None), optional
        Ends between which the parameter moves. It comes as close as it likes but never there, unlike a walk whose
        steps are cut off at the bounds, where it would stay with positive probability.

    References
    ----------
    .. [1] L. Schumacher, P. Buerkner, A. Voss, U. Koethe, S. Radev (2023). Neural superstatistics for Bayesian
       estimation of dynamic cognitive models. Scientific Reports 13. arXiv 2211.13165.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.dynamic import RandomWalk
    >>> walk, rng = RandomWalk(bounds=(0.0, 5.0)), np.random.default_rng(0)
    >>> states, _ = walk.sample(3, 100, {"scale": 1.0, "mean": 0.0, "sd": 1.0}, rng)
    >>> values = walk.values(states)
    >>> values.shape, bool((values > 0).all() and (values < 5).all())
    ((3, 100), True)
    """

    _positive = ("sd", "scale")

    def __init__(self, scale=0.1, *, mean=0.0, sd=1.0, bounds=None):
        self.scale = scale
        self.mean = mean
        self.sd = sd
        self.bounds = bounds

    def advance(self, states, hyper, rng):
        """Return states after a normal step, and that none of them jumped."""
        return states + np.reshape(hyper["scale"] * rng.standard_normal(len(states)), (-1, 1)), False

    def pull(self, states, hyper, *, jumped):
        """Return a `Pull` by the size of a step."""
        return diagonal(states, hyper["scale"])
